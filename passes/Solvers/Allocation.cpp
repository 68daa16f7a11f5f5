//===- Allocation.cpp - Bounds and the choice of strategy -----------------===//

#include "passes/Solvers/Allocation.h"

#include "passes/Solvers/AllocationParts.h"
#include "passes/Solvers/ExactAllocation.h"
#include "passes/Solvers/ExactSearch.h"
#include "passes/Solvers/GreedyAllocation.h"
#include "passes/Solvers/GreedyIteration.h"
#include "passes/Solvers/Timeline.h"
#include "passes/Solvers/TwoEndedAllocation.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace neap {
namespace {

/// Greedy work after which no further strategy is begun (under a second).
constexpr int64_t greedyStepLimit = 50'000'000;

/// The two-ended strategy's share of the nodes, for answers whose repeated
/// blocks are alike: a quarter, up to this.
constexpr int64_t maxTwoEndedNodes = 100'000;
/// For a part too large for the exact search: half, up to this.
constexpr int64_t maxLargeTwoEndedNodes = 2'000'000;

/// Buffers from which one pass takes a time that is worth asking about.
constexpr size_t manyBuffers = 4096;

/// Nodes of a part's first question to the exact search; each further pass has
/// four times as many.
constexpr int64_t firstTargetNodes = 100'000;
constexpr int64_t passGrowth = 4;

int64_t maxLoad(const Timeline &timeline, const std::vector<int64_t> &sizes) {
  std::vector<int64_t> loads = timeline.loads(sizes);
  return loads.empty() ? 0 : *std::max_element(loads.begin(), loads.end());
}

/// An allocation, and the strategy that found it.
struct Answer {
  std::vector<int64_t> offsets;
  int64_t heightBytes = std::numeric_limits<int64_t>::max();
  std::string method;

  /// Keeps the first answer, or a strictly lower one.
  void adopt(std::vector<int64_t> &&newOffsets, int64_t newHeightBytes,
             const std::string &newMethod) {
    if (newHeightBytes >= heightBytes)
      return;
    offsets = std::move(newOffsets);
    heightBytes = newHeightBytes;
    method = newMethod;
  }
};

/// Two-ended with at most `twoEndedNodes`, then greedy. Adds to `nodes`.
Answer placeQuickly(const std::vector<Buffer> &buffers, int64_t goodEnough,
                    int64_t twoEndedNodes, const AllocationOptions &options,
                    int64_t &nodes) {
  Answer answer, simple;
  if (options.shouldStop && buffers.size() > manyBuffers) {
    // Time may run out below, and leave no good answer.
    GreedyEffort effort{0, options.shouldStop};
    GreedyResult greedy = placeBestGreedily(buffers, goodEnough, 0, effort);
    simple.adopt(std::move(greedy.offsets), greedy.heightBytes,
                 greedy.strategy.name());
    if (options.shouldStop())
      return simple;
  }
  AllocationOptions twoEndedOptions = options;
  twoEndedOptions.nodeLimit = twoEndedNodes;
  TwoEndedResult twoEnded = placeTwoEnded(buffers, goodEnough, twoEndedOptions);
  nodes += twoEnded.nodes;
  if (!twoEnded.offsets.empty())
    answer.adopt(std::move(twoEnded.offsets), twoEnded.heightBytes,
                 "two-ended");
  answer.adopt(std::move(simple.offsets), simple.heightBytes, simple.method);
  if (answer.heightBytes <= goodEnough)
    return answer;
  GreedyEffort effort{0, options.shouldStop};
  GreedyResult greedy =
      placeBestGreedily(buffers, goodEnough, greedyStepLimit, effort);
  answer.adopt(std::move(greedy.offsets), greedy.heightBytes,
               greedy.strategy.name());
  return answer;
}

/// A part and what is known about it.
struct PartState {
  explicit PartState(const AllocationPart &part) : part(part) {}

  /// Height of the whole that this part causes.
  int64_t topBytes() const { return part.maxBaseBytes + best.heightBytes; }

  const AllocationPart &part;
  Answer best;
  int64_t lowerBoundBytes = 0;
  int64_t nodes = 0;
  /// For the next pass of the exact search; 0: no further pass.
  int64_t passNodes = firstTargetNodes;
};

/// The course of one call: the whole problem quickly, then the parts that are
/// too high.
class Solver {
public:
  Solver(const AllocationProblem &problem, const AllocationOptions &options)
      : problem(problem), options(options), parts(problem.buffers) {
    lowerBoundBytes =
        std::max(allocationLowerBound(problem), parts.baseHeightBytes);
    for (const AllocationPart &part : parts.parts) {
      states.emplace_back(part);
      states.back().lowerBoundBytes =
          allocationLowerBound({part.buffers, std::nullopt});
      raiseBound(states.back());
    }
  }

