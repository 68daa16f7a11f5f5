// Planning a prepared job, shared by `plan` and `compile`.
#ifndef NEAP_COMPILER_PIPELINE_PLANJOB_H
#define NEAP_COMPILER_PIPELINE_PLANJOB_H

#include "compiler/Emit/WeightsFile.h"
#include "compiler/Pipeline/Job.h"
#include "compiler/Report/SweepReport.h"
#include "passes/Plan/PlanModule.h"

namespace neap {

/// A planned job; `job.joint` is then in planned form.
struct PlannedJob {
  WeightsLayout weights;
  PlanOptions options;
  PlanResult result;
  PlanReportInfo info;
  std::string json; ///< the text of plan.json
};

/// Plans within the request's or the device's budgets, of memory and of bytes
/// written. Does not fit: an error with the smallest feasible peak, its
/// classes and the largest tensors there, or with what is written.
CommandResult planJob(const JobRequest &request, Job &job, PlannedJob &planned);

/// Plans for `points` budgets; `job.joint` stays as it is.
CommandResult sweepJob(const JobRequest &request, Job &job, int points,
                       DeviceSweep &sweep);

/// The summary of `plan` and `compile`, at most 25 lines with the outputs.
std::string describePlan(const Job &job, const PlannedJob &planned);

/// Where a report goes: `path` itself if it ends in .json, else `name` in the
/// folder `path`. Folders that do not exist are made. Writes it, whole or not
/// at all, and stores the file's path in `written`.
CommandResult writeReport(const std::string &path, const std::string &name,
                          const std::string &text, std::string &written);

} // namespace neap
#endif
