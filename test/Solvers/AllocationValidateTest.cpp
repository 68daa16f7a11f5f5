//===- AllocationValidateTest.cpp - Broken answers are rejected -----------===//

#include "Problems.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;
using testing::Test;

namespace {

/// Three buffers: the first two overlap in time, the third comes later.
class ValidateAllocation : public Test {
protected:
  void SetUp() override {
    problem.buffers = {makeBuffer(0, 2, 64, 64), makeBuffer(1, 3, 10),
                       makeBuffer(3, 4, 74)};
    solution.offsets = {0, 64, 0};
    solution.heightBytes = 74;
    solution.lowerBoundBytes = 74;
    solution.optimal = true;
  }
  std::string verdict() {
    return validateAllocation(problem, solution).value_or("valid");
  }

  AllocationProblem problem;
  AllocationSolution solution;
};

TEST_F(ValidateAllocation, AcceptsTouchingBuffers) {
  EXPECT_EQ(verdict(), "valid");
}

TEST_F(ValidateAllocation, RejectsOverlapInTimeAndSpace) {
  solution.offsets[1] = 63;
  EXPECT_EQ(verdict(), "buffer #1 (id 0) overlaps buffer #0 (id 0) at step 1");
  // From below as well as from above.
  solution.offsets = {64, 55, 0};
  EXPECT_EQ(verdict(), "buffer #1 (id 0) overlaps buffer #0 (id 0) at step 1");
  solution.offsets = {64, 64, 0};
  EXPECT_EQ(verdict(), "buffer #1 (id 0) overlaps buffer #0 (id 0) at step 1");
}

TEST_F(ValidateAllocation, RejectsTheWrongNumberOfOffsets) {
  solution.offsets.pop_back();
  EXPECT_EQ(verdict(), "expected 3 offsets, but found 2");
}

TEST_F(ValidateAllocation, RejectsNegativeAndMisalignedOffsets) {
  solution.offsets[2] = -1;
  EXPECT_EQ(verdict(), "buffer #2 (id 0) has the negative offset -1");
  solution.offsets = {32, 96, 0};
  EXPECT_EQ(verdict(),
            "buffer #0 (id 0) lies at 32, not a multiple of its alignment 64");
}

TEST_F(ValidateAllocation, RejectsAMovedFixedBuffer) {
  problem.buffers[1].fixedOffset = 65;
  EXPECT_EQ(verdict(),
            "buffer #1 (id 0) was moved from its fixed offset 65 to 64");
}

TEST_F(ValidateAllocation, RejectsFalseFigures) {
  solution.heightBytes = 75;
  EXPECT_EQ(verdict(), "expected the height 74, but found 75");
  solution.heightBytes = 74;
  solution.lowerBoundBytes = 75;
  EXPECT_EQ(verdict(), "the lower bound 75 exceeds the height 74");
  solution.lowerBoundBytes = 73;
  EXPECT_EQ(verdict(),
            "called optimal at the height 74 with the lower bound 73");
  solution.optimal = false;
  EXPECT_EQ(verdict(), "valid");
}

/// The sweep against the definition, on random offsets.
TEST(ValidateAllocationRandom, AgreesWithAllPairs) {
  Random random(11);
  int rejected = 0, accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    AllocationProblem problem = randomProblem(random, {6, 9, 6, {1}, 0});
    AllocationSolution solution;
    for (const Buffer &buffer : problem.buffers) {
      solution.offsets.push_back(random.between(0, 15));
      solution.heightBytes = std::max(
          solution.heightBytes, solution.offsets.back() + buffer.sizeBytes);
    }
    bool disjoint = true;
    for (size_t a = 0; a < problem.buffers.size(); ++a)
      for (size_t b = 0; b < a; ++b) {
        const Buffer &x = problem.buffers[a], &y = problem.buffers[b];
        bool inTime = x.start < y.end && y.start < x.end;
        bool inSpace =
            solution.offsets[a] < solution.offsets[b] + y.sizeBytes &&
            solution.offsets[b] < solution.offsets[a] + x.sizeBytes;
        disjoint &= !(inTime && inSpace);
      }
    EXPECT_EQ(!validateAllocation(problem, solution), disjoint)
        << "instance " << i;
    ++(disjoint ? accepted : rejected);
  }
  EXPECT_GT(accepted, 500);
  EXPECT_GT(rejected, 500);
}

std::string problemVerdict(const std::vector<Buffer> &buffers) {
  return validateProblem({buffers, std::nullopt}).value_or("valid");
}

TEST(ValidateProblem, NamesTheBufferAndTheFault) {
  EXPECT_EQ(problemVerdict({}), "valid");
  EXPECT_EQ(problemVerdict({makeBuffer(0, 1, 0)}), "valid");
  EXPECT_EQ(problemVerdict({makeBuffer(0, 1, 1), makeBuffer(2, 2, 1)}),
            "buffer #1 (id 0): expected an end above the start 2, but found 2");
  EXPECT_EQ(problemVerdict({makeBuffer(-1, 2, 1)}),
            "buffer #0 (id 0): expected a start of at least 0, but found -1");
  EXPECT_EQ(problemVerdict({makeBuffer(0, 1, -4)}),
            "buffer #0 (id 0): expected a size of at least 0, but found -4");
  EXPECT_EQ(
      problemVerdict({makeBuffer(0, 1, 1, 0)}),
      "buffer #0 (id 0): expected an alignment of at least 1, but found 0");
}

TEST(ValidateProblem, RejectsImpossibleFixedOffsets) {
  Buffer fixed = makeBuffer(0, 2, 8, 4);
  fixed.fixedOffset = 6;
  EXPECT_EQ(problemVerdict({fixed}),
            "buffer #0 (id 0): expected a fixed offset that is a multiple of "
            "the alignment 4, but found 6");
  fixed.fixedOffset = -4;
  EXPECT_EQ(problemVerdict({fixed}), "buffer #0 (id 0): expected a fixed "
                                     "offset of at least 0, but found -4");
  fixed.fixedOffset = 4;
  Buffer other = makeBuffer(1, 2, 5);
  other.fixedOffset = 0;
  EXPECT_EQ(problemVerdict({fixed, other}),
            "fixed offsets conflict: buffer #1 (id 0) overlaps buffer #0 (id "
            "0) at step 1");
  other.sizeBytes = 4;
  EXPECT_EQ(problemVerdict({fixed, other}), "valid");
}

TEST(ValidateProblem, RejectsSumsThatCouldOverflow) {
  int64_t half = (int64_t(1) << 61);
  EXPECT_EQ(problemVerdict({makeBuffer(0, 1, half)}), "valid");
  EXPECT_EQ(problemVerdict({makeBuffer(0, 1, half), makeBuffer(0, 1, half)}),
            "buffer #1 (id 0): expected sizes, alignments and fixed offsets of "
            "at most 2^62 bytes in all");
}

} // namespace
