// Bounds against the exact solver and against all schedules of a few steps:
// none, in any order and with any recomputation, may beat them.
#include "passes/Remat/ScheduleBound.h"
#include "ScheduleOracle.h"
#include "passes/Remat/OrderSchedule.h"
#include "passes/Solvers/Remat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace neap;
using namespace neap::test;

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

/// Steps with everything that a schedule can express: inputs, several results
/// or none, views, results in place, exchangeable operands, effects, scratch.
class RandomSchedule {
public:
  explicit RandomSchedule(std::mt19937_64 &random) : random(random) {}

  Schedule make(int forward, int backward) {
    for (int64_t inputs = pick(0, 2); inputs > 0; --inputs)
      schedule.values.push_back({pick(1, 4), ScheduleValue::programInput});
    schedule.forwardEnd = forward;
    for (int s = 0; s < forward + backward; ++s)
      addStep();
    return std::move(schedule);
  }

private:
  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % uint64_t(high - low + 1));
  }
  bool chance(int64_t percent) { return pick(1, 100) <= percent; }

  void addStep() {
    ScheduleStep step;
    step.origin = schedule.size();
    auto known = static_cast<int64_t>(schedule.values.size());
    for (int64_t o = known ? pick(chance(80), 3) : 0; o > 0; --o)
      step.operands.push_back(static_cast<int>(
          chance(40) ? known - 1
                     : pick(std::max<int64_t>(0, known - 6), known - 1)));
    step.differentiable.assign(step.operands.size(), true);
    step.commutative = step.operands.size() == 2 && chance(60);
    step.hasEffects = chance(15);
    step.recomputable = !step.hasEffects && chance(80);
    step.scratchBytes = chance(25) ? pick(1, 4) : 0;
    step.costNs = pick(0, 9);
    int64_t results = chance(70) ? 1 : pick(0, 3);
    for (int64_t r = 0; r < results; ++r)
      addResult(step);
    schedule.steps.push_back(std::move(step));
  }

  void addResult(ScheduleStep &step) {
    int view = -1, inPlace = -1;
    if (!step.operands.empty()) {
      auto last = static_cast<int64_t>(step.operands.size()) - 1;
      int position = static_cast<int>(pick(0, last));
      // Views come before what may overwrite.
      bool mayView = std::all_of(step.inPlace.begin(), step.inPlace.end(),
                                 [](int before) { return before < 0; });
      if (mayView && chance(20))
        view = position;
      else if (chance(55))
        inPlace = position;
    }
    int64_t bytes = pick(1, 6);
    if (int source = std::max(view, inPlace); source >= 0 && chance(80))
      bytes = schedule.values[step.operands[source]].bytes;
    step.view.push_back(view);
    step.inPlace.push_back(inPlace);
    step.results.push_back(static_cast<int>(schedule.values.size()));
    schedule.values.push_back({bytes, schedule.size()});
  }

  std::mt19937_64 &random;
  Schedule schedule;
};

/// How near the bounds come: bounds of nothing would hold, too.
struct Tightness {
  int64_t extraNs = 0, boundNs = 0;
  int cases = 0, complete = 0, tightPeaks = 0, savedByRerun = 0, parted = 0;
};

void checkTimes(ScheduleBound &bound, const ScheduleOracle &oracle,
                Tightness &tightness) {
  int64_t allPeak = oracle.getPeaks().begin()->second;
  for (int64_t budget = oracle.getLowestPeak(); budget <= allPeak; ++budget) {
    int64_t extraNs = INT64_MAX;
    for (auto [spentNs, peak] : oracle.getPeaks())
      if (peak <= budget)
        extraNs = std::min(extraNs, spentNs);
    TimeBound time = bound.boundTime(budget);
    ASSERT_LE(time.extraNs, extraNs) << "at " << budget;
    tightness.extraNs += extraNs;
    tightness.boundNs += time.extraNs;
  }
}

