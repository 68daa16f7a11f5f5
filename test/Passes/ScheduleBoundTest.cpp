// Bounds against the exact solver: no schedule, in any order and with any
// recomputation, may beat them.
#include "passes/Remat/ScheduleBound.h"
#include "passes/Solvers/Remat.h"

#include <gtest/gtest.h>
#include <random>

using namespace neap;

namespace {

/// A training step on random sizes: forward steps that read earlier ones, a
/// loss, and backward steps that read the one before and forward values.
Schedule makeRandomStep(std::mt19937_64 &random, int forward, int backward) {
  auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % uint64_t(high - low + 1));
  };
  Schedule schedule;
  schedule.forwardEnd = forward;
  for (int s = 0; s < forward + backward; ++s) {
    ScheduleStep step;
    step.origin = s;
    for (int before = 0; before < s; ++before)
      if (before == s - 1 || (before < forward - 1 && pick(0, 2) == 0))
        step.operands.push_back(before);
    step.differentiable.assign(step.operands.size(), true);
    step.results = {s};
    step.inPlace = step.view = {-1};
    step.costNs = pick(0, 9);
    step.scratchBytes = pick(0, 3) ? 0 : pick(1, 4);
    step.recomputable = s + 1 < forward && pick(0, 5) != 0;
    schedule.values.push_back({pick(1, 8), s});
    schedule.steps.push_back(std::move(step));
  }
  return schedule;
}

RematProblem makeProblem(const Schedule &schedule) {
  RematProblem problem;
  problem.order = RematOrder::Free;
  for (const ScheduleStep &step : schedule.steps) {
    RematNode node;
    node.bytes = schedule.values[step.results[0]].bytes;
    node.cost = static_cast<double>(step.costNs);
    node.deps.assign(step.operands.begin(), step.operands.end());
    node.scratchBytes = step.scratchBytes;
    node.rerunnable = step.recomputable;
    problem.nodes.push_back(std::move(node));
  }
  return problem;
}

TEST(ScheduleBoundTest, NoScheduleBeatsTheBounds) {
  std::mt19937_64 random(11);
  int64_t extraSum = 0, boundSum = 0;
  int peaks = 0, tightPeaks = 0;
  for (int round = 0; round < 400; ++round) {
    int forward = 3 + static_cast<int>(random() % 3);
    Schedule schedule =
        makeRandomStep(random, forward, 2 + static_cast<int>(random() % 3));
    RematProblem problem = makeProblem(schedule);
    ASSERT_FALSE(validateRematProblem(problem));
    ScheduleBound bound(schedule);
    RematMinimumBudget smallest = rematMinimumBudget(problem);
    ASSERT_TRUE(smallest.exact);
    EXPECT_LE(bound.getPeakBound(), smallest.bytes);
    ++peaks;
    tightPeaks += bound.getPeakBound() == smallest.bytes;
    for (int64_t budget = smallest.bytes; budget <= rematKeepAllPeak(problem);
         ++budget) {
      problem.budgetBytes = budget;
      RematSolution best = solveRemat(problem);
      ASSERT_TRUE(best.optimal);
      auto extra = static_cast<int64_t>(best.cost) - totalCostNs(schedule);
      TimeBound time = bound.boundTime(budget);
      ASSERT_LE(time.extraNs, extra) << round << " at " << budget;
      extraSum += extra;
      boundSum += time.extraNs;
    }
  }
  // Bounds that are always nothing would pass the above. Single values are a
  // large part of these problems, so that their relaxation is far from exact.
  EXPECT_GT(4 * boundSum, extraSum) << boundSum << " of " << extraSum;
  EXPECT_GT(2 * tightPeaks, peaks) << tightPeaks << " of " << peaks;
}

TEST(ScheduleBoundTest, TellsWhenNothingFits) {
  // x = f(); y = g(x); loss(y); backward reads x, which may be dropped.
  Schedule schedule;
  schedule.forwardEnd = 3;
  auto add = [&](ValueList operands, int64_t bytes, int64_t costNs,
                 bool recomputable) {
    ScheduleStep step;
    step.origin = schedule.size();
    step.operands = std::move(operands);
    step.results = {step.origin};
    step.inPlace = step.view = {-1};
    step.costNs = costNs;
    step.recomputable = recomputable;
    schedule.values.push_back({bytes, step.origin});
    schedule.steps.push_back(std::move(step));
  };
  constexpr int64_t mib = 1 << 20;
  add({}, 4 * mib, 700, true);
  add({0}, mib, 10, true);
  add({1}, mib, 10, false);
  add({2, 0}, mib, 10, false);
  ScheduleBound bound(schedule);
  EXPECT_EQ(bound.getPeakBound(), 6 * mib);
  EXPECT_EQ(bound.boundTime(6 * mib).extraNs, 0);
  EXPECT_EQ(bound.boundTime(6 * mib - 1).extraNs, INT64_MAX);
}

} // namespace
