#include "passes/Lower/RegisterKernels.h"

void neap::registerKernels(mlir::DialectRegistry &registry) {
  registerElementwiseKernels(registry);
  registerNormKernels(registry);
  registerEmbeddingKernels(registry);
  registerRopeKernels(registry);
  registerAttentionKernels(registry);
  registerOptimizerKernels(registry);
  registerLinearKernels(registry);
  registerLoraKernels(registry);
  registerCrossEntropyKernels(registry);
}
