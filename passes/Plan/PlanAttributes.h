//===- PlanAttributes.h - Module attributes of a planned module -*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_PLANATTRIBUTES_H
#define NEAP_PASSES_PLAN_PLANATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace neap {

/// Where slots may lie (i64 each): the arena's size and the first byte after
/// the fixed ranges.
constexpr llvm::StringLiteral kArenaBytesAttr = "plan.arena_bytes";
constexpr llvm::StringLiteral kSlotsOffsetAttr = "plan.slots_offset";

} // namespace neap

#endif // NEAP_PASSES_PLAN_PLANATTRIBUTES_H
