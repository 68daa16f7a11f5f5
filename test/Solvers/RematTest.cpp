//===- RematTest.cpp - Rematerialization against brute force --------------===//

#include "test/Solvers/RematProblems.h"

#include <gtest/gtest.h>

#include <cmath>
#include <queue>
#include <set>
#include <string>
#include <tuple>

using namespace neap;
using namespace neap::testing_remat;

namespace {

/// Dijkstra over everything that the definition tells apart: what is held, what
/// has been computed and, in the given order, the stage and the last node
/// computed in it. Shares nothing with the solver but the problem.
class BruteForce {
public:
  explicit BruteForce(const RematProblem &problem) : problem(problem) {}

  /// The least cost, or nothing.
  std::optional<double> solve() {
    push({0, 0, 0, -1}, 0);
    while (!queue.empty()) {
      auto [cost, state] = queue.top();
      queue.pop();
      if (!settled.insert(state).second)
        continue;
      if (complete(state))
        return cost;
      for (int node = 0; node < int(problem.nodes.size()); ++node)
        step(state, cost, node);
      if (isGiven() && state.stage < int(problem.nodes.size()) &&
          !problem.nodes[state.stage].required)
        push({state.held, state.done, state.stage + 1, -1}, cost);
    }
    return std::nullopt;
  }

private:
  struct State {
    unsigned held, done;
    int stage, last;
    bool operator<(const State &other) const {
      return std::tie(held, done, stage, last) <
             std::tie(other.held, other.done, other.stage, other.last);
    }
  };

  bool isGiven() const { return problem.order == RematOrder::Given; }

  bool complete(const State &state) const {
    for (size_t i = 0; i < problem.nodes.size(); ++i)
      if (problem.nodes[i].required && !(state.done >> i & 1))
        return false;
    return true;
  }

  void push(const State &state, double cost) {
    if (!settled.count(state))
      queue.push({cost, state});
  }

  void step(const State &state, double cost, int index) {
    const RematNode &node = problem.nodes[index];
    unsigned bit = 1u << index;
    if (state.held & bit) {
      push({state.held & ~bit, state.done, state.stage, state.last}, cost);
      return;
    }
    if ((state.done & bit) && !node.rerunnable)
      return;
    for (int dep : node.deps)
      if (!(state.held >> dep & 1))
        return;
    int64_t bytes = node.bytes + node.scratchBytes;
    for (size_t i = 0; i < problem.nodes.size(); ++i)
      if (state.held >> i & 1)
        bytes += problem.nodes[i].bytes;
    if (bytes > problem.budgetBytes)
      return;
    State next{state.held | bit, state.done | bit, 0, -1};
    if (isGiven()) {
      if (index <= state.last || index > state.stage)
        return;
      bool ends = index == state.stage;
      next.stage = state.stage + ends;
      next.last = ends ? -1 : index;
    }
    push(next, cost + node.cost);
  }

  struct Later {
    bool operator()(const std::pair<double, State> &a,
                    const std::pair<double, State> &b) const {
      return a.first > b.first;
    }
  };
  const RematProblem &problem;
  std::set<State> settled;
  std::priority_queue<std::pair<double, State>,
                      std::vector<std::pair<double, State>>, Later>
      queue;
};

struct Counts {
  int problems = 0, infeasible = 0, recomputing = 0;
};

void compareWithBruteForce(RematProblem problem, Counts &counts) {
  int64_t low = rematWorkingSet(problem), high = rematKeepAllPeak(problem);
  std::set<int64_t> budgets{low - 1,          low,      low + 1,
                            (low + high) / 2, high - 1, high};
  for (int64_t budget : budgets) {
    if (budget < 0)
      continue;
    problem.budgetBytes = budget;
    ASSERT_EQ(validateRematProblem(problem), std::nullopt);
    std::optional<double> expected = BruteForce(problem).solve();
    RematSolution solution = solveRemat(problem);
    ++counts.problems;
    counts.infeasible += !expected;
    if (!expected) {
      EXPECT_EQ(solution.status, RematStatus::Infeasible);
      continue;
    }
    ASSERT_EQ(solution.status, RematStatus::Found);
    counts.recomputing += solution.recomputedCost > 0;
    EXPECT_TRUE(solution.optimal);
    EXPECT_NEAR(solution.cost, *expected, 1e-9);
    EXPECT_EQ(validateRemat(problem, solution), std::nullopt);
  }
}

void compareMany(RematOrder order, int graphs, int maxNodes, bool plain) {
  std::mt19937_64 random(12345 + (order == RematOrder::Free) + 2 * plain);
  Counts counts;
  for (int round = 0; round < graphs; ++round) {
    int nodes = int(pick(random, 1, maxNodes));
    RematProblem problem = randomGraph(random, nodes, plain);
    problem.order = order;
    compareWithBruteForce(problem, counts);
    if (testing::Test::HasFailure()) {
      std::string text;
      for (const RematNode &node : problem.nodes) {
        text += std::to_string(node.id) + ": bytes " +
                std::to_string(node.bytes) + "+" +
                std::to_string(node.scratchBytes) + " cost " +
                std::to_string(node.cost) + (node.required ? "" : " optional") +
                (node.rerunnable ? "" : " once") + " deps";
        for (int dep : node.deps)
          text += " " + std::to_string(dep);
        text += "\n";
      }
      FAIL() << "graph " << round << "\n" << text;
    }
  }
  std::printf("%d problems, %d infeasible, %d with paid recomputation\n",
              counts.problems, counts.infeasible, counts.recomputing);
  EXPECT_GT(counts.infeasible, graphs / 10);
  EXPECT_GT(counts.recomputing, graphs / 20);
}

TEST(Remat, FreeOrderEqualsBruteForce) {
  compareMany(RematOrder::Free, 10000, 6, true);
}
TEST(Remat, FreeOrderWithAllAttributesEqualsBruteForce) {
  compareMany(RematOrder::Free, 5000, 7, false);
}
TEST(Remat, GivenOrderEqualsBruteForce) {
  compareMany(RematOrder::Given, 5000, 7, true);
}
TEST(Remat, GivenOrderWithAllAttributesEqualsBruteForce) {
  compareMany(RematOrder::Given, 5000, 7, false);
}

} // namespace
