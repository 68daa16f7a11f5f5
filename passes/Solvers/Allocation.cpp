//===- Allocation.cpp - Bounds and the choice of strategy -----------------===//

#include "passes/Solvers/Allocation.h"

#include "passes/Solvers/ExactAllocation.h"
#include "passes/Solvers/GreedyAllocation.h"
#include "passes/Solvers/Timeline.h"
#include "passes/Solvers/TwoEndedAllocation.h"

#include <algorithm>
#include <numeric>

namespace neap {
namespace {

/// Greedy work after which no further strategy is begun (under a second).
constexpr int64_t greedyStepLimit = 50'000'000;

/// The two-ended strategy's share of the nodes, for answers whose repeated
/// blocks are alike: a quarter, up to this.
constexpr int64_t maxTwoEndedNodes = 100'000;

int64_t maxLoad(const Timeline &timeline, const std::vector<int64_t> &sizes) {
  std::vector<int64_t> loads = timeline.loads(sizes);
  return loads.empty() ? 0 : *std::max_element(loads.begin(), loads.end());
}

} // namespace

int64_t allocationLowerBound(const AllocationProblem &problem) {
  int64_t divisor = 0, fixedTop = 0;
  for (const Buffer &buffer : problem.buffers) {
    divisor = std::gcd(divisor, buffer.alignment);
    if (buffer.fixedOffset && buffer.sizeBytes > 0)
      fixedTop = std::max(fixedTop, *buffer.fixedOffset + buffer.sizeBytes);
  }
  std::vector<int64_t> sizes, rounded;
  int64_t maxPadding = 0;
  for (const Buffer &buffer : problem.buffers) {
    sizes.push_back(buffer.sizeBytes);
    rounded.push_back(alignUp(buffer.sizeBytes, divisor));
    maxPadding = std::max(maxPadding, rounded.back() - sizes.back());
  }
  Timeline timeline(problem.buffers);
  return std::max({maxLoad(timeline, sizes),
                   maxLoad(timeline, rounded) - maxPadding, fixedTop});
}

AllocationSolution solveAllocation(const AllocationProblem &problem,
                                   const AllocationOptions &options) {
  AllocationSolution solution;
  solution.lowerBoundBytes = allocationLowerBound(problem);
  int64_t capacity = problem.capacityBytes.value_or(0);
  int64_t goodEnough = std::max(solution.lowerBoundBytes, capacity);
  auto adopt = [&](std::vector<int64_t> &&offsets, int64_t heightBytes,
                   const std::string &method) {
    // The first answer, or a strictly lower one.
    if (offsets.empty() ||
        (!solution.method.empty() && heightBytes >= solution.heightBytes))
      return;
    solution.offsets = std::move(offsets);
    solution.heightBytes = heightBytes;
    solution.method = method;
  };
  auto isGoodEnough = [&] {
    return !solution.method.empty() && solution.heightBytes <= goodEnough;
  };

  AllocationOptions twoEndedOptions = options;
  twoEndedOptions.nodeLimit = std::min(options.nodeLimit / 4, maxTwoEndedNodes);
  TwoEndedResult twoEnded =
      placeTwoEnded(problem.buffers, goodEnough, twoEndedOptions);
  solution.nodes = twoEnded.nodes;
  adopt(std::move(twoEnded.offsets), twoEnded.heightBytes, "two-ended");
  if (!isGoodEnough()) {
    GreedyEffort effort{0, options.shouldStop};
    GreedyResult greedy =
        placeBestGreedily(problem.buffers, goodEnough, greedyStepLimit, effort);
    adopt(std::move(greedy.offsets), greedy.heightBytes,
          greedy.strategy.name());
  }
  // A capacity below the bound is refuted already.
  bool hopeless = problem.capacityBytes && capacity < solution.lowerBoundBytes;
  if (!isGoodEnough() && !hopeless) {
    AllocationOptions exactOptions = options;
    exactOptions.nodeLimit -= solution.nodes;
    ExactResult exact = improveExactly(problem, solution.heightBytes,
                                       solution.lowerBoundBytes, exactOptions);
    adopt(std::move(exact.offsets), exact.heightBytes, "exact");
    solution.lowerBoundBytes = exact.lowerBoundBytes;
    solution.nodes += exact.nodes;
  }
  solution.optimal = solution.heightBytes == solution.lowerBoundBytes;
  return solution;
}

} // namespace neap
