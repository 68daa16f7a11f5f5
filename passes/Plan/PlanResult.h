//===- PlanResult.h - Everything a plan says --------------------*- C++ -*-===//
//
// What planModule hands to reports (plan.json, tables) and to emission. Plain
// data; docs/plan-json.md is the meaning of most fields. Bytes everywhere;
// lifetimes are half-open in steps of their program.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_PLAN_PLANRESULT_H
#define NEAP_PASSES_PLAN_PLANRESULT_H

#include "passes/Plan/ArenaLayout.h"
#include "passes/Plan/PlannedPeak.h"
#include "passes/Plan/WeightsPlace.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace neap {

/// What memory is used for, in the order of reports.
enum class MemoryClass {
  AdapterParameters,
  Gradients,
  OptimizerState,
  ResidentWeights,
  WeightStaging,
  SavedActivations,
  Transients,
  KernelScratch,
  IoBuffers,
  ArenaGaps,
  CodeAndStacks,
  MappedWeights,
  KernelBookkeeping,
};
constexpr int memoryClassCount = 13;

/// The name in plan.json, e.g. "saved_activations".
const char *getMemoryClassName(MemoryClass memoryClass);

struct PlannedBuffer {
  /// "*" for fixed buffers, which live in every program.
  std::string program;
  std::string name, onnxNode;
  int64_t bytes = 0;
  MemoryClass memoryClass = MemoryClass::Transients;
  int64_t start = 0, end = 0;
  int64_t offset = 0, alignment = 64;
  bool fixed = false;
};

struct PlannedStep {
  std::string op, onnxNode;
  int64_t liveBytes = 0; ///< fixed buffers included
  double flops = 0;
  bool recomputed = false;
};

struct PlannedProgram {
  std::string name;
  /// Times that an optimizer step runs it to train: rows of its accumulation
  /// window with a backward part, else 0.
  int64_t runsPerStep = 0;
  std::vector<PlannedStep> steps;
  int64_t maxLiveBytes = 0;    ///< largest liveBytes
  int64_t slotsBytes = 0;      ///< height of the slots region
  int64_t slotsLowerBound = 0; ///< no offsets for these lifetimes go below
  bool offsetsOptimal = false; ///< slotsBytes == slotsLowerBound
  std::string offsetsMethod;
};

/// Peaks in the measure of the budget, times in seconds per optimizer step.
struct PlanBounds {
  /// No order of these operations and no recomputation has a smaller peak
  /// without splitting one.
  int64_t floorBytes = 0;
  /// No order that runs every operation once has a smaller peak.
  int64_t orderPeakBytes = 0;
  /// No order of the chosen operations, recomputed ones included, has a smaller
  /// peak.
  int64_t chosenPeakBytes = 0;
  /// No schedule within the budget takes less time.
  double seconds = 0;
  /// No plan of the planner's class within the budget takes less: every block
  /// by one of its variants, blocks' inputs kept or made again to any depth, by
  /// the blocks' peaks as measured apart. Never below `seconds`.
  double nestedSeconds = 0;
  /// Slope of `seconds` over the budget, in seconds per MiB; 0 where the budget
  /// does not bind.
  double secondsPerMiB = 0;
};

struct PlannedBlockChoice {
  std::string program;
  /// Of its steps in the forward part, in the planned order, both included:
  /// where blocks interleave, others' steps may lie between.
  int64_t firstStep = 0, lastStep = 0;
  std::string firstOnnxNode, lastOnnxNode; ///< of those two steps
  int type = 0;
  /// "keep", or "recompute K of N" steps.
  std::string variant;
  int64_t keptBytes = 0;
  double extraSeconds = 0;
};

struct PlanResult {
  /// False: nothing fits the budget, the module is untouched, and everything
  /// below describes the smallest plan.
  bool fits = true;

  ArenaLayout layout;
  PlannedPeak peak;
  /// The measure that the budget is given in, of this plan and of the smallest
  /// plan found.
  int64_t plannedBytes = 0, minPeakBytes = 0;
  int64_t maxLiveBytes = 0; ///< over all programs, fixed buffers included
  /// arena - maxLive, by cause.
  int64_t fragmentationBytes = 0, pageRoundingBytes = 0;
  /// What no schedule can beat; docs/planning.md ("Bounds") names the classes.
  PlanBounds bounds;
  /// At the peak step; adds up to peak.cgroupBytes.
  std::array<int64_t, memoryClassCount> bytesByClass = {};
  size_t peakProgram = 0; ///< index into `programs`
  int64_t peakStep = 0;

  std::vector<PlannedProgram> programs;
  std::vector<PlannedBuffer> buffers; ///< fixed ones first
  std::vector<PlannedBlockChoice> blocks;

  /// Of one optimizer step: all rows of its accumulation window.
  double flopsPerStep = 0, recomputedFlops = 0, secondsPerStep = 0;
  /// What a plan for one MiB more takes less per step, and one for one MiB less
  /// takes more; nothing if none is found for so little, or if not asked for.
  double secondsSavedByNextMiB = 0;
  std::optional<double> secondsCostOfLastMiB;

  int64_t weightCount = 0, weightBytes = 0; ///< as stored, without padding
  int64_t weightsFileBytes = 0;
  WeightsPlace weightsPlace = WeightsPlace::Mapped;
  /// Weights read from flash per optimizer step, and what the arithmetic waits
  /// for them.
  int64_t fetchedBytesPerStep = 0;
  double waitSecondsPerStep = 0;

  /// Buffers alive at the peak step, largest first.
  std::vector<PlannedBuffer> findBuffersAtPeak() const;
};

} // namespace neap

#endif // NEAP_PASSES_PLAN_PLANRESULT_H
