#include "passes/Lower/RegisterKernels.h"

void neap::registerAttentionKernels(mlir::DialectRegistry &registry) {}
