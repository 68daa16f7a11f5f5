//===- ProgramPlan.cpp - Joins recomputation and offsets ------------------===//

#include "passes/Plan/ProgramPlan.h"

#include "passes/Plan/Prefetch.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Remat/OrderSchedule.h"

namespace neap {

/// Attempts to make up for an arena above its max-live bytes by planning for
/// less.
static constexpr int maxTightenings = 6;

ProgramPlan placeProgram(Schedule schedule, int64_t searchNodes) {
  ProgramPlan plan;
  plan.schedule = std::move(schedule);
  plan.table = computeBuffers(plan.schedule);
  AllocationProblem problem;
  for (size_t b = 0; b < plan.table.buffers.size(); ++b) {
    const ScheduleBuffer &buffer = plan.table.buffers[b];
    if (!buffer.isInput)
      problem.buffers.push_back({static_cast<int64_t>(b), buffer.start,
                                 buffer.end, buffer.bytes, buffer.alignment,
                                 std::nullopt});
  }
  AllocationOptions options;
  options.nodeLimit = searchNodes;
  plan.allocation = solveAllocation(problem, options);
  plan.offsets.assign(plan.table.buffers.size(), -1);
  for (size_t i = 0; i < problem.buffers.size(); ++i)
    plan.offsets[problem.buffers[i].id] = plan.allocation.offsets[i];
  return plan;
}

ProgramPlanner::ProgramPlanner(const Schedule &schedule, int64_t searchNodes)
    : schedule(schedule), searchNodes(searchNodes), bound(schedule) {
  if (schedule.forwardEnd < schedule.size())
    remat = std::make_unique<RematPlanner>(schedule);
}

ProgramPlan ProgramPlanner::place(const Schedule &chosen,
                                  int64_t limitBytes) const {
  OrderedSchedule ordered = orderSchedule(chosen, searchNodes);
  int64_t peak = computeBuffers(ordered.schedule).maxLiveBytes();
  ProgramPlan placed = placeProgram(
      prefetch(ordered.schedule, std::max(peak, limitBytes)), searchNodes);
  placed.orderBoundBytes = ordered.lowerBoundBytes;
  return placed;
}

ProgramPlan ProgramPlanner::place(RematPlan plan, int64_t limitBytes) const {
  ProgramPlan placed = place(plan.schedule, limitBytes);
  placed.blocks = std::move(plan.blocks);
  placed.estimatedPeakBytes = plan.estimatedPeakBytes;
  return placed;
}

const ProgramPlan &ProgramPlanner::planKeepingAll() {
  if (!keepingAll)
    keepingAll = remat ? place(remat->planKeepingAll(), INT64_MAX)
                       : place(schedule, INT64_MAX);
  return *keepingAll;
}

const ProgramPlan &ProgramPlanner::planSmallest() {
  if (smallest)
    return *smallest;
  smallest = planKeepingAll();
  if (remat) {
    ProgramPlan plan = place(remat->planSmallest(), 0);
    if (plan.allocation.heightBytes < smallest->allocation.heightBytes)
      smallest = std::move(plan);
  }
  return *smallest;
}

std::optional<ProgramPlan> ProgramPlanner::planFastest(int64_t slotsBytes) {
  if (planKeepingAll().allocation.heightBytes <= slotsBytes)
    return planKeepingAll();
  int64_t target = slotsBytes;
  for (int attempt = 0; remat && attempt < maxTightenings; ++attempt) {
    std::optional<RematPlan> plan = remat->planFastest(target);
    if (!plan)
      break;
    ProgramPlan placed = place(std::move(*plan), target);
    if (placed.allocation.heightBytes <= slotsBytes)
      return placed;
    target = std::min(target, placed.table.maxLiveBytes()) -
             (placed.allocation.heightBytes - slotsBytes);
  }
  if (planSmallest().allocation.heightBytes <= slotsBytes)
    return planSmallest();
  return std::nullopt;
}

std::optional<int64_t> ProgramPlanner::findFastestNs(int64_t slotsBytes) {
  if (!remat)
    return totalCostNs(schedule);
  std::optional<RematPlan> plan = remat->planFastest(slotsBytes);
  return plan ? std::optional(plan->costNs) : std::nullopt;
}

} // namespace neap
