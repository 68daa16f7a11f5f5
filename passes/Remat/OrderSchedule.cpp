//===- OrderSchedule.cpp - Hands a schedule to the order solver -----------===//

#include "passes/Remat/OrderSchedule.h"

#include "passes/Solvers/Order.h"

namespace neap {

static std::vector<int> toVector(const ValueList &list) {
  return {list.begin(), list.end()};
}

static OrderProblem makeProblem(const Schedule &schedule) {
  OrderProblem problem;
  for (const ScheduleValue &value : schedule.values) {
    problem.valueBytes.push_back(value.bytes);
    problem.isAlwaysAlive.push_back(value.producer ==
                                    ScheduleValue::programInput);
  }
  problem.liveOut.assign(schedule.values.size(), false);
  for (const ScheduleStep &step : schedule.steps)
    problem.steps.push_back({toVector(step.operands), toVector(step.results),
                             toVector(step.inPlace), toVector(step.view),
                             step.commutative, step.scratchBytes,
                             step.hasEffects});
  // The last forward step, the loss, parts the two, so that forwardEnd remains
  // right. The bound speaks of such orders alone.
  int loss = schedule.forwardEnd - 1;
  if (loss >= 0 && loss + 1 < schedule.size())
    for (int s = 0; s < schedule.size(); ++s)
      if (s != loss)
        problem.precedence.push_back(s < loss ? std::pair(s, loss)
                                              : std::pair(loss, s));
  return problem;
}

OrderedSchedule orderSchedule(const Schedule &schedule, int64_t searchNodes) {
  OrderedSchedule ordered = {schedule, 0};
  OrderProblem problem = makeProblem(schedule);
  // Rare shapes of steps that the solver does not model keep their order.
  if (validateOrderProblem(problem))
    return ordered;
  OrderSolution solution = solveOrder(problem, {searchNodes});
  ordered.lowerBoundBytes = solution.lowerBoundBytes;
  for (int s = 0; s < schedule.size(); ++s)
    ordered.schedule.steps[s] = schedule.steps[solution.order[s]];
  updateProducers(ordered.schedule);
  return ordered;
}

} // namespace neap
