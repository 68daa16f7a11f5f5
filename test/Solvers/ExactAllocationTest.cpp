//===- ExactAllocationTest.cpp - The exact search against brute force -----===//

#include "passes/Solvers/ExactAllocation.h"
#include "Problems.h"
#include "passes/Solvers/ExactSearch.h"
#include "passes/Solvers/Timeline.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

struct Case {
  const char *name;
  RandomShape shape;
  int count;
};

void PrintTo(const Case &testCase, std::ostream *output) {
  *output << testCase.name;
}

class AgainstBruteForce : public testing::TestWithParam<Case> {};

/// Feasible at the optimum, refuted one byte below: without any help from
/// bounds or greedy answers.
TEST_P(AgainstBruteForce, SearchDecidesAtTheOptimum) {
  Random random(1);
  for (int i = 0; i < GetParam().count; ++i) {
    AllocationProblem problem = randomProblem(random, GetParam().shape);
    int64_t optimum = BruteForce(problem.buffers).height();
    ExactSearch search(problem.buffers, nullptr);
    std::vector<int64_t> ceilings(problem.buffers.size(), optimum);
    ASSERT_EQ(search.run(ceilings, 100000), SearchOutcome::Found)
        << "instance " << i;
    AllocationSolution solution;
    solution.offsets = search.offsets();
    solution.heightBytes = optimum;
    EXPECT_EQ(validateAllocation(problem, solution), std::nullopt)
        << "instance " << i;
    for (int64_t &ceiling : ceilings)
      --ceiling;
    ASSERT_EQ(search.run(ceilings, 100000), SearchOutcome::Refuted)
        << "instance " << i;
  }
}

TEST_P(AgainstBruteForce, SolveProvesTheOptimum) {
  Random random(2);
  for (int i = 0; i < GetParam().count; ++i) {
    AllocationProblem problem = randomProblem(random, GetParam().shape);
    AllocationSolution solution = solveAllocation(problem);
    ASSERT_EQ(validateAllocation(problem, solution), std::nullopt)
        << "instance " << i;
    EXPECT_EQ(solution.heightBytes, BruteForce(problem.buffers).height())
        << "instance " << i;
    EXPECT_TRUE(solution.optimal) << "instance " << i;
  }
}

