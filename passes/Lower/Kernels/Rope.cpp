#include "passes/Lower/RegisterKernels.h"

void neap::registerRopeKernels(mlir::DialectRegistry &registry) {}
