//===- AllocateSlots.h - From tensors to slots ------------------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_ALLOCATESLOTS_H
#define NEAP_PASSES_PLAN_ALLOCATESLOTS_H

#include "passes/Analysis/Extraction.h"
#include "passes/Plan/ArenaLayout.h"
#include "passes/Plan/ProgramPlan.h"

namespace neap {

/// Rewrites `program`, whose function follows `plan.schedule` (applySchedule),
/// to plan.slot and plan.run. Arguments become slots at the layout's inputs and
/// are dropped. With `poison` every buffer's bytes are poisoned when it dies,
/// and the whole slots region before the first step.
void allocateSlots(const ExtractedProgram &program, const ProgramPlan &plan,
                   const ArenaLayout &layout, bool poison);

} // namespace neap

#endif // NEAP_PASSES_PLAN_ALLOCATESLOTS_H
