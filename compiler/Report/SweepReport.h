//===- SweepReport.h - The memory/time curve of a job -----------*- C++ -*-===//

#ifndef NEAP_COMPILER_REPORT_SWEEPREPORT_H
#define NEAP_COMPILER_REPORT_SWEEPREPORT_H

#include "compiler/Report/PlanJson.h"

#include <vector>

namespace neap {

/// The plans of one job on one device, the smallest peak first.
struct DeviceSweep {
  PlanReportInfo info;
  std::vector<PlanResult> plans;
};

/// sweep.json (docs/plan-json.md): two-space indentation, stable key order, one
/// trailing newline. All sweeps are of one job.
std::string renderSweepJson(const std::vector<DeviceSweep> &sweeps);

/// A table: one line per plan.
std::string renderSweepTable(const DeviceSweep &sweep);

} // namespace neap

#endif // NEAP_COMPILER_REPORT_SWEEPREPORT_H
