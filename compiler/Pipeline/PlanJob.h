// Planning a prepared job, shared by `plan` and `compile`.
#ifndef NEAP_COMPILER_PIPELINE_PLANJOB_H
#define NEAP_COMPILER_PIPELINE_PLANJOB_H

#include "compiler/Emit/WeightsFile.h"
#include "compiler/Pipeline/Job.h"
#include "passes/Plan/PlanModule.h"

namespace neap {

/// A planned job; `job.joint` is then in planned form.
struct PlannedJob {
  WeightsLayout weights;
  PlanOptions options;
  PlanResult result;
  std::string json; ///< the text of plan.json
};

/// Plans within the request's or the device's budget. Does not fit: an error
/// with the smallest feasible peak and the largest tensors there.
CommandResult planJob(const JobRequest &request, Job &job, PlannedJob &planned);

/// The summary of `plan` and `compile`, at most 25 lines with the outputs.
std::string describePlan(const Job &job, const PlannedJob &planned);

/// Creates an output folder and its parents.
CommandResult createFolder(const std::string &path);

} // namespace neap
#endif