TEST_P(AgainstBruteForce, CapacityIsDecidedBothWays) {
  Random random(3);
  for (int i = 0; i < GetParam().count; ++i) {
    AllocationProblem problem = randomProblem(random, GetParam().shape);
    int64_t optimum = BruteForce(problem.buffers).height();
    problem.capacityBytes = optimum;
    AllocationSolution fits = solveAllocation(problem);
    EXPECT_EQ(validateAllocation(problem, fits), std::nullopt);
    EXPECT_EQ(fits.heightBytes, optimum) << "instance " << i;
    problem.capacityBytes = optimum - 1;
    AllocationSolution tooSmall = solveAllocation(problem);
    EXPECT_EQ(validateAllocation(problem, tooSmall), std::nullopt);
    EXPECT_GT(tooSmall.lowerBoundBytes, optimum - 1) << "instance " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Random, AgainstBruteForce,
    testing::Values(Case{"plain", {7, 9, 9, {1}, 0}, 1500},
                    Case{"long_lives", {7, 4, 5, {1}, 0}, 500},
                    Case{"one_alignment", {7, 9, 9, {4}, 0}, 500},
                    Case{"mixed_alignments", {7, 9, 9, {1, 2, 4, 8}, 0}, 1000},
                    Case{"odd_alignments", {6, 9, 9, {2, 3, 6}, 0}, 500},
                    Case{"fixed", {7, 9, 9, {1}, 20}, 500},
                    Case{"fixed_and_aligned", {6, 9, 9, {1, 2, 4}, 30}, 1000}),
    [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

/// Each buffer with its own ceiling: the load says little, so that the answer
/// hangs on the search alone, and often on its second thoughts.
TEST(ExactSearch, HonoursCeilingsPerBuffer) {
  Random random(4);
  int found = 0, refuted = 0;
  for (int i = 0; i < 20000; ++i) {
    AllocationProblem problem = randomProblem(random, {7, 5, 6, {1, 1, 2}, 0});
    int64_t optimum = BruteForce(problem.buffers).height();
    std::vector<int64_t> ceilings;
    for (const Buffer &buffer : problem.buffers)
      ceilings.push_back(
          std::max(buffer.sizeBytes,
                   random.between(optimum - optimum / 4, optimum + 2)));
    bool possible = BruteForce(problem.buffers, ceilings).isPossible();
    ExactSearch search(problem.buffers, nullptr);
    ASSERT_EQ(search.run(ceilings, 100000),
              possible ? SearchOutcome::Found : SearchOutcome::Refuted)
        << "instance " << i;
    ++(possible ? found : refuted);
  }
  EXPECT_GT(found, 2000);
  EXPECT_GT(refuted, 2000);
}

/// Cuts the steps [start, end) x bytes [bottom, top) into buffers.
void cutIntoBuffers(Random &random, int64_t start, int64_t end, int64_t bottom,
                    int64_t top, int depth, std::vector<Buffer> &buffers) {
  bool acrossTime = random.between(0, 1) == 0;
  int64_t length = acrossTime ? end - start : top - bottom;
  if (depth == 0 || length < 2) {
    buffers.push_back(makeBuffer(start, end, top - bottom));
    return;
  }
  int64_t cut = random.between(1, length - 1);
  if (acrossTime) {
    cutIntoBuffers(random, start, start + cut, bottom, top, depth - 1, buffers);
    cutIntoBuffers(random, start + cut, end, bottom, top, depth - 1, buffers);
  } else {
    cutIntoBuffers(random, start, end, bottom, bottom + cut, depth - 1,
                   buffers);
    cutIntoBuffers(random, start, end, bottom + cut, top, depth - 1, buffers);
  }
}

/// A full rectangle has no slack anywhere: one wrongly pruned branch and the
/// answer is lost.
TEST(ExactSearch, RefillsRectanglesCutToPieces) {
  Random random(7);
  for (int i = 0; i < 500; ++i) {
    AllocationProblem problem;
    cutIntoBuffers(random, 0, 40, 0, 1000, 5, problem.buffers);
    for (size_t k = problem.buffers.size(); k > 1; --k)
      std::swap(
          problem.buffers[k - 1],
          problem.buffers[random.between(0, static_cast<int64_t>(k) - 1)]);
    ExactSearch search(problem.buffers, nullptr);
    std::vector<int64_t> ceilings(problem.buffers.size(), 1000);
    ASSERT_EQ(search.run(ceilings, 200000), SearchOutcome::Found)
        << "instance " << i;
    AllocationSolution solution;
    solution.offsets = search.offsets();
    solution.heightBytes = 1000;
    EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
  }
}

TEST(ExactSearch, StopsAtTheNodeLimitAndOnRequest) {
  Random random(5);
  AllocationProblem problem = randomProblem(random, {1, 9, 9, {1}, 0});
  while (problem.buffers.size() < 300) {
    int64_t start = random.between(0, 300);
    problem.buffers.push_back(makeBuffer(start, start + random.between(1, 60),
                                         random.between(1, 1 << 20)));
  }
  // A node places one buffer, so that 300 are the least.
  int64_t bound = allocationLowerBound(problem);
  std::vector<int64_t> ceilings(problem.buffers.size(), bound);
  ExactSearch limited(problem.buffers, nullptr);
  EXPECT_EQ(limited.run(ceilings, 200), SearchOutcome::Stopped);
  EXPECT_EQ(limited.nodeCount(), 200);
  ExactSearch stopped(problem.buffers, [] { return true; });
  EXPECT_EQ(stopped.run(ceilings, 1 << 30), SearchOutcome::Stopped);
  EXPECT_LE(stopped.nodeCount(), 256);
}

/// The load is not always reached; the search must say so, and be right.
TEST(ExactAllocation, OptimumMayExceedTheLoad) {
  AllocationProblem problem;
  problem.buffers = {
      makeBuffer(1, 4, 2), makeBuffer(1, 5, 1), makeBuffer(0, 2, 3),
      makeBuffer(4, 6, 5), makeBuffer(2, 3, 4), makeBuffer(0, 1, 5),
      makeBuffer(3, 7, 2), makeBuffer(0, 4, 2), makeBuffer(2, 5, 1),
      makeBuffer(6, 7, 5), makeBuffer(5, 6, 2)};
  EXPECT_EQ(allocationLowerBound(problem), 10);
  EXPECT_EQ(BruteForce(problem.buffers).height(), 11);
  AllocationSolution solution = solveAllocation(problem);
  EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
  EXPECT_EQ(solution.heightBytes, 11);
  EXPECT_EQ(solution.lowerBoundBytes, 11);
  EXPECT_TRUE(solution.optimal);
}

} // namespace
