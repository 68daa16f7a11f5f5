// From structured kernels to the LLVM dialect.
#ifndef NEAP_PASSES_LOWER_LLVMPIPELINE_H
#define NEAP_PASSES_LOWER_LLVMPIPELINE_H

#include "mlir/IR/BuiltinOps.h"

namespace neap {

/// Lowers a module of llvm.func operations whose bodies mix scf, arith, vector
/// and llvm operations to the LLVM dialect alone. No pass of it allocates,
/// calls a library or reassociates.
mlir::LogicalResult lowerToLlvmDialect(mlir::ModuleOp module);

} // namespace neap
#endif
