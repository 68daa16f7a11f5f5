//===- PlanJson.h - plan.json and the summary table -------------*- C++ -*-===//

#ifndef NEAP_COMPILER_REPORT_PLANJSON_H
#define NEAP_COMPILER_REPORT_PLANJSON_H

#include "passes/Plan/PlanResult.h"

#include <string>
#include <utility>
#include <vector>

namespace neap {

/// What a job reads from flash and writes to it. No step pages or streams, so
/// that a step's figures are 0.
struct FlashTraffic {
  int64_t readBytesPerStep = 0, writeBytesPerStep = 0;
  int64_t adapterBytes = 0; ///< the files of --out, at most
  int64_t logBytes = 0;     ///< the file of --log, at most
  /// Of the job; absent where the data's size decides (epochs), and then
  /// neither the log's steps nor any step's traffic is counted.
  std::optional<int64_t> steps;

  /// Weights are read once; page cache keeps mapped ones.
  int64_t readBytesPerJob(int64_t weightsFileBytes) const {
    return weightsFileBytes + readBytesPerStep * steps.value_or(0);
  }
  int64_t writeBytesPerJob() const {
    return adapterBytes + logBytes + writeBytesPerStep * steps.value_or(0);
  }
};

/// What a report says that planning does not know.
struct PlanReportInfo {
  std::string neapVersion, job, device, targetTriple;
  int64_t threads = 1; ///< planned, at most
  /// Input name to SHA-256, in the order to be written.
  std::vector<std::pair<std::string, std::string>> inputHashes;
  /// The profile's budget kind ("anon", "rss", "cgroup", ...); without bytes
  /// there is no budget.
  std::string budgetKind;
  std::optional<int64_t> budgetBytes;
  std::string budgetSource; ///< "profile" or "--budget"
  std::string objective;    ///< "fastest" or "smallest"
  FlashTraffic flash;
  /// Identity of model.weights, hexadecimal; empty where none was written.
  std::string weightsSha256;
};

/// plan.json (docs/plan-json.md): two-space indentation, stable key order, one
/// trailing newline.
std::string renderPlanJson(const PlanResult &plan, const PlanReportInfo &info);

/// Lines for people, at most 15: peak by class against the budget, smallest
/// peak, floor and gaps, recompute share, time, flash.
std::string renderPlanSummary(const PlanResult &plan,
                              const PlanReportInfo &info);

/// Why the peak is what it is: the step and the five largest tensors alive
/// there with their ONNX nodes. The plan has steps.
std::string explainPeak(const PlanResult &plan);

/// The message of exit code 4, for a plan that does not fit: budget and who set
/// it, smallest peak, its classes and the five largest tensors alive there with
/// their ONNX nodes. Does not end in a newline.
std::string renderDoesNotFit(const PlanResult &plan,
                             const PlanReportInfo &info);

} // namespace neap

#endif // NEAP_COMPILER_REPORT_PLANJSON_H
