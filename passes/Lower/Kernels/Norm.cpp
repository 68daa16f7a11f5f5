#include "passes/Lower/RegisterKernels.h"

void neap::registerNormKernels(mlir::DialectRegistry &registry) {}
