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
    if (options.weightsPlace == WeightsPlace::Resident)
      facts.demand.residentWeightBytes = facts.weightsFileBytes;
    if (options.weightsPlace == WeightsPlace::Streamed) {
      facts.demand.residentWeightBytes = options.smallWeightBytes;
      facts.demand.fetches = true;
    }
    layout = layOutFixedRanges(facts.demand);
    for (const ExtractedProgram &program : facts.programs)
      planners.emplace_back(program.schedule, options.searchNodes);
  }

  FailureOr<PlanResult> run() {
    std::optional<Plans> chosen = choose();
    PlanResult result = describe(chosen ? *chosen : planSmallest());
    priceNextMiB(chosen ? *chosen : planSmallest(), result);
    result.fits = chosen.has_value();
    if (result.fits && failed(rewrite(*chosen)))
      return failure();
    return result;
  }

  std::vector<PlanResult> sweep(int points) {
    int64_t low = findSlotsBytes(planSmallest());
    int64_t high = findSlotsBytes(planKeepingAll());
    std::vector<PlanResult> results;
    for (int i = 0; i < points; ++i) {
      int64_t slots = low + (high - low) / std::max(points - 1, 1) * i;
      options.budgetBytes = getPlannedBytes(i + 1 < points ? slots : high);
      if (std::optional<Plans> plans =
              planFastest(findLargestSlots(*options.budgetBytes)))
        results.push_back(describe(*plans));
    }
    return results;
  }

