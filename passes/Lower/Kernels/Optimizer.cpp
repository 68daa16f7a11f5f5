#include "passes/Lower/RegisterKernels.h"

void neap::registerOptimizerKernels(mlir::DialectRegistry &registry) {}
