// Passes that build the joint forward, backward and update graph; Passes.td is
// the documentation.
#ifndef NEAP_PASSES_BUILD_PASSES_H
#define NEAP_PASSES_BUILD_PASSES_H

#include "dialects/Train/TrainDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace neap {

#define GEN_PASS_DECL
#include "passes/Build/Passes.h.inc"

/// One adapter to add to a linear layer.
struct LoraTarget {
  std::string modulePath; ///< as in the layer's location
  int64_t rank;
  double scaling; ///< alpha / r, or alpha / sqrt(r)
  double dropout = 0;
  train::InitKind initA = train::InitKind::Uniform;
  double initScaleA = -1; ///< bound or deviation; negative: 1 / sqrt(inputs)
  train::InitKind initB = train::InitKind::Zero;
  double initScaleB = 0;
};

/// Adds the adapters to @forward; see train-apply-lora. Parameters are declared
/// in the order of the layers in the graph, A before B.
mlir::LogicalResult applyLora(mlir::ModuleOp module,
                              llvm::ArrayRef<LoraTarget> targets);

/// Names of the functions that make up a job.
constexpr llvm::StringLiteral kForwardName = "forward";
constexpr llvm::StringLiteral kTrainRowName = "train_row";
constexpr llvm::StringLiteral kEvalRowName = "eval_row";
constexpr llvm::StringLiteral kGradNormName = "grad_norm";
constexpr llvm::StringLiteral kUpdateName = "update";

#define GEN_PASS_REGISTRATION
#include "passes/Build/Passes.h.inc"

} // namespace neap
#endif
