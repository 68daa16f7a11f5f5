//===- OrderValidateTest.cpp - The judge of orders ------------------------===//

#include "OrderProblems.h"
#include "passes/Analysis/Schedule.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

/// a = make; b = f(a) overwriting a; c = g(outer, b); c lives on.
OrderProblem smallProblem() {
  OrderBuilder builder;
  int outer = builder.addValue(5);
  int a = builder.addStep({}, 8);
  int b = builder.addStep({a}, 8, 0);
  int c = builder.addStep({outer, b}, 3);
  builder.problem.liveOut[c] = true;
  return builder.problem;
}

std::string complaint(const OrderProblem &problem) {
  return validateOrderProblem(problem).value_or("");
}

TEST(OrderValidate, AcceptsAndCounts) {
  OrderProblem problem = smallProblem();
  EXPECT_EQ(complaint(problem), "");
  EXPECT_EQ(simulateOrder(problem, {0, 1, 2}),
            (std::vector<int64_t>{13, 13, 16}));
  problem.isAlwaysAlive[0] = true;
  EXPECT_EQ(simulateOrder(problem, {0, 1, 2}),
            (std::vector<int64_t>{8, 8, 11}));
}

TEST(OrderValidate, RefusesBadProblems) {
  OrderProblem problem = smallProblem();
  problem.liveOut.pop_back();
  EXPECT_EQ(complaint(problem),
            "expected one size, 'isAlwaysAlive' and 'liveOut' per value, but "
            "found 4, 4 and 3");

  problem = smallProblem();
  problem.valueBytes[1] = -1;
  EXPECT_EQ(complaint(problem), "value 1: expected a size of at least 0 bytes, "
                                "and at most 2^56 in all");

  problem = smallProblem();
  problem.steps[2].scratchBytes = int64_t(1) << 56;
  EXPECT_EQ(complaint(problem), "step 2: expected a size of at least 0 bytes, "
                                "and at most 2^56 in all");

  problem = smallProblem();
  problem.steps[1].view.clear();
  EXPECT_EQ(complaint(problem),
            "step 1: expected one 'inPlace' and one 'view' per result");

  problem = smallProblem();
  problem.steps[1].operands = {9};
  EXPECT_EQ(complaint(problem), "step 1: there is no value 9");

  problem = smallProblem();
  problem.steps[1].inPlace = {1};
  EXPECT_EQ(complaint(problem), "step 1: there is no operand 1");

  problem = smallProblem();
  problem.steps[1].results = {1};
  EXPECT_EQ(complaint(problem), "step 1: value 1 is defined already");

  problem = smallProblem();
  problem.isAlwaysAlive[1] = true;
  EXPECT_EQ(complaint(problem), "step 0: value 1 is defined already");

  problem = smallProblem();
  problem.steps[0].operands = {2};
  EXPECT_EQ(complaint(problem), "step 0: value 2 is read before it is defined");

  problem = smallProblem();
  problem.precedence = {{0, 3}};
  EXPECT_EQ(complaint(problem), "precedence names a step that does not exist");
  problem.precedence = {{1, 0}};
  EXPECT_EQ(complaint(problem),
            "step 1 must run before step 0, but is not given before it");

  problem = smallProblem();
  problem.valueBytes.push_back(8);
  problem.isAlwaysAlive.push_back(false);
  problem.liveOut.push_back(false);
  problem.steps[1].results.push_back(4);
  problem.steps[1].inPlace.push_back(-1);
  problem.steps[1].view.push_back(0);
  EXPECT_EQ(complaint(problem),
            "step 1: a result that may overwrite an operand must follow the "
            "results that are views");
}

TEST(OrderValidate, RefusesBadSolutions) {
  OrderProblem problem = smallProblem();
  OrderSolution good = solveOrder(problem);
  EXPECT_EQ(validateOrder(problem, good), std::nullopt);

  auto complain = [&](auto change) {
    OrderSolution bad = good;
    change(bad);
    return validateOrder(problem, bad).value_or("");
  };
  EXPECT_EQ(complain([](OrderSolution &s) { s.order = {0, 1}; }),
            "expected 3 steps in the order, but found 2");
  EXPECT_EQ(complain([](OrderSolution &s) { s.order = {0, 1, 1}; }),
            "the order is not a permutation of the steps: found 1");
  EXPECT_EQ(complain([](OrderSolution &s) { s.order = {1, 0, 2}; }),
            "step 1 runs before step 0, which it needs");
  EXPECT_EQ(complain([](OrderSolution &s) { --s.peakBytes; }),
            "expected a peak of 16 bytes, but found 15");
  EXPECT_EQ(complain([](OrderSolution &s) { ++s.lowerBoundBytes; }),
            "the bound of 17 bytes is above the peak, 16");
  EXPECT_EQ(complain([](OrderSolution &s) { s.optimal = false; }),
            "'optimal' must be set exactly where the peak meets the bound");

  OrderBuilder builder;
  int first = builder.addStep({}, 8);
  builder.addSink({first});
  int second = builder.addStep({}, 8);
  builder.addSink({second});
  OrderSolution worse{{0, 2, 1, 3}, 16, 8, false, "", 0};
  EXPECT_EQ(validateOrder(builder.problem, worse),
            "the peak of 16 bytes is above that of the given order, 8");
}

/// Bytes are those that the planner will see.
TEST(OrderValidate, CountsLikeSchedules) {
  Random random(31);
  for (int i = 0; i < 4000; ++i) {
    OrderProblem problem = randomOrderProblem(random, {1, 14});
    // A schedule has neither outer values that die nor results that live on.
    std::vector<bool> isDefined(problem.valueBytes.size(), false);
    for (const OrderStep &step : problem.steps)
      for (int result : step.results)
        isDefined[result] = true;
    Schedule schedule;
    for (size_t v = 0; v < problem.valueBytes.size(); ++v) {
      problem.isAlwaysAlive[v] = !isDefined[v];
      problem.liveOut[v] = false;
      ScheduleValue value;
      value.bytes = problem.valueBytes[v];
      schedule.values.push_back(value);
    }
    OrderSolution solution = solveOrder(problem);
    for (const std::vector<int> &order :
         {givenOrder(problem), solution.order}) {
      schedule.steps.clear();
      for (int s : order) {
        const OrderStep &from = problem.steps[s];
        ScheduleStep step;
        step.operands.assign(from.operands.begin(), from.operands.end());
        step.results.assign(from.results.begin(), from.results.end());
        step.inPlace.assign(from.inPlace.begin(), from.inPlace.end());
        step.view.assign(from.view.begin(), from.view.end());
        step.commutative = from.commutative;
        step.scratchBytes = from.scratchBytes;
        for (int result : step.results)
          schedule.values[result].producer =
              static_cast<int>(schedule.steps.size());
        schedule.steps.push_back(std::move(step));
      }
      ASSERT_EQ(computeBuffers(schedule).liveBytes,
                simulateOrder(problem, order))
          << "instance " << i;
    }
  }
}

} // namespace
