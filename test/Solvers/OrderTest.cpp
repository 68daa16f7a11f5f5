//===- OrderTest.cpp - Orders against all sets of steps -------------------===//

#include "OrderProblems.h"
#include "passes/Solvers/OrderModel.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

struct Case {
  const char *name;
  RandomOrderShape shape;
  int count;
};

void PrintTo(const Case &testCase, std::ostream *output) {
  *output << testCase.name;
}

class OrderAgainstAllSets : public testing::TestWithParam<Case> {};

/// No instance is left out, however many orders it has.
TEST_P(OrderAgainstAllSets, ProvesTheLowestPeak) {
  Random random(11);
  int improved = 0, bounded = 0;
  for (int i = 0; i < GetParam().count; ++i) {
    OrderProblem problem = randomOrderProblem(random, GetParam().shape);
    ASSERT_EQ(validateOrderProblem(problem), std::nullopt) << "instance " << i;
    ExactOrder exact(problem);
    ASSERT_EQ(exact.contradictions(), 0) << "instance " << i;
    OrderSolution solution = solveOrder(problem);
    ASSERT_EQ(validateOrder(problem, solution), std::nullopt)
        << "instance " << i;
    ASSERT_EQ(solution.peakBytes, exact.peak()) << "instance " << i;
    ASSERT_TRUE(solution.optimal) << "instance " << i;
    int64_t bound = orderLowerBound(problem);
    ASSERT_LE(bound, exact.peak()) << "instance " << i;
    bounded += bound == exact.peak();
    improved += solution.method != "given";
  }
  EXPECT_GT(improved, GetParam().count / 50);
  EXPECT_GT(bounded, GetParam().count / 2);
}

INSTANTIATE_TEST_SUITE_P(
    Random, OrderAgainstAllSets,
    testing::Values(
        Case{"mixed", {}, 4000},
        Case{"many_orders", {9, 10, 8, 40, 15, 0, 10, 20, 2, 8}, 1500},
        Case{"plain", {1, 9, 9, 0, 0, 0, 0, 0, 5, 8}, 1500},
        Case{"in_place", {2, 10, 2, 90, 0, 0, 5, 0, 10, 8}, 1500},
        Case{"views", {2, 10, 6, 30, 50, 0, 10, 10, 10, 8}, 1500},
        Case{"effects", {3, 10, 8, 30, 10, 40, 10, 20, 10, 10}, 1000},
        Case{"large_sizes", {3, 10, 1000000, 30, 10, 5, 10, 20, 10, 6}, 1000},
        Case{"long_chains", {6, 10, 8, 50, 10, 5, 5, 20, 20, 3}, 1500}),
    [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

} // namespace
