//===- OrderExactTest.cpp - The exact search alone, and larger orders -----===//

#include "passes/Solvers/OrderExact.h"
#include "OrderProblems.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

constexpr int64_t anyBytes = std::numeric_limits<int64_t>::max() / 2;

/// Without bounds, other methods or good orders to help.
TEST(OrderExact, DecidesAtTheOptimum) {
  Random random(21);
  for (int i = 0; i < 3000; ++i) {
    OrderProblem problem = randomOrderProblem(random, {2, 10});
    int64_t lowest = ExactOrder(problem).peak();
    order::OrderModel model(problem);
    order::Interval interval(model);
    order::ExactResult result =
        order::solveInterval(model, interval, {0, anyBytes, 100000});
    ASSERT_EQ(result.outcome, order::PathOutcome::Found) << "instance " << i;
    ASSERT_EQ(result.provenBytes, lowest) << "instance " << i;
    ASSERT_EQ(peakBytes(problem, interval.order()), lowest) << "instance " << i;
    order::Interval again(model);
    result = order::solveInterval(model, again, {0, lowest - 1, 100000});
    ASSERT_EQ(result.outcome, order::PathOutcome::None) << "instance " << i;
  }
}

/// All orders one by one, which also judges what other tests compare with.
TEST(OrderExact, AgreesWithBruteForceOnWideProblems) {
  Random random(22);
  RandomOrderShape shape{7, 8, 20};
  shape.effects = shape.edges = 0;
  for (int i = 0; i < 60; ++i) {
    OrderProblem problem = randomOrderProblem(random, shape);
    BruteForceOrder bruteForce(problem);
    ASSERT_TRUE(bruteForce.run(50000));
    EXPECT_EQ(solveOrder(problem).peakBytes, bruteForce.peak())
        << "instance " << i;
    EXPECT_EQ(ExactOrder(problem).peak(), bruteForce.peak())
        << "instance " << i;
  }
  for (int i = 0; i < 1500; ++i) {
    OrderProblem problem = randomOrderProblem(random, {1, 6});
    BruteForceOrder bruteForce(problem);
    ASSERT_TRUE(bruteForce.run(720));
    EXPECT_EQ(ExactOrder(problem).peak(), bruteForce.peak())
        << "instance " << i;
  }
}

/// Liu 1987: the lowest peak of a tree, by merging the hills and valleys of its
/// subtrees; each node reads its children's results.
class TreeOracle {
public:
  struct Rest {
    int64_t hill, valley;
  };
  using Profile = std::vector<Rest>;

  static Profile join(const std::vector<Profile> &children, int64_t bytes) {
    struct Piece {
      int64_t rise, change;
    };
    std::vector<Piece> pieces;
    for (const Profile &child : children) {
      int64_t before = 0;
      for (Rest rest : child) {
        pieces.push_back({rest.hill - before, rest.valley - before});
        before = rest.valley;
      }
    }
    std::sort(pieces.begin(), pieces.end(), [](Piece a, Piece b) {
      return a.rise - a.change > b.rise - b.change;
    });
    Profile all;
    int64_t live = 0;
    for (Piece piece : pieces) {
      all.push_back({live + piece.rise, live + piece.change});
      live += piece.change;
    }
    all.push_back({live + bytes, bytes});
    return simplify(all);
  }

private:
  /// Alternately the highest hill to come and the deepest valley after it.
  static Profile simplify(const Profile &all) {
    Profile simple;
    for (size_t from = 0; from < all.size();) {
      size_t top = from;
      for (size_t i = from; i < all.size(); ++i)
        if (all[i].hill >= all[top].hill)
          top = i;
      size_t bottom = top;
      for (size_t i = top; i < all.size(); ++i)
        if (all[i].valley <= all[bottom].valley)
          bottom = i;
      simple.push_back({all[top].hill, all[bottom].valley});
      from = bottom + 1;
    }
    return simple;
  }
};

TEST(OrderExact, SolvesTreesLikeLiu) {
  Random random(23);
  for (int i = 0; i < 300; ++i) {
    OrderBuilder builder;
    std::vector<std::pair<int, TreeOracle::Profile>> roots;
    int64_t count = random.between(5, 60);
    for (int64_t s = 0; s < count; ++s) {
      int64_t arity =
          s + 1 == count
              ? static_cast<int64_t>(roots.size())
              : std::min<int64_t>(random.between(0, 3),
                                  static_cast<int64_t>(roots.size()));
      std::vector<int> operands;
      std::vector<TreeOracle::Profile> children;
      for (int64_t c = 0; c < arity; ++c) {
        size_t pick = static_cast<size_t>(
            random.between(0, static_cast<int64_t>(roots.size()) - 1));
        operands.push_back(roots[pick].first);
        children.push_back(roots[pick].second);
        roots.erase(roots.begin() + static_cast<std::ptrdiff_t>(pick));
      }
      int64_t bytes = random.between(1, 30);
      roots.emplace_back(builder.addStep(operands, bytes),
                         TreeOracle::join(children, bytes));
    }
    builder.problem.liveOut.back() = true;
    OrderSolution solution = solveOrder(builder.problem);
    ASSERT_EQ(validateOrder(builder.problem, solution), std::nullopt);
    EXPECT_TRUE(solution.optimal) << "tree " << i;
    EXPECT_EQ(solution.peakBytes, roots.front().second.front().hill)
        << "tree " << i;
  }
}

