// From structured kernels to the LLVM dialect.
#ifndef NEAP_PASSES_LOWER_LLVMPIPELINE_H
#define NEAP_PASSES_LOWER_LLVMPIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace neap {

/// Adds the passes that lower a module of llvm.func operations whose bodies mix
/// scf, arith, vector and llvm operations to the LLVM dialect alone. No pass of
/// it allocates, calls a library or reassociates. Ends in verify-lowered.
void buildLlvmPipeline(mlir::OpPassManager &passes);

/// Registers the pipeline as `lower-convert-to-llvm` and, but for the ones of
/// mlir/Transforms that registerPasses knows, its passes under their own names.
void registerLlvmPipeline();

/// Runs the pipeline.
mlir::LogicalResult lowerToLlvmDialect(mlir::ModuleOp module);

} // namespace neap
#endif
