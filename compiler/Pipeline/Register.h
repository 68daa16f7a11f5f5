// The one explicit list of dialects and passes.
#ifndef NEAP_COMPILER_PIPELINE_REGISTER_H
#define NEAP_COMPILER_PIPELINE_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace neap {

/// Every dialect that a module of Neap may hold, with the kernels attached.
void registerDialects(mlir::DialectRegistry &registry);

/// Every pass of Neap, and those of upstream that it uses.
void registerPasses();

} // namespace neap
#endif
