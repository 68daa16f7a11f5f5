//===- TwoEndedAllocationTest.cpp - Stacks, and blocks that repeat --------===//

#include "passes/Solvers/TwoEndedAllocation.h"
#include "Problems.h"
#include "passes/Solvers/Timeline.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

TwoEndedResult placeAll(const AllocationProblem &problem) {
  return placeTwoEnded(problem.buffers, allocationLowerBound(problem), {});
}

AllocationSolution solutionOf(const TwoEndedResult &result) {
  AllocationSolution solution;
  solution.offsets = result.offsets;
  solution.heightBytes = result.heightBytes;
  return solution;
}

TEST(TwoEnded, NestedLifetimesStackWithoutFragmentation) {
  Random random(31);
  for (int i = 0; i < 300; ++i) {
    AllocationProblem problem;
    int64_t depth = random.between(1, 60);
    for (int64_t k = 0; k < depth; ++k)
      problem.buffers.push_back(
          makeBuffer(k, 200 - k, random.between(1, 1000)));
    for (size_t k = problem.buffers.size(); k > 1; --k)
      std::swap(
          problem.buffers[k - 1],
          problem.buffers[random.between(0, static_cast<int64_t>(k) - 1)]);
    TwoEndedResult result = placeAll(problem);
    EXPECT_EQ(validateAllocation(problem, solutionOf(result)), std::nullopt);
    // At every step the live buffers fill [0, load): no hole anywhere.
    for (size_t a = 0; a < problem.buffers.size(); ++a) {
      int64_t below = 0;
      for (size_t b = 0; b < problem.buffers.size(); ++b)
        if (problem.buffers[b].start < problem.buffers[a].start)
          below += problem.buffers[b].sizeBytes;
      EXPECT_EQ(result.offsets[a], below);
    }
  }
}

/// A training step: `blocks` equal blocks forward, then backward in reverse.
/// Saved buffers live from their forward to their backward block; transients
/// within one. transientsOf[block] lists the positions of the transients.
struct TrainingStep {
  AllocationProblem problem;
  std::vector<std::vector<size_t>> forward, backward;
};

constexpr int64_t blockSteps = 20;

TrainingStep makeTrainingStep(int64_t blocks, const std::vector<Buffer> &saved,
                              const std::vector<Buffer> &forward,
                              const std::vector<Buffer> &backward) {
  TrainingStep step;
  auto add = [&](Buffer buffer, int64_t startShift, int64_t endShift) {
    buffer.start += startShift;
    buffer.end += endShift;
    step.problem.buffers.push_back(buffer);
    return step.problem.buffers.size() - 1;
  };
  for (int64_t block = 0; block < blocks; ++block) {
    int64_t forwardShift = block * blockSteps;
    int64_t backwardShift = (2 * blocks - 1 - block) * blockSteps;
    step.forward.emplace_back();
    step.backward.emplace_back();
    for (const Buffer &buffer : saved)
      add(buffer, forwardShift, backwardShift);
    for (const Buffer &buffer : forward)
      step.forward.back().push_back(add(buffer, forwardShift, forwardShift));
    for (const Buffer &buffer : backward)
      step.backward.back().push_back(add(buffer, backwardShift, backwardShift));
  }
  return step;
}

std::vector<Buffer> randomTransients(Random &random, int64_t count,
                                     int64_t alignment) {
  std::vector<Buffer> transients;
  for (int64_t k = 0; k < count; ++k) {
    int64_t start = random.between(0, blockSteps - 2);
    int64_t end = random.between(start + 1, std::min(start + 6, blockSteps));
    transients.push_back(
        makeBuffer(start, end, alignment * random.between(1, 1000), alignment));
  }
  return transients;
}

bool blocksAreEqual(const TrainingStep &step,
                    const std::vector<int64_t> &offsets) {
  for (const auto &phase : {step.forward, step.backward})
    for (const std::vector<size_t> &block : phase)
      for (size_t k = 0; k < block.size(); ++k)
        if (offsets[block[k]] != offsets[phase.front()[k]])
          return false;
  return true;
}

