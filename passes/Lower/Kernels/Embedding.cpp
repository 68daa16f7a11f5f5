#include "passes/Lower/RegisterKernels.h"

void neap::registerEmbeddingKernels(mlir::DialectRegistry &registry) {}
