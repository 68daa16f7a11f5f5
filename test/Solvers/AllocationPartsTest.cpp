//===- AllocationPartsTest.cpp - Independent parts of a problem -----------===//

#include "passes/Solvers/AllocationParts.h"
#include "Problems.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

int64_t endOf(const AllocationProblem &problem) {
  int64_t end = 0;
  for (const Buffer &buffer : problem.buffers)
    end = std::max(end, buffer.end);
  return end;
}

/// Appends `other` behind everything in `problem`.
void appendInTime(AllocationProblem &problem, const AllocationProblem &other) {
  int64_t shift = endOf(problem);
  for (Buffer buffer : other.buffers) {
    buffer.start += shift;
    buffer.end += shift;
    problem.buffers.push_back(buffer);
  }
}

void shuffle(Random &random, std::vector<Buffer> &buffers) {
  for (size_t k = buffers.size(); k > 1; --k)
    std::swap(buffers[k - 1],
              buffers[random.between(0, static_cast<int64_t>(k) - 1)]);
}

/// Four lifetimes of which each overlaps only its neighbours: one part.
AllocationProblem chainOf(const std::vector<int64_t> &sizes) {
  return {{makeBuffer(0, 2, sizes[0]), makeBuffer(1, 4, sizes[1]),
           makeBuffer(3, 6, sizes[2]), makeBuffer(5, 7, sizes[3])},
          std::nullopt};
}

TEST(AllocationParts, CutsWhereNothingCrossesAndFindsEqualParts) {
  AllocationProblem problem = chainOf({3, 5, 2, 4});
  appendInTime(problem, chainOf({3, 5, 2, 4}));
  AllocationParts equal(problem.buffers);
  ASSERT_EQ(equal.parts.size(), 1u);
  EXPECT_EQ(equal.parts[0].buffers.size(), 4u);
  ASSERT_EQ(equal.parts[0].occurrences.size(), 2u);
  EXPECT_EQ(equal.parts[0].occurrences[1].members,
            std::vector<size_t>({4, 5, 6, 7}));
  EXPECT_FALSE(equal.isWhole());
  appendInTime(problem, chainOf({3, 5, 2, 5}));
  EXPECT_EQ(AllocationParts(problem.buffers).parts.size(), 2u);
}

/// The buffer of 8 bytes bridges two parts, which then lie above it.
TEST(AllocationParts, SinksWhatOverlapsAllOthers) {
  AllocationProblem problem = chainOf({3, 5, 2, 4});
  appendInTime(problem, chainOf({1, 2, 1, 9}));
  problem.buffers.push_back(makeBuffer(1, 13, 8));
  AllocationParts parts(problem.buffers);
  ASSERT_EQ(parts.parts.size(), 2u);
  EXPECT_EQ(parts.parts[0].maxBaseBytes, 8);
  EXPECT_EQ(parts.parts[1].maxBaseBytes, 8);
  EXPECT_EQ(parts.baseHeightBytes, 8);
  // Not if it would upset an alignment, or a fixed offset.
  problem.buffers[0].alignment = 16;
  EXPECT_TRUE(AllocationParts(problem.buffers).isWhole());
  problem.buffers[0].alignment = 1;
  problem.buffers[0].fixedOffset = 0;
  EXPECT_TRUE(AllocationParts(problem.buffers).isWhole());
}

/// Nothing can be cut: nothing is moved.
TEST(AllocationParts, OnePartIsTheWhole) {
  AllocationProblem problem = chainOf({3, 5, 2, 4});
  problem.buffers.push_back(makeBuffer(0, 7, 8));
  problem.buffers.push_back(makeBuffer(0, 7, 0));
  AllocationParts parts(problem.buffers);
  EXPECT_TRUE(parts.isWhole());
  EXPECT_EQ(parts.parts[0].buffers.size(), 5u);
}

class Concatenations : public testing::TestWithParam<RandomShape> {};

/// Every instance is proven by brute force; with buffers that bridge them all
/// where neither alignment nor fixed offsets matter.
TEST_P(Concatenations, AreAsHighAsTheHighest) {
  Random random(41);
  bool mayBridge =
      GetParam().fixedPercent == 0 && GetParam().alignments.size() == 1;
  for (int i = 0; i < 300; ++i) {
    AllocationProblem problem;
    int64_t optimum = 0;
    for (int64_t count = random.between(2, 6); count > 0; --count) {
      AllocationProblem next = randomProblem(random, GetParam());
      optimum = std::max(optimum, BruteForce(next.buffers).height());
      for (int64_t copies = random.between(1, 2); copies > 0; --copies)
        appendInTime(problem, next);
    }
    int64_t end = endOf(problem);
    for (int64_t bridges = mayBridge ? random.between(0, 2) : 0; bridges > 0;
         --bridges) {
      problem.buffers.push_back(makeBuffer(0, end, random.between(1, 9)));
      optimum += problem.buffers.back().sizeBytes;
    }
    shuffle(random, problem.buffers);
    AllocationSolution solution = solveAllocation(problem);
    ASSERT_EQ(validateAllocation(problem, solution), std::nullopt)
        << "instance " << i;
    EXPECT_EQ(solution.heightBytes, optimum) << "instance " << i;
    EXPECT_TRUE(solution.optimal) << "instance " << i;

    problem.capacityBytes = optimum - 1;
    AllocationSolution tooSmall = solveAllocation(problem);
    EXPECT_EQ(validateAllocation(problem, tooSmall), std::nullopt);
    EXPECT_EQ(tooSmall.lowerBoundBytes, optimum) << "instance " << i;
    problem.capacityBytes = optimum;
    EXPECT_EQ(solveAllocation(problem).heightBytes, optimum);
  }
}

INSTANTIATE_TEST_SUITE_P(Random, Concatenations,
                         testing::Values(RandomShape{7, 9, 9, {1}, 0},
                                         RandomShape{7, 9, 9, {1, 2, 4}, 0},
                                         RandomShape{6, 9, 9, {1, 2}, 25}));

/// Lifetimes that nest, around others: base upon base.
TEST(AllocationParts, NestedLifetimesAgainstBruteForce) {
  Random random(42);
  int taken = 0;
  for (int i = 0; i < 2000; ++i) {
    AllocationProblem problem;
    int64_t depth = random.between(1, 4), steps = 12;
    for (int64_t k = 0; k < depth; ++k)
      problem.buffers.push_back(makeBuffer(k, steps - k - random.between(0, 1),
                                           random.between(1, 9)));
    for (int64_t k = random.between(1, 4); k > 0; --k) {
      int64_t start = random.between(0, steps - 2);
      problem.buffers.push_back(
          makeBuffer(start, std::min(start + random.between(1, 4), steps),
                     random.between(1, 9)));
    }
    shuffle(random, problem.buffers);
    taken += AllocationParts(problem.buffers).isWhole() ? 0 : 1;
    AllocationSolution solution = solveAllocation(problem);
    ASSERT_EQ(validateAllocation(problem, solution), std::nullopt);
    EXPECT_EQ(solution.heightBytes, BruteForce(problem.buffers).height());
    EXPECT_TRUE(solution.optimal) << "instance " << i;
  }
  EXPECT_GT(taken, 500);
}

} // namespace
