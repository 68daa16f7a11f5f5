//===- PlanModule.cpp - Decides, then rewrites ----------------------------===//

#include "passes/Plan/PlanModule.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Plan/AllocateSlots.h"
#include "passes/Plan/DescribePlan.h"
#include "passes/Plan/ModuleFacts.h"
#include "passes/Plan/PlanAttributes.h"
#include "passes/Plan/ProgramPlan.h"
#include "passes/Verify/VerifyOrdered.h"
#include "passes/Verify/VerifyPlanned.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace neap {
namespace {

class ModulePlanner {
public:
  ModulePlanner(ModuleOp module, const PlanOptions &options, ModuleFacts &facts)
      : module(module), options(options), facts(facts) {
    facts.demand.momentArrays = options.momentArrays;
    if (options.weightsFileBytes)
      facts.weightsFileBytes = *options.weightsFileBytes;
    if (options.weightsResident)
      facts.demand.residentWeightBytes = facts.weightsFileBytes;
    layout = layOutFixedRanges(facts.demand);
    for (const ExtractedProgram &program : facts.programs)
      planners.emplace_back(program.schedule, options.searchNodes);
  }

  FailureOr<PlanResult> run() {
    std::vector<ProgramPlan> smallest = planSmallest();
    std::optional<std::vector<ProgramPlan>> chosen = choose(smallest);
    const std::vector<ProgramPlan> &plans = chosen ? *chosen : smallest;
    setSlotsBytes(layout, findSlotsBytes(plans));
    PlanResult result = describePlan(facts, layout, plans, options);
    result.minPeakBytes = std::min(getPlannedBytes(findSlotsBytes(smallest)),
                                   result.plannedBytes);
    result.floorBytes = getPlannedBytes(findFloor());
    result.fits = chosen.has_value();
    if (result.fits && failed(rewrite(plans)))
      return failure();
    return result;
  }

private:
  std::vector<ProgramPlan> planSmallest() {
    std::vector<ProgramPlan> plans;
    for (ProgramPlanner &planner : planners)
      plans.push_back(planner.planSmallest());
    return plans;
  }

  /// Nothing if the budget cannot be met.
  std::optional<std::vector<ProgramPlan>>
  choose(const std::vector<ProgramPlan> &smallest) {
    if (options.objective == PlanObjective::Smallest) {
      if (options.budgetBytes &&
          getPlannedBytes(findSlotsBytes(smallest)) > *options.budgetBytes)
        return std::nullopt;
      return smallest;
    }
    std::vector<ProgramPlan> plans;
    int64_t budget = findSlotsBudget();
    for (ProgramPlanner &planner : planners) {
      if (!options.budgetBytes) {
        plans.push_back(planner.planKeepingAll());
        continue;
      }
      std::optional<ProgramPlan> plan = planner.planFastest(budget);
      if (!plan)
        return std::nullopt;
      plans.push_back(std::move(*plan));
    }
    return plans;
  }

  /// Programs run one at a time and share the region.
  static int64_t findSlotsBytes(const std::vector<ProgramPlan> &plans) {
    int64_t bytes = 0;
    for (const ProgramPlan &plan : plans)
      bytes = std::max(bytes, plan.allocation.heightBytes);
    return bytes;
  }

  int64_t findFloor() const {
    int64_t bytes = 0;
    for (const ExtractedProgram &program : facts.programs)
      for (int s = 0; s < program.schedule.size(); ++s)
        bytes = std::max(bytes, workingSetBytes(program.schedule, s));
    return bytes;
  }

  int64_t getPlannedBytes(int64_t slotsBytes) const {
    ArenaLayout sized = layout;
    setSlotsBytes(sized, slotsBytes);
    return computePlannedPeak(getPeakDemand(facts, sized, options))
        .get(options.measure);
  }

  /// The largest slots region within the budget, by bisection: the measure
  /// grows with the region. Negative if not even an empty one fits.
  int64_t findSlotsBudget() const {
    if (!options.budgetBytes || getPlannedBytes(0) > *options.budgetBytes)
      return -1;
    int64_t fits = 0, exceeds = *options.budgetBytes + arenaPageBytes;
    while (exceeds - fits > 1) {
      int64_t middle = fits + (exceeds - fits) / 2;
      (getPlannedBytes(middle) <= *options.budgetBytes ? fits : exceeds) =
          middle;
    }
    return fits;
  }

  LogicalResult rewrite(const std::vector<ProgramPlan> &plans) {
    Builder builder(module.getContext());
    module->setAttr(kArenaBytesAttr,
                    builder.getI64IntegerAttr(layout.arenaBytes));
    module->setAttr(kSlotsOffsetAttr,
                    builder.getI64IntegerAttr(layout.slotsOffset));
    for (size_t i = 0; i < plans.size(); ++i) {
      applySchedule(facts.programs[i], plans[i].schedule);
      allocateSlots(facts.programs[i], plans[i], layout, options.poison);
    }
    return verifyPlanned(module);
  }

  ModuleOp module;
  const PlanOptions &options;
  ModuleFacts &facts;
  ArenaLayout layout;
  std::vector<ProgramPlanner> planners;
};

} // namespace

FailureOr<PlanResult> planModule(ModuleOp module, const PlanOptions &options) {
  if (failed(verifyOrdered(module)))
    return failure();
  FailureOr<ModuleFacts> facts = collectModuleFacts(module);
  if (failed(facts))
    return failure();
  return ModulePlanner(module, options, *facts).run();
}

} // namespace neap
