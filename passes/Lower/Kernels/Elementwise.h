// Shared by the kernels that work row by row.
#ifndef NEAP_PASSES_LOWER_KERNELS_ELEMENTWISE_H
#define NEAP_PASSES_LOWER_KERNELS_ELEMENTWISE_H

#include "passes/Lower/KernelEmitter.h"

namespace neap {

/// Splits the row's tokens over threads and runs body(token) for each.
void forEachToken(KernelEmitter &emitter,
                  llvm::function_ref<void(mlir::Value token)> body);

/// The same, then vectors of `columns` columns: body(at, n) with the element
/// index `at` in a tokens x columns array and n lanes valid. Loads precede
/// stores within a call, so a result may lie over an operand of its shape.
void forEachVector(KernelEmitter &emitter, int64_t columns,
                   llvm::function_ref<void(mlir::Value at, int64_t n)> body);

/// Sums over `columns` columns of one row, several at once. `terms(column, n)`
/// gives one vector per sum; lanes beyond n must be zero. Each sum runs in
/// four vectors of partial sums (column / lanes modulo 4), which are added
/// pairwise and then halved: an order that depends on the vector width alone.
KernelBuilder::Values sumColumns(
    KernelBuilder &b, int64_t columns, int64_t sums,
    llvm::function_ref<KernelBuilder::Values(mlir::Value column, int64_t n)>
        terms);

void attachActivationKernels(mlir::MLIRContext &context);
void attachDropoutKernel(mlir::MLIRContext &context);

} // namespace neap
#endif