void checkOrder(const Schedule &schedule, int64_t lowestPeak,
                bool isLowestKnown) {
  OrderedSchedule ordered = orderSchedule(schedule, 100000);
  int64_t peak = computeBuffers(ordered.schedule).maxLiveBytes();
  ASSERT_LE(ordered.lowerBoundBytes, lowestPeak);
  ASSERT_LE(peak, computeBuffers(schedule).maxLiveBytes());
  if (isLowestKnown) {
    ASSERT_EQ(peak, lowestPeak);
    ASSERT_EQ(ordered.lowerBoundBytes, lowestPeak);
  }
}

TEST(ScheduleBoundTest, NoScheduleOfAnyKindBeatsTheBounds) {
  std::mt19937_64 random(12);
  Tightness tightness;
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(round);
    int forward = 2 + static_cast<int>(random() % 3);
    int backward = 1 + static_cast<int>(random() % 3);
    Schedule schedule = RandomSchedule(random).make(forward, backward);
    ScheduleOracle oracle(schedule, forward + backward < 6 ? 3 : 2, 1500);
    ScheduleBound bound(schedule);
    ASSERT_LE(bound.getPeakBound(), oracle.getLowestPeak());
    EXPECT_EQ(bound.boundTime(bound.getPeakBound() - 1).extraNs,
              TimeBound::noSchedule);
    checkTimes(bound, oracle, tightness);
    checkOrder(schedule, oracle.getLowestPartedPeak(), oracle.isComplete());
    Schedule smallest = oracle.getSmallest();
    smallest.forwardEnd = 0;
    checkOrder(smallest, oracle.getLowestPeak(), oracle.isComplete());
    if (testing::Test::HasFatalFailure())
      return;
    ++tightness.cases;
    tightness.complete += oracle.isComplete();
    tightness.tightPeaks += bound.getPeakBound() == oracle.getLowestPeak();
    tightness.savedByRerun +=
        oracle.getLowestPeak() < oracle.getLowestOncePeak();
    tightness.parted +=
        oracle.getLowestOncePeak() < oracle.getLowestPartedPeak();
  }
  // What a few steps must recompute is mostly decided by single values, so that
  // the relaxation is loose here.
  EXPECT_GT(20 * tightness.boundNs, tightness.extraNs);
  EXPECT_GT(2 * tightness.tightPeaks, tightness.cases);
  EXPECT_GT(2 * tightness.complete, tightness.cases);
  EXPECT_GT(tightness.savedByRerun, tightness.cases / 50);
  EXPECT_GT(tightness.parted, tightness.cases / 50);
}

/// A device a million million times as slow has bounds as much greater.
TEST(ScheduleBoundTest, HoldsAtAnySpeed) {
  std::mt19937_64 random(13);
  constexpr int64_t slowness = 1'000'000'000'000, size = 1 << 20;
  int binding = 0;
  for (int round = 0; round < 300; ++round) {
    Schedule schedule = makeRandomStep(random, 4, 3), slow = schedule;
    for (ScheduleStep &step : slow.steps) {
      step.costNs *= slowness;
      step.scratchBytes *= size;
    }
    for (ScheduleValue &value : slow.values)
      value.bytes *= size;
    ScheduleBound bound(schedule), slowBound(slow);
    for (int64_t budget = bound.getPeakBound() - 1;
         budget < bound.getPeakBound() + 12; ++budget) {
      TimeBound time = bound.boundTime(budget),
                slowTime = slowBound.boundTime(budget * size);
      binding += time.extraNs > 0 && time.extraNs != TimeBound::noSchedule;
      // Whole nanoseconds of the fast device are coarse.
      int64_t lowest = time.extraNs == TimeBound::noSchedule
                           ? TimeBound::noSchedule
                           : time.extraNs * slowness;
      EXPECT_GE(slowTime.extraNs, lowest) << round << " at " << budget;
      EXPECT_EQ(slowTime.extraNs == TimeBound::noSchedule,
                time.extraNs == TimeBound::noSchedule);
      // Sums with other times must not overflow.
      EXPECT_GT(slowTime.extraNs + totalCostNs(slow), 0);
    }
  }
  EXPECT_GT(binding, 100);
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
  EXPECT_EQ(bound.boundTime(6 * mib - 1).extraNs, TimeBound::noSchedule);
}

} // namespace
