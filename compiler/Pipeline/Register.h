// The one explicit list of dialects and passes.
#ifndef NEAP_COMPILER_PIPELINE_REGISTER_H
#define NEAP_COMPILER_PIPELINE_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace neap {

/// Every dialect that a module of Neap may hold, with the kernels attached.
void registerDialects(mlir::DialectRegistry &registry);

/// Every pass of Neap, and upstream's canonicalizer and CSE.
void registerPasses();

} // namespace neap
#endif