  AllocationSolution solve() {
    whole = placeQuickly(problem.buffers, goodEnough(),
                         parts.isWhole() ? twoEndedNodesFor(problem.buffers)
                                         : smallShare(),
                         options, nodes);
    if (whole.heightBytes > goodEnough() && !isHopeless()) {
      placeParts();
      while (PartState *state = nextToSearch())
        search(*state);
      joinParts();
    }
    AllocationSolution solution;
    solution.offsets = std::move(whole.offsets);
    solution.heightBytes = whole.heightBytes;
    solution.lowerBoundBytes = lowerBoundBytes;
    solution.optimal = whole.heightBytes == lowerBoundBytes;
    solution.method = whole.method;
    solution.nodes = nodes;
    return solution;
  }

private:
  int64_t goodEnough() const {
    return std::max(lowerBoundBytes, problem.capacityBytes.value_or(0));
  }

  /// A capacity below the bound is refuted.
  bool isHopeless() const {
    return problem.capacityBytes && *problem.capacityBytes < lowerBoundBytes;
  }

  void raiseBound(const PartState &state) {
    lowerBoundBytes = std::max(lowerBoundBytes,
                               state.part.maxBaseBytes + state.lowerBoundBytes);
  }

  int64_t smallShare() const {
    return std::min(options.nodeLimit / 4, maxTwoEndedNodes);
  }

  int64_t twoEndedNodesFor(const std::vector<Buffer> &buffers) const {
    return ExactSearch::accepts(buffers)
               ? smallShare()
               : std::min(options.nodeLimit / 2, maxLargeTwoEndedNodes);
  }

  void placeParts() {
    for (PartState &state : states) {
      const AllocationPart::Occurrence &first = state.part.occurrences.front();
      if (parts.isWhole()) {
        std::vector<int64_t> offsets;
        for (size_t i : first.members)
          offsets.push_back(whole.offsets[i]);
        state.best.adopt(std::move(offsets), whole.heightBytes, whole.method);
        state.nodes = nodes;
      } else {
        state.best = placeQuickly(state.part.buffers, targetOf(state),
                                  twoEndedNodesFor(state.part.buffers), options,
                                  state.nodes);
        nodes += state.nodes;
      }
    }
  }

  /// Nothing is gained by making the part lower than this.
  int64_t targetOf(const PartState &state) const {
    return goodEnough() - state.part.maxBaseBytes;
  }

  /// The part that makes the whole as high as it is, if that is too high and
  /// can still change.
  PartState *nextToSearch() {
    PartState *highest = nullptr;
    for (PartState &state : states)
      if (!highest || state.topBytes() > highest->topBytes())
        highest = &state;
    bool canImprove = highest && highest->topBytes() > goodEnough() &&
                      !isHopeless() && highest->passNodes > 0 &&
                      highest->nodes < options.nodeLimit &&
                      !(options.shouldStop && options.shouldStop());
    return canImprove ? highest : nullptr;
  }

  void search(PartState &state) {
    const std::vector<Buffer> &buffers = state.part.buffers;
    if (!ExactSearch::accepts(buffers))
      return iterate(state);
    AllocationOptions exactOptions = options;
    exactOptions.nodeLimit -= state.nodes;
    ExactGoal goal{state.best.heightBytes, state.lowerBoundBytes,
                   targetOf(state), problem.capacityBytes.has_value()};
    if (goal.onlyTarget)
      state.passNodes = exactOptions.nodeLimit;
    ExactResult exact =
        improveExactly(buffers, goal, state.passNodes, exactOptions);
    state.passNodes *= passGrowth;
    state.nodes += exact.nodes;
    nodes += exact.nodes;
    if (!exact.offsets.empty())
      state.best.adopt(std::move(exact.offsets), exact.heightBytes, "exact");
    state.lowerBoundBytes = exact.lowerBoundBytes;
    raiseBound(state);
  }

  /// For a part too large for exact search. Begins with the strategy that is
  /// best on most problems.
  void iterate(PartState &state) {
    const GreedyStrategy &strategy = greedyStrategies().front();
    GreedyIteration iteration(state.part.buffers, strategy, options.shouldStop);
    int64_t visited =
        iteration.run(targetOf(state), options.nodeLimit - state.nodes);
    state.nodes += visited;
    nodes += visited;
    state.best.adopt(std::vector<int64_t>(iteration.offsets()),
                     iteration.heightBytes(), "iterated greedy");
  }

  void joinParts() {
    std::vector<int64_t> offsets = parts.baseOffsets;
    int64_t height = parts.baseHeightBytes;
    for (const PartState &state : states) {
      height = std::max(height, state.topBytes());
      for (const auto &[base, members] : state.part.occurrences)
        for (size_t k = 0; k < members.size(); ++k)
          offsets[members[k]] = base + state.best.offsets[k];
    }
    whole.adopt(std::move(offsets), height,
                parts.isWhole() ? states.front().best.method : "parts");
  }

  const AllocationProblem &problem;
  const AllocationOptions &options;
  AllocationParts parts;
  std::vector<PartState> states;
  Answer whole;
  int64_t lowerBoundBytes = 0;
  int64_t nodes = 0;
};

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
  return Solver(problem, options).solve();
}

} // namespace neap
