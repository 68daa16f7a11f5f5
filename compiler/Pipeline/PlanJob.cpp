#include "compiler/Pipeline/PlanJob.h"

#include "compiler/Pipeline/AdapterFiles.h"
#include "compiler/Report/PlanJson.h"
#include "compiler/Spec/Count.h"
#include "compiler/Spec/EffectiveSpec.h"
#include "passes/Plan/FetchWeights.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace neap;

/// How planning counts what the profile's limit counts. iOS counts dirty pages;
/// Android's limiter evicts file pages first, so anonymous ones are what binds.
static MemoryMeasure getMeasure(BudgetKind kind) {
  switch (kind) {
  case BudgetKind::Rss:
    return MemoryMeasure::Rss;
  case BudgetKind::Cgroup:
    return MemoryMeasure::Cgroup;
  case BudgetKind::Anon:
  case BudgetKind::IosFootprint:
  case BudgetKind::AndroidLimiter:
    return MemoryMeasure::Anon;
  }
  return MemoryMeasure::Rss;
}

static PlanOptions makeOptions(const JobRequest &request, const Job &job,
                               const WeightsLayout &weights) {
  const neap_training &training = job.train.training;
  PlanOptions options;
  // Beyond any machine, and sums with it do not overflow.
  constexpr int64_t kUnlimited = int64_t(1) << 60;
  options.budgetBytes = std::min(
      request.budgetBytes.value_or(job.device.jobBudgetBytes()), kUnlimited);
  options.measure = getMeasure(job.device.budget.kind);
  options.objective =
      request.smallest ? PlanObjective::Smallest : PlanObjective::Fastest;
  options.weightsFileBytes = weights.fileBytes;
  options.weightsPlace = job.train.weights;
  options.smallWeightBytes = weights.smallBytes;
  options.flashBytesPerSecond = job.device.flash.readMBps.value * 1e6;
  bool sgd = training.optimizer == NEAP_OPTIMIZER_SGD;
  options.momentArrays = !sgd ? 2 : training.momentum > 0 ? 1 : 0;
  options.rowsPerStep = training.batch_rows * training.accumulation_steps;
  options.poison = request.poison;
  return options;
}

static PlanReportInfo makeReportInfo(const JobRequest &request, const Job &job,
                                     const PlanOptions &options) {
  PlanReportInfo info;
  info.neapVersion = getVersion();
  info.job = job.name;
  info.device = job.device.name;
  info.targetTriple = job.device.triple;
  info.threads = getPlannedThreads(job);
  info.inputHashes = job.inputHashes;
  info.budgetKind = budgetKindName(job.device.budget.kind);
  info.budgetBytes = options.budgetBytes;
  info.budgetSource = request.budgetBytes ? "--budget" : "profile";
  info.objective =
      options.objective == PlanObjective::Smallest ? "smallest" : "fastest";
  return info;
}

/// The job's programs with the reads that its residency asks for.
static void streamWeights(const Job &job) {
  if (job.train.weights == WeightsPlace::Streamed)
    fetchWeights(*job.joint, kStreamedWeightBytes);
}

/// Flash wears, so a profile may limit what a job writes to it.
static CommandResult checkWriteBudget(const Job &job,
                                      const FlashTraffic &flash) {
  const std::optional<ByteFigure> &budget = job.device.flash.writeBudgetPerJob;
  if (!budget || flash.writeBytesPerJob() <= budget->value)
    return std::nullopt;
  return CommandError(
      ExitCode::DoesNotFit,
      "expected at most " + std::to_string(budget->value) +
          " bytes written per job (flash.write_budget_bytes_per_job of the "
          "profile '" +
          job.device.name + "'), but found " +
          std::to_string(flash.writeBytesPerJob()) + ": " +
          std::to_string(flash.adapterBytes) + " of the adapter, " +
          std::to_string(flash.logBytes) + " of a log");
}

CommandResult neap::planJob(const JobRequest &request, Job &job,
                            PlannedJob &planned) {
  planned.weights = layOutWeights(*job.imported);
  planned.options = makeOptions(request, job, planned.weights);
  streamWeights(job);
  mlir::FailureOr<PlanResult> result = planModule(*job.joint, planned.options);
  if (mlir::failed(result))
    return CommandError(ExitCode::Bug, "planning failed");
  planned.result = std::move(*result);
  planned.info = makeReportInfo(request, job, planned.options);
  if (!planned.result.fits)
    return CommandError(ExitCode::DoesNotFit,
                        renderDoesNotFit(planned.result, planned.info));
  planned.info.flash = estimateFlashTraffic(job, planned.result.layout);
  planned.info.flash.readBytesPerStep = planned.result.fetchedBytesPerStep;
  if (CommandResult error = checkWriteBudget(job, planned.info.flash))
    return error;
  planned.json = renderPlanJson(planned.result, planned.info);
  return std::nullopt;
}

CommandResult neap::sweepJob(const JobRequest &request, Job &job, int points,
                             DeviceSweep &sweep) {
  PlanOptions options = makeOptions(request, job, layOutWeights(*job.imported));
  streamWeights(job);
  mlir::FailureOr<std::vector<PlanResult>> plans =
      sweepModule(*job.joint, options, points);
  if (mlir::failed(plans))
    return CommandError(ExitCode::Bug, "planning failed");
  sweep = {makeReportInfo(request, job, options), std::move(*plans)};
  return std::nullopt;
}

std::string neap::describePlan(const Job &job, const PlannedJob &planned) {
  std::string text =
      "job " + job.name + " for " + job.device.name + ": " +
      formatCount(int64_t(job.matchedPaths.size()), "module") + ", " +
      formatCount(job.trainableParameters, "trainable parameter") + "\n";
  text += "lora:     " + describeLora(job.lora) + "\n";
  text += "training: " + describeTraining(job.train) + "\n";
  text += "          " + describeExecution(job.train) + "\n";
  if (!job.train.unusedFields.empty())
    text += "unused:   " + llvm::join(job.train.unusedFields, ", ") + "\n";
  return text + renderPlanSummary(planned.result, planned.info);
}
