//===- VerifyPlanned.h - Independent check of a plan ------------*- C++ -*-===//

#ifndef NEAP_PASSES_VERIFY_VERIFYPLANNED_H
#define NEAP_PASSES_VERIFY_VERIFYPLANNED_H

#include "mlir/IR/BuiltinOps.h"

namespace neap {

/// Checks every function of a module in planned form, from its plan.run ops
/// alone (nothing of passes/Analysis is used):
///  1. functions hold handles, slots, runs and poison only, and take nothing;
///  2. slots lie inside the arena (`plan.arena_bytes`) and their offset is
///     aligned; slots below `plan.slots_offset` are inputs: never written;
///  3. a slot above it is written before it is read, and written once;
///  4. no two slots alive in the same run share a byte, unless the operation
///     permits that its result overwrites the operand, which dies, or is a
///     view;
///  5. bytes are poisoned only while nothing alive is in them.
/// A slot is alive from the run that writes it to the last one that reads it,
/// both included; the viewed slot lives as long as its views.
mlir::LogicalResult verifyPlanned(mlir::ModuleOp module);

} // namespace neap

#endif // NEAP_PASSES_VERIFY_VERIFYPLANNED_H
