//===- ExactAllocation.cpp - Lowest height by exact search ----------------===//

#include "passes/Solvers/ExactAllocation.h"

#include "passes/Solvers/ExactSearch.h"
#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <numeric>

namespace neap {
namespace {

/// A bisecting probe has so much less than the one at the target.
constexpr int64_t targetPerProbe = 5;

/// Every height of a canonical allocation is a multiple of this: offsets are
/// sums of (rounded) sizes, aligned or fixed.
int64_t heightUnit(const std::vector<Buffer> &buffers) {
  int64_t divisor = 0, unit = 0;
  for (const Buffer &buffer : buffers)
    divisor = std::gcd(divisor, buffer.alignment);
  for (const Buffer &buffer : buffers) {
    unit = std::gcd(unit, buffer.sizeBytes);
    unit = std::gcd(unit, alignUp(buffer.sizeBytes, divisor));
    // An alignment of 1 moves nothing.
    if (buffer.alignment > 1)
      unit = std::gcd(unit, buffer.alignment);
    unit = std::gcd(unit, buffer.fixedOffset.value_or(0));
  }
  return unit;
}

/// The probes of one call, and what they have established.
class Minimiser {
public:
  Minimiser(const std::vector<Buffer> &buffers, const ExactGoal &goal,
            const AllocationOptions &options)
      : buffers(buffers), options(options), unit(heightUnit(buffers)),
        search(buffers, options.shouldStop) {
    result.heightBytes = goal.heightBytes;
    result.lowerBoundBytes = alignUp(goal.lowerBoundBytes, unit);
    target = std::max(goal.targetBytes, result.lowerBoundBytes);
  }

  void askForTarget(int64_t nodeLimit) {
    if (!isDone())
      probe(target, nodeLimit);
  }

  void bisect(int64_t nodeLimit) {
    // The lowest height that has not failed in this pass.
    int64_t hopeful = target - target % unit + unit;
    while (!isDone() && hopeful < result.heightBytes) {
      int64_t span = (result.heightBytes - unit - hopeful) / unit;
      int64_t middle = hopeful + span / 2 * unit;
      if (probe(middle, nodeLimit) != SearchOutcome::Found)
        hopeful = middle + unit;
    }
  }

  ExactResult result;

private:
  bool isDone() const {
    return result.heightBytes <= std::max(target, result.lowerBoundBytes) ||
           search.nodeCount() >= options.nodeLimit ||
           (options.shouldStop && options.shouldStop());
  }

  SearchOutcome probe(int64_t height, int64_t nodeLimit) {
    int64_t limit = std::min(nodeLimit, options.nodeLimit - search.nodeCount());
    SearchOutcome outcome =
        search.run(std::vector<int64_t>(buffers.size(), height), limit);
    if (outcome == SearchOutcome::Found) {
      result.offsets = search.offsets();
      result.heightBytes = heightOf(buffers, result.offsets);
    } else if (outcome == SearchOutcome::Refuted) {
      result.lowerBoundBytes =
          std::max(result.lowerBoundBytes, alignUp(height + 1, unit));
    }
    result.nodes = search.nodeCount();
    return outcome;
  }

  const std::vector<Buffer> &buffers;
  const AllocationOptions &options;
  const int64_t unit;
  int64_t target;
  ExactSearch search;
};

} // namespace

ExactResult improveExactly(const std::vector<Buffer> &buffers,
                           const ExactGoal &goal, int64_t targetNodes,
                           const AllocationOptions &options) {
  Minimiser minimiser(buffers, goal, options);
  minimiser.askForTarget(targetNodes);
  if (!goal.onlyTarget)
    minimiser.bisect(targetNodes / targetPerProbe);
  return std::move(minimiser.result);
}

} // namespace neap
