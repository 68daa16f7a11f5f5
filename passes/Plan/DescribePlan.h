//===- DescribePlan.h - Fills a PlanResult ----------------------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_DESCRIBEPLAN_H
#define NEAP_PASSES_PLAN_DESCRIBEPLAN_H

#include "passes/Plan/ModuleFacts.h"
#include "passes/Plan/PlanModule.h"
#include "passes/Plan/ProgramPlan.h"

namespace neap {

/// What the process's memory is computed from.
PeakDemand getPeakDemand(const ModuleFacts &facts, const ArenaLayout &layout,
                         const PlanOptions &options);

/// Everything but the smallest peak and the floor. `plans` are those of
/// `facts.programs`, whose functions must not be rewritten yet.
PlanResult describePlan(const ModuleFacts &facts, const ArenaLayout &layout,
                        const std::vector<ProgramPlan> &plans,
                        const PlanOptions &options);

} // namespace neap

#endif // NEAP_PASSES_PLAN_DESCRIBEPLAN_H
