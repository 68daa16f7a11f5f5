//===- PlanJson.h - plan.json and the summary table -------------*- C++ -*-===//

#ifndef NEAP_COMPILER_REPORT_PLANJSON_H
#define NEAP_COMPILER_REPORT_PLANJSON_H

#include "passes/Plan/PlanResult.h"

#include <string>
#include <utility>
#include <vector>

namespace neap {

/// What a report says that planning does not know.
struct PlanReportInfo {
  std::string neapVersion, job, device;
  /// Input name to SHA-256, in the order to be written.
  std::vector<std::pair<std::string, std::string>> inputHashes;
  /// The profile's budget kind ("anon", "rss", "cgroup", ...); without bytes
  /// there is no budget.
  std::string budgetKind;
  std::optional<int64_t> budgetBytes;
  std::string objective; ///< "fastest" or "smallest"
};

/// plan.json (docs/plan-json.md): two-space indentation, stable key order, one
/// trailing newline.
std::string renderPlanJson(const PlanResult &plan, const PlanReportInfo &info);

/// Lines for people, at most 16: trainable state, peak by class against the
/// budget, smallest peak, floor and gaps, recompute share, time, flash.
std::string renderPlanSummary(const PlanResult &plan,
                              const PlanReportInfo &info);

/// Why the peak is what it is: the step and the five largest tensors alive
/// there with their ONNX nodes. The plan has steps.
std::string explainPeak(const PlanResult &plan);

/// The message of exit code 4, for a plan that does not fit: budget, smallest
/// peak and the five largest tensors alive there with their ONNX nodes.
std::string renderDoesNotFit(const PlanResult &plan,
                             const PlanReportInfo &info);

} // namespace neap

#endif // NEAP_COMPILER_REPORT_PLANJSON_H
