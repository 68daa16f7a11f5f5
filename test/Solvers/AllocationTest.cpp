//===- AllocationTest.cpp - Greedy strategies and the solver as a whole ---===//

#include "Problems.h"
#include "passes/Solvers/GreedyAllocation.h"
#include "passes/Solvers/GreedyIteration.h"
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

/// The gaps of a plain list of placed buffers.
int64_t findInList(const std::vector<Buffer> &placed, const Buffer &buffer,
                   Placement placement) {
  std::vector<Buffer> live;
  for (const Buffer &other : placed)
    if (other.start < buffer.end && buffer.start < other.end)
      live.push_back(other);
  std::sort(live.begin(), live.end(), [](const Buffer &a, const Buffer &b) {
    return *a.fixedOffset < *b.fixedOffset;
  });
  int64_t offset = 0, best = -1;
  int64_t bestGap = std::numeric_limits<int64_t>::max();
  for (const Buffer &other : live) {
    int64_t gap = *other.fixedOffset - offset;
    if (gap >= buffer.sizeBytes && gap < bestGap) {
      best = offset;
      bestGap = placement == Placement::FirstGap ? 0 : gap;
    }
    int64_t top = *other.fixedOffset + other.sizeBytes;
    offset = std::max(offset, alignUp(top, buffer.alignment));
  }
  return best >= 0 ? best : offset;
}

TEST(GreedyAllocation, IndexFindsTheGapsOfAPlainList) {
  Random random(27);
  for (int i = 0; i < 300; ++i) {
    auto sections = static_cast<int32_t>(random.between(1, 40));
    PlacedIndex index(sections);
    std::vector<Buffer> placed;
    for (int k = 0; k < 60; ++k) {
      int64_t first = random.between(0, sections - 1);
      int64_t last = random.between(first + 1, sections);
      Buffer buffer = makeBuffer(first, last, random.between(1, 20),
                                 int64_t(1) << random.between(0, 3));
      auto placement = static_cast<Placement>(random.between(0, 1));
      int64_t steps = 0;
      int64_t offset = index.findOffset(
          static_cast<int32_t>(first), static_cast<int32_t>(last),
          buffer.sizeBytes, buffer.alignment, placement, steps);
      ASSERT_EQ(offset, findInList(placed, buffer, placement));
      // Now and then higher, which leaves gaps.
      offset += buffer.alignment * std::max<int64_t>(0, random.between(-4, 4));
      buffer.fixedOffset = offset;
      index.insert(static_cast<int32_t>(first), static_cast<int32_t>(last),
                   offset, offset + buffer.sizeBytes);
      placed.push_back(buffer);
    }
  }
}

/// Enough for many levels of PlacedIndex.
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

AllocationProblem manyBuffers(Random &random, int count) {
  AllocationProblem problem;
  for (int i = 0; i < count; ++i) {
    int64_t start = random.between(0, count);
    problem.buffers.push_back(makeBuffer(start, start + random.between(1, 200),
                                         random.between(1, 1 << 20)));
  }
  return problem;
}

TEST(GreedyIteration, ImprovesOnEveryStrategy) {
  Random random(28);
  AllocationProblem problem = manyBuffers(random, 5000);
  GreedyEffort effort;
  GreedyResult greedy = placeBestGreedily(problem.buffers, 0, 1 << 30, effort);
  GreedyIteration iteration(problem.buffers, greedyStrategies().front(),
                            nullptr);
  int64_t bound = allocationLowerBound(problem);
  EXPECT_EQ(iteration.run(bound, 20 * 5000), 20 * 5000);
  AllocationSolution solution = solutionOf(problem, iteration.offsets());
  EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
  EXPECT_EQ(solution.heightBytes, iteration.heightBytes());
  // Two thirds of what the best strategy is above the bound.
  EXPECT_LT(3 * (solution.heightBytes - bound),
            2 * (greedy.heightBytes - bound));
}

TEST(GreedyIteration, KeepsFixedOffsets) {
  Random random(29);
  for (int i = 0; i < 200; ++i) {
    AllocationProblem problem = randomProblem(random, fixedShape);
    GreedyIteration iteration(problem.buffers, greedyStrategies()[i % 12],
                              nullptr);
    iteration.run(0, 1000);
    EXPECT_EQ(
        validateAllocation(problem, solutionOf(problem, iteration.offsets())),
        std::nullopt);
  }
}

/// Too large for the exact search: nodes and time go to iterated greedy passes.
TEST(SolveAllocation, LargeProblemsUseTheirNodes) {
  Random random(30);
  AllocationProblem problem = manyBuffers(random, 6000);
  AllocationSolution brief = solveAllocation(problem, {0, nullptr});
  AllocationSolution solution = solveAllocation(problem);
  EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
  EXPECT_EQ(solution.method, "iterated greedy");
  EXPECT_LT(solution.heightBytes, brief.heightBytes);
}

/// Whenever it is told to stop, it still has an answer, and soon.
TEST(SolveAllocation, StopsAtAnyTimeWithAValidAnswer) {
  Random random(31);
  AllocationProblem problem = manyBuffers(random, 6000);
  for (Buffer &buffer : problem.buffers)
    buffer.alignment = int64_t(1) << random.between(0, 6);
  problem.buffers.front().fixedOffset = 1 << 22;
  for (int64_t limit = 0; limit < 400; limit = 2 * limit + 1) {
    int64_t asked = 0;
    AllocationOptions options;
    options.shouldStop = [&] { return asked++ >= limit; };
    AllocationSolution solution = solveAllocation(problem, options);
    EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
    EXPECT_LT(asked, limit + 20);
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
