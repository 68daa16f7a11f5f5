//===- AllocationTest.cpp - Greedy strategies and the solver as a whole ---===//

#include "Problems.h"
#include "passes/Solvers/GreedyAllocation.h"
#include "passes/Solvers/Timeline.h"

#include <gtest/gtest.h>

#include <set>

using namespace neap;
using namespace neap::test;

namespace {

const RandomShape mediumShape{60, 80, 500, {1, 1, 8, 64}, 0};
const RandomShape fixedShape{20, 30, 50, {1, 4, 16}, 15};

AllocationSolution solutionOf(const AllocationProblem &problem,
                              std::vector<int64_t> offsets) {
  AllocationSolution solution;
  solution.heightBytes = heightOf(problem.buffers, offsets);
  solution.offsets = std::move(offsets);
  return solution;
}

TEST(GreedyAllocation, EveryStrategyIsValid) {
  Random random(21);
  std::set<std::string> names;
  for (int i = 0; i < 400; ++i) {
    AllocationProblem problem =
        randomProblem(random, i % 2 ? mediumShape : fixedShape);
    for (const GreedyStrategy &strategy : greedyStrategies()) {
      GreedyEffort effort;
      AllocationSolution solution =
          solutionOf(problem, placeGreedily(problem.buffers, strategy, effort));
      EXPECT_EQ(validateAllocation(problem, solution), std::nullopt)
          << strategy.name() << ", instance " << i;
      names.insert(strategy.name());
    }
  }
  EXPECT_EQ(names.size(), greedyStrategies().size());
}

/// Sizes 5 and 3 leave the gaps [0, 4) and [9, 12) when the last is placed.
TEST(GreedyAllocation, PlacementsChooseDifferentGaps) {
  std::vector<Buffer> buffers = {makeBuffer(0, 9, 5), makeBuffer(0, 9, 4),
                                 makeBuffer(5, 9, 3)};
  buffers[0].fixedOffset = 4;
  buffers[1].fixedOffset = 12;
  GreedyEffort effort;
  EXPECT_EQ(placeGreedily(buffers, {BufferOrder::Size, Placement::FirstGap},
                          effort)[2],
            0);
  EXPECT_EQ(placeGreedily(buffers, {BufferOrder::Size, Placement::BestFit},
                          effort)[2],
            9);
}

/// More buffers than one window of the index holds, so that all levels of
/// PlacedIndex take part.
TEST(GreedyAllocation, ManyBuffersOfAllLifetimes) {
  Random random(22);
  AllocationProblem problem;
  for (int i = 0; i < 3000; ++i) {
    int64_t start = random.between(0, 5000);
    int64_t lifetime = int64_t(1) << random.between(0, 12);
    problem.buffers.push_back(
        makeBuffer(start, start + lifetime, random.between(1, 100000)));
  }
  for (const GreedyStrategy &strategy : greedyStrategies()) {
    GreedyEffort effort;
    AllocationSolution solution =
        solutionOf(problem, placeGreedily(problem.buffers, strategy, effort));
    EXPECT_EQ(validateAllocation(problem, solution), std::nullopt)
        << strategy.name();
  }
}

TEST(AllocationLowerBound, CountsLoadAlignmentAndFixedOffsets) {
  AllocationProblem problem;
  EXPECT_EQ(allocationLowerBound(problem), 0);
  problem.buffers = {makeBuffer(0, 2, 10), makeBuffer(1, 3, 20),
                     makeBuffer(2, 4, 15)};
  EXPECT_EQ(allocationLowerBound(problem), 35);
  // 10 and 20 start at multiples of 64: 64 + 10 at best.
  for (Buffer &buffer : problem.buffers)
    buffer.alignment = 64;
  EXPECT_EQ(allocationLowerBound(problem), 74);
  problem.buffers[2].fixedOffset = 128;
  EXPECT_EQ(allocationLowerBound(problem), 143);
}

TEST(SolveAllocation, AnswersAreValidAndNeverAboveGreedy) {
  Random random(23);
  for (int i = 0; i < 300; ++i) {
    AllocationProblem problem =
        randomProblem(random, i % 2 ? mediumShape : fixedShape);
    AllocationSolution solution =
        solveAllocation(problem, {/*nodeLimit=*/5000, nullptr});
    EXPECT_EQ(validateAllocation(problem, solution), std::nullopt)
        << "instance " << i;
    GreedyEffort effort;
    GreedyResult greedy =
        placeBestGreedily(problem.buffers, 0, 1 << 30, effort);
    EXPECT_LE(solution.heightBytes, greedy.heightBytes) << "instance " << i;
    EXPECT_GE(solution.lowerBoundBytes, allocationLowerBound(problem));
  }
}

TEST(SolveAllocation, SameProblemSameAnswer) {
  Random random(24);
  for (int i = 0; i < 50; ++i) {
    AllocationProblem problem = randomProblem(random, mediumShape);
    AllocationSolution first = solveAllocation(problem, {3000, nullptr});
    AllocationSolution second = solveAllocation(problem, {3000, nullptr});
    EXPECT_EQ(first.offsets, second.offsets);
    EXPECT_EQ(first.method, second.method);
    EXPECT_EQ(first.nodes, second.nodes);
  }
}

TEST(SolveAllocation, NothingToPlace) {
  AllocationSolution none = solveAllocation({});
  EXPECT_EQ(none.heightBytes, 0);
  EXPECT_TRUE(none.optimal);
  AllocationProblem empty{{makeBuffer(0, 3, 0), makeBuffer(1, 2, 0)}, {}};
  AllocationSolution solution = solveAllocation(empty);
  EXPECT_EQ(validateAllocation(empty, solution), std::nullopt);
  EXPECT_EQ(solution.heightBytes, 0);
  EXPECT_TRUE(solution.optimal);
}

TEST(SolveAllocation, EmptyBuffersDoNotDisturbTheExactSearch) {
  Random random(25);
  for (int i = 0; i < 200; ++i) {
    AllocationProblem problem = randomProblem(random, {7, 9, 9, {1, 4}, 20});
    int64_t optimum = BruteForce(problem.buffers).height();
    problem.buffers.insert(problem.buffers.begin(), makeBuffer(0, 9, 0));
    problem.buffers.push_back(makeBuffer(2, 3, 0, 8));
    AllocationSolution solution = solveAllocation(problem);
    EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
    EXPECT_EQ(solution.heightBytes, optimum);
  }
}

TEST(SolveAllocation, LargeCapacityNeedsNoSearch) {
  Random random(26);
  AllocationProblem problem = randomProblem(random, mediumShape);
  problem.capacityBytes = 1 << 20;
  AllocationSolution solution = solveAllocation(problem);
  EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
  EXPECT_LE(solution.heightBytes, 1 << 20);
  EXPECT_EQ(solution.nodes, 0);
}

} // namespace
