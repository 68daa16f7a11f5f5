#include "passes/Lower/RegisterKernels.h"

void neap::registerLoraKernels(mlir::DialectRegistry &registry) {}
