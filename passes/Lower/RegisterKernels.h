// The one list of kernels: attaches KernelOpInterface models to every op that
// can be lowered. Each function is defined beside its kernels.
#ifndef NEAP_PASSES_LOWER_REGISTERKERNELS_H
#define NEAP_PASSES_LOWER_REGISTERKERNELS_H

#include "mlir/IR/DialectRegistry.h"

namespace neap {

void registerElementwiseKernels(mlir::DialectRegistry &registry);
void registerNormKernels(mlir::DialectRegistry &registry);
void registerEmbeddingKernels(mlir::DialectRegistry &registry);
void registerRopeKernels(mlir::DialectRegistry &registry);
void registerAttentionKernels(mlir::DialectRegistry &registry);
void registerOptimizerKernels(mlir::DialectRegistry &registry);
void registerLinearKernels(mlir::DialectRegistry &registry);
void registerLoraKernels(mlir::DialectRegistry &registry);
void registerCrossEntropyKernels(mlir::DialectRegistry &registry);
void registerFetchKernels(mlir::DialectRegistry &registry);

/// All of the above.
void registerKernels(mlir::DialectRegistry &registry);

} // namespace neap
#endif
