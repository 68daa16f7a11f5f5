// The plan dialect's C++ declarations; PlanOps.td is the documentation.
#ifndef NEAP_DIALECTS_PLAN_PLANDIALECT_H
#define NEAP_DIALECTS_PLAN_PLANDIALECT_H

#include "dialects/Interfaces/Interfaces.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Plan/PlanDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Plan/PlanAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Plan/PlanTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/Plan/PlanOps.h.inc"

namespace neap::plan {
/// Alignment of every slot, bytes: a cache line and the widest vector.
constexpr int64_t kSlotAlignment = 64;
/// Direct input wants addresses, sizes and file offsets at multiples of this.
constexpr int64_t kFetchAlignment = 4096;

/// Module attribute with the longest row, in tokens (an i64).
constexpr llvm::StringLiteral kMaxTokensAttr = "plan.max_tokens";
/// Module attribute with the DeviceAttr.
constexpr llvm::StringLiteral kDeviceAttr = "plan.device";

/// The module's maximum token count; asserts that import has set it.
int64_t getMaxTokens(mlir::ModuleOp module);

/// Kernel tile sizes from the module's device attribute and token count.
KernelTarget getKernelTarget(mlir::ModuleOp module);
} // namespace neap::plan

#endif