/// Equal blocks come second to height: where one packing per block type cannot
/// reach the load, another division may. That is rare.
TEST(TwoEnded, RepeatedBlocksGetEqualOffsets) {
  Random random(32);
  int equal = 0;
  for (int64_t alignment : {1, 64})
    for (int i = 0; i < 40; ++i) {
      // Born at steps 0..4 of the block, dead in reverse at its end.
      std::vector<Buffer> saved;
      for (int64_t k = 0; k < 5; ++k)
        saved.push_back(makeBuffer(k, blockSteps - k,
                                   64 * random.between(1, 20), alignment));
      TrainingStep step = makeTrainingStep(
          random.between(2, 8), saved, randomTransients(random, 15, alignment),
          randomTransients(random, 25, alignment));
      AllocationSolution solution = solveAllocation(step.problem);
      EXPECT_EQ(validateAllocation(step.problem, solution), std::nullopt);
      EXPECT_EQ(solution.method, "two-ended") << "instance " << i;
      EXPECT_TRUE(solution.optimal) << "instance " << i;
      equal += blocksAreEqual(step, solution.offsets);
    }
  EXPECT_GE(equal, 78);
}

/// Transients that fill 1000 bytes without a gap: no greedy order finds that,
/// the exact search for the shape must.
TEST(TwoEnded, RepacksShapesExactly) {
  std::vector<Buffer> transients = {
      makeBuffer(0, 8, 300),   makeBuffer(0, 5, 450),  makeBuffer(0, 3, 250),
      makeBuffer(3, 12, 250),  makeBuffer(5, 9, 450),  makeBuffer(8, 16, 300),
      makeBuffer(9, 20, 150),  makeBuffer(9, 14, 300), makeBuffer(12, 20, 250),
      makeBuffer(14, 20, 300), makeBuffer(16, 20, 300)};
  std::vector<Buffer> saved = {makeBuffer(0, blockSteps, 100)};
  TrainingStep step = makeTrainingStep(6, saved, {}, transients);
  AllocationSolution solution = solveAllocation(step.problem);
  EXPECT_EQ(validateAllocation(step.problem, solution), std::nullopt);
  EXPECT_EQ(solution.method, "two-ended");
  EXPECT_EQ(solution.heightBytes, 1600);
  EXPECT_TRUE(blocksAreEqual(step, solution.offsets));
}

TEST(TwoEnded, ArbitraryProblemsAreValid) {
  Random random(33);
  for (int i = 0; i < 500; ++i) {
    AllocationProblem problem =
        randomProblem(random, i % 2 ? RandomShape{60, 80, 500, {1, 8, 64}, 0}
                                    : RandomShape{8, 9, 9, {1, 2, 3}, 0});
    TwoEndedResult result = placeAll(problem);
    ASSERT_EQ(result.offsets.size(), problem.buffers.size());
    EXPECT_EQ(validateAllocation(problem, solutionOf(result)), std::nullopt)
        << "instance " << i;
  }
}

TEST(TwoEnded, LeavesFixedOffsetsAndOddAlignmentsToOthers) {
  Buffer fixed = makeBuffer(0, 2, 8);
  fixed.fixedOffset = 8;
  EXPECT_TRUE(placeAll({{fixed}, std::nullopt}).offsets.empty());
  EXPECT_TRUE(placeAll({{makeBuffer(0, 2, 8, 1021), makeBuffer(0, 2, 8, 1031)},
                        std::nullopt})
                  .offsets.empty());
}

/// Buffers by the thousand in time that a compiler can spend on them.
TEST(TwoEnded, LongStepsReachTheLoad) {
  Random random(34);
  std::vector<Buffer> saved;
  for (int64_t k = 0; k < 9; ++k)
    saved.push_back(makeBuffer(k, blockSteps - k, random.between(1, 500)));
  TrainingStep step =
      makeTrainingStep(120, saved, randomTransients(random, 40, 1),
                       randomTransients(random, 60, 1));
  ASSERT_GT(step.problem.buffers.size(), 13000u);
  AllocationSolution solution = solveAllocation(step.problem);
  EXPECT_EQ(validateAllocation(step.problem, solution), std::nullopt);
  EXPECT_EQ(solution.method, "two-ended");
  EXPECT_TRUE(solution.optimal);
  EXPECT_TRUE(blocksAreEqual(step, solution.offsets));
}

} // namespace
