//===- VerifyOrdered.h - Input form of planning -----------------*- C++ -*-===//

#ifndef NEAP_PASSES_VERIFY_VERIFYORDERED_H
#define NEAP_PASSES_VERIFY_VERIFYORDERED_H

#include "mlir/IR/BuiltinOps.h"

namespace neap {

/// Checks every function of a module that planning may start from; the numbered
/// conditions are those of the pass verify-ordered.
mlir::LogicalResult verifyOrdered(mlir::ModuleOp module);

} // namespace neap

#endif // NEAP_PASSES_VERIFY_VERIFYORDERED_H