/// Branches that swell before they shrink, between a fork and a join: best one
/// after the other.
TEST(OrderExact, RunsBranchesOneByOne) {
  constexpr int branches = 60;
  OrderBuilder builder;
  int fork = builder.addStep({}, 1);
  std::vector<int> ends, begins;
  for (int b = 0; b < branches; ++b)
    begins.push_back(builder.addStep({fork}, 100));
  for (int begin : begins)
    ends.push_back(builder.addStep({begin}, 2));
  builder.addStep(ends, 1);
  OrderSolution solution = solveOrder(builder.problem);
  EXPECT_EQ(validateOrder(builder.problem, solution), std::nullopt);
  EXPECT_TRUE(solution.optimal);
  // All but the last branch are done; the fork has no reader left.
  EXPECT_EQ(solution.peakBytes, 2 * (branches - 1) + 100 + 2);
}

/// Where every value has one reader, operands and results can trade places.
TEST(OrderExact, PeakOutlivesReversal) {
  Random random(24);
  for (int i = 0; i < 200; ++i) {
    int count = static_cast<int>(random.between(3, 24));
    OrderProblem forward, backward;
    forward.steps.resize(count);
    backward.steps.resize(count);
    for (int a = 0; a < count; ++a)
      for (int b = a + 1; b < std::min(count, a + 7); ++b) {
        if (random.between(1, 100) > 35)
          continue;
        int value = static_cast<int>(forward.valueBytes.size());
        forward.valueBytes.push_back(random.between(1, 50));
        forward.steps[a].results.push_back(value);
        forward.steps[b].operands.push_back(value);
        backward.steps[count - 1 - b].results.push_back(value);
        backward.steps[count - 1 - a].operands.push_back(value);
      }
    backward.valueBytes = forward.valueBytes;
    for (OrderProblem *problem : {&forward, &backward}) {
      problem->isAlwaysAlive.assign(forward.valueBytes.size(), false);
      problem->liveOut.assign(forward.valueBytes.size(), false);
      for (OrderStep &step : problem->steps) {
        step.inPlace.assign(step.results.size(), -1);
        step.view.assign(step.results.size(), -1);
      }
      ASSERT_EQ(validateOrderProblem(*problem), std::nullopt);
    }
    OrderSolution there = solveOrder(forward), back = solveOrder(backward);
    EXPECT_TRUE(there.optimal && back.optimal) << "instance " << i;
    EXPECT_EQ(there.peakBytes, back.peakBytes) << "instance " << i;
  }
}

struct LargeCase {
  int64_t steps;
  int64_t nodeLimit;
  int count;
};

class LargeOrders : public testing::TestWithParam<LargeCase> {};

TEST_P(LargeOrders, AreValidAndBounded) {
  Random random(25);
  OrderOptions options;
  options.nodeLimit = GetParam().nodeLimit;
  for (int i = 0; i < GetParam().count; ++i) {
    RandomOrderShape shape{GetParam().steps, GetParam().steps, 1000};
    shape.reach = i % 2 ? 6 : 40;
    OrderProblem problem = randomOrderProblem(random, shape);
    OrderSolution solution = solveOrder(problem, options);
    ASSERT_EQ(validateOrder(problem, solution), std::nullopt);
    EXPECT_LE(orderLowerBound(problem), solution.peakBytes);
    // One step's alternatives may come on top.
    EXPECT_LE(solution.nodes, options.nodeLimit + 2 * GetParam().steps);
    OrderSolution again = solveOrder(problem, options);
    EXPECT_EQ(again.order, solution.order);
    EXPECT_EQ(again.nodes, solution.nodes);
    EXPECT_EQ(again.lowerBoundBytes, solution.lowerBoundBytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Random, LargeOrders,
                         testing::Values(LargeCase{30, 20000, 40},
                                         LargeCase{30, 50, 40},
                                         LargeCase{80, 20000, 20},
                                         LargeCase{300, 20000, 6},
                                         LargeCase{300, 0, 6}),
                         [](const testing::TestParamInfo<LargeCase> &info) {
                           return std::to_string(info.param.steps) + "_steps_" +
                                  std::to_string(info.param.nodeLimit) +
                                  "_nodes";
                         });

/// The cut-off search must not lose what it knows: the bound of a cut search
/// stays below the optimum that a longer one proves.
TEST(OrderExact, BoundsOfShortSearchesHold) {
  Random random(26);
  for (int i = 0; i < 150; ++i) {
    OrderProblem problem = randomOrderProblem(random, {24, 24, 100});
    OrderSolution proven = solveOrder(problem);
    ASSERT_TRUE(proven.optimal);
    for (int64_t limit : {1, 30, 100, 300}) {
      OrderOptions options;
      options.nodeLimit = limit;
      OrderSolution early = solveOrder(problem, options);
      EXPECT_EQ(validateOrder(problem, early), std::nullopt);
      EXPECT_LE(early.lowerBoundBytes, proven.peakBytes);
      EXPECT_GE(early.peakBytes, proven.peakBytes);
    }
  }
}

} // namespace
