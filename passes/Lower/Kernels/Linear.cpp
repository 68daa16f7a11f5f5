#include "passes/Lower/RegisterKernels.h"

void neap::registerLinearKernels(mlir::DialectRegistry &registry) {}