private:
  using Plans = std::vector<ProgramPlan>; // by program

  /// Nothing if the budget cannot be met.
  std::optional<Plans> choose() {
    bool isSmallest = options.objective == PlanObjective::Smallest;
    if (!options.budgetBytes)
      return isSmallest ? planSmallest() : planKeepingAll();
    if (!isSmallest)
      return planFastest(findLargestSlots(*options.budgetBytes));
    Plans plans = planSmallest();
    if (getPlannedBytes(findSlotsBytes(plans)) > *options.budgetBytes)
      return std::nullopt;
    return plans;
  }

  /// Programs that need less than the largest one use its room to be faster,
  /// and all of them what rounding to pages leaves.
  const Plans &planSmallest() {
    if (smallest)
      return *smallest;
    Plans plans;
    for (ProgramPlanner &planner : planners)
      plans.push_back(planner.planSmallest());
    smallest =
        planFastest(findLargestSlots(getPlannedBytes(findSlotsBytes(plans))));
    return *smallest;
  }

  Plans planKeepingAll() {
    Plans plans;
    for (ProgramPlanner &planner : planners)
      plans.push_back(planner.planKeepingAll());
    return plans;
  }

  std::optional<Plans> planFastest(int64_t slotsBytes) {
    Plans plans;
    for (ProgramPlanner &planner : planners) {
      std::optional<ProgramPlan> plan = planner.planFastest(slotsBytes);
      if (!plan)
        return std::nullopt;
      plans.push_back(std::move(*plan));
    }
    return plans;
  }

  PlanResult describe(const Plans &plans) {
    setSlotsBytes(layout, findSlotsBytes(plans));
    PlanResult result = describePlan(facts, layout, plans, options);
    result.minPeakBytes = std::min(
        getPlannedBytes(findSlotsBytes(planSmallest())), result.plannedBytes);
    bound(plans, result.bounds);
    return result;
  }

  /// Programs run one at a time and share the region.
  static int64_t findSlotsBytes(const std::vector<ProgramPlan> &plans) {
    int64_t bytes = 0;
    for (const ProgramPlan &plan : plans)
      bytes = std::max(bytes, plan.allocation.heightBytes);
    return bytes;
  }

  void bound(const Plans &plans, PlanBounds &bounds) {
    int64_t floor = 0, ordered = 0, chosen = 0;
    for (size_t i = 0; i < plans.size(); ++i) {
      floor = std::max(floor, planners[i].getBound().getPeakBound());
      ordered = std::max(ordered, planners[i].planKeepingAll().orderBoundBytes);
      chosen = std::max(chosen, plans[i].orderBoundBytes);
    }
    bounds.floorBytes = getPlannedBytes(floor);
    bounds.orderPeakBytes = getPlannedBytes(std::max(ordered, floor));
    bounds.chosenPeakBytes = getPlannedBytes(std::max(chosen, floor));
    boundTime(plans, bounds);
  }

  /// Of the programs with a backward part, for every row of an optimizer step.
  void boundTime(const Plans &plans, PlanBounds &bounds) {
    // A plan for the smallest peak is held against others of that peak.
    bool isSmallest = options.objective == PlanObjective::Smallest;
    int64_t budget = INT64_MAX;
    if (isSmallest || options.budgetBytes)
      budget = isSmallest ? layout.slotsBytes
                          : std::max(findLargestSlots(*options.budgetBytes),
                                     layout.slotsBytes);
    auto rows = static_cast<double>(options.rowsPerStep);
    for (size_t i = 0; i < planners.size(); ++i) {
      ProgramPlanner &planner = planners[i];
      const Schedule &schedule = planner.getSchedule();
      if (!planner.hasBackward())
        continue;
      TimeBound time = planner.getBound().boundTime(budget);
      int64_t totalNs = totalCostNs(schedule) + time.extraNs;
      bounds.seconds += rows * 1e-9 * static_cast<double>(totalNs);
      int64_t nestedNs =
          planner.boundNested(std::max(budget, plans[i].estimatedPeakBytes));
      totalNs += std::max<int64_t>(nestedNs - time.extraNs, 0);
      bounds.nestedSeconds += rows * 1e-9 * static_cast<double>(totalNs);
      bounds.secondsPerMiB += rows * 1e-9 * static_cast<double>(time.nsPerMiB);
    }
  }

  /// By planning again; a plan that is no better than the one at hand does not
  /// count.
  void priceNextMiB(const Plans &plans, PlanResult &result) {
    constexpr int64_t mib = int64_t(1) << 20;
    int64_t savedNs = 0, costNs = 0;
    bool fitsInLess = true;
    for (size_t i = 0; i < planners.size(); ++i) {
      if (!planners[i].hasBackward())
        continue;
      int64_t ns = totalCostNs(plans[i].schedule);
      if (ns > totalCostNs(planners[i].getSchedule()))
        savedNs += std::max<int64_t>(
            ns -
                planners[i].findFastestNs(layout.slotsBytes + mib).value_or(ns),
            0);
      std::optional<int64_t> less =
          planners[i].findFastestNs(layout.slotsBytes - mib);
      fitsInLess &= less.has_value();
      costNs += std::max<int64_t>(less.value_or(ns) - ns, 0);
    }
    double seconds = 1e-9 * static_cast<double>(options.rowsPerStep);
    result.secondsSavedByNextMiB = seconds * static_cast<double>(savedNs);
    if (fitsInLess)
      result.secondsCostOfLastMiB = seconds * static_cast<double>(costNs);
  }

  int64_t getPlannedBytes(int64_t slotsBytes) const {
    ArenaLayout sized = layout;
    setSlotsBytes(sized, slotsBytes);
    return computePlannedPeak(getPeakDemand(facts, sized, options))
        .get(options.measure);
  }

  /// The largest slots region within the budget, by bisection: the measure
  /// grows with the region. Negative if not even an empty one fits.
  int64_t findLargestSlots(int64_t budgetBytes) const {
    if (getPlannedBytes(0) > budgetBytes)
      return -1;
    int64_t fits = 0, exceeds = budgetBytes + arenaPageBytes;
    while (exceeds - fits > 1) {
      int64_t middle = fits + (exceeds - fits) / 2;
      (getPlannedBytes(middle) <= budgetBytes ? fits : exceeds) = middle;
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
  PlanOptions options;
  ModuleFacts &facts;
  ArenaLayout layout;
  std::vector<ProgramPlanner> planners;
  std::optional<Plans> smallest;
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

FailureOr<std::vector<PlanResult>>
sweepModule(ModuleOp module, const PlanOptions &options, int points) {
  if (failed(verifyOrdered(module)))
    return failure();
  FailureOr<ModuleFacts> facts = collectModuleFacts(module);
  if (failed(facts))
    return failure();
  PlanOptions fastest = options;
  fastest.objective = PlanObjective::Fastest;
  return ModulePlanner(module, fastest, *facts).sweep(points);
}

} // namespace neap
