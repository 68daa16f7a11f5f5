// Lowers planned programs to one module of LLVM functions: kernels, outlined
// segments, and one entry point per program.
#ifndef NEAP_PASSES_LOWER_LOWERPROGRAMS_H
#define NEAP_PASSES_LOWER_LOWERPROGRAMS_H

#include "dialects/Interfaces/KernelTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace neap {

/// Where storage outside the slots lives; all offsets are multiples of 64
/// bytes.
struct StorageLayout {
  llvm::StringMap<int64_t> weightOffsets; ///< graph.weight_decl -> weights file
  llvm::StringMap<int64_t> residentWeights;   ///< those that lie in the arena
  llvm::StringMap<int64_t> parameterElements; ///< train.parameter -> floats
  int64_t valuesOffset = 0, gradientsOffset = 0; ///< adapter areas in the arena
  int64_t moment1Offset = 0, moment2Offset = 0;
  int64_t parameterElementCount = 0;
};

/// Input: a module in planned form (plan.run functions; verify-planned holds).
/// Output: a new module with an llvm.func `void NAME(context)` per function of
/// the input and internal helpers, still with structured bodies (see
/// lowerToLlvmDialect). Fails with a diagnostic on an op without a kernel and
/// on a weight or parameter of which `storage` knows nothing.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
lowerPrograms(mlir::ModuleOp planned, const StorageLayout &storage,
              const KernelTarget &target);

} // namespace neap
#endif
