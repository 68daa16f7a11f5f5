//===- PlanModule.h - Plans a joint module ----------------------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_PLANMODULE_H
#define NEAP_PASSES_PLAN_PLANMODULE_H

#include "passes/Plan/PlanResult.h"

#include "mlir/IR/BuiltinOps.h"

namespace neap {

enum class PlanObjective { Fastest, Smallest };

struct PlanOptions {
  /// Unset: no limit; nothing is recomputed unless the objective asks for it.
  std::optional<int64_t> budgetBytes;
  /// What the budget limits, and what the smallest peak and bounds count.
  MemoryMeasure measure = MemoryMeasure::Anon;
  PlanObjective objective = PlanObjective::Fastest;
  /// Size of model.weights; unset: estimated from the weights' sizes.
  std::optional<int64_t> weightsFileBytes;
  WeightsPlace weightsPlace = WeightsPlace::Mapped;
  /// Of the weights that stay resident where others are streamed.
  int64_t smallWeightBytes = 0;
  /// Of the device's flash, for reads beside arithmetic.
  double flashBytesPerSecond = 1e9;
  /// Optimizer moments per parameter: 2 for AdamW, 1 or 0 for SGD.
  int64_t momentArrays = 2;
  /// Rows of one optimizer step: batch size times accumulation steps.
  int64_t rowsPerStep = 1;
  /// Fill dead bytes with NaN (a test aid).
  bool poison = false;
  /// Nodes that one exact offset search may visit.
  int64_t searchNodes = 100000;
};

/// Orders, recomputes and places every program of `module` and rewrites them to
/// plan.slot and plan.run form (verify-planned holds). Input: a module with
/// `plan.max_tokens` and `plan.device` whose functions satisfy verify-ordered.
/// Threads and token count come from those attributes.
///
/// If nothing fits the budget the result has `fits == false`, describes the
/// smallest plan, and the module is unchanged. Fails with a diagnostic on
/// malformed input only. Deterministic; cost: some thousand passes over the
/// longest program plus the offset search.
mlir::FailureOr<PlanResult> planModule(mlir::ModuleOp module,
                                       const PlanOptions &options);

/// Plans for `points` budgets evenly spaced in bytes between the smallest plan
/// and everything kept, both included, the smallest first. Leaves the module as
/// it is; the budget and the objective of `options` are not used.
mlir::FailureOr<std::vector<PlanResult>>
sweepModule(mlir::ModuleOp module, const PlanOptions &options, int points);

} // namespace neap

#endif // NEAP_PASSES_PLAN_PLANMODULE_H
