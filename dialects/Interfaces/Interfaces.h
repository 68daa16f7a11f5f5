// Declarations of the op interfaces; see Interfaces.td for their contracts.
#ifndef NEAP_DIALECTS_INTERFACES_INTERFACES_H
#define NEAP_DIALECTS_INTERFACES_INTERFACES_H

#include "dialects/Interfaces/KernelTarget.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <optional>

namespace neap {
class KernelEmitter;

/// The storage area that a handle points into.
enum class HandleSpace { Weights, AdapterValues, AdapterGradients };

/// Bytes of `type` when a row has `tokens` tokens: dynamic dimensions count as
/// `tokens`. Handle types answer through their own storage size; other types 0.
int64_t getTypeBytes(mlir::Type type, int64_t tokens);

namespace detail {
double defaultBytesTouched(mlir::Operation *op, int64_t tokens);
} // namespace detail

/// A type that names storage.
bool isHandleType(mlir::Type type);
/// A value that stands for storage outside the planned slots: what a
/// HandleOpInterface op yields. A fetched handle lies in a slot.
bool isHandle(mlir::Value value);
} // namespace neap

#include "dialects/Interfaces/TypeInterfaces.h.inc"

#include "dialects/Interfaces/Interfaces.h.inc"

#endif
