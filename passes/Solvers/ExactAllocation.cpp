//===- ExactAllocation.cpp - Lowest height by exact search ----------------===//

#include "passes/Solvers/ExactAllocation.h"

#include "passes/Solvers/ExactSearch.h"
#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <numeric>

namespace neap {
namespace {

/// Nodes of the first probe at the target, and of a bisecting probe.
constexpr int64_t firstTargetNodes = 100'000;
constexpr int64_t targetPerProbe = 5;
/// Growth of both from pass to pass.
constexpr int64_t passGrowth = 4;

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
  Minimiser(const std::vector<Buffer> &buffers, ExactResult &result,
            const AllocationOptions &options)
      : buffers(buffers), result(result), options(options),
        unit(heightUnit(buffers)), search(buffers, options.shouldStop) {
    result.lowerBoundBytes = alignUp(result.lowerBoundBytes, unit);
  }

  void decide(int64_t capacityBytes) {
    probe(capacityBytes, options.nodeLimit);
  }

  void minimise() {
    for (int64_t nodes = firstTargetNodes; !isDone(); nodes *= passGrowth) {
      probe(result.lowerBoundBytes, nodes);
      bisect(nodes / targetPerProbe);
    }
  }

private:
  bool isDone() const {
    return result.heightBytes <= result.lowerBoundBytes ||
           search.nodeCount() >= options.nodeLimit ||
           (options.shouldStop && options.shouldStop());
  }

  void bisect(int64_t nodeLimit) {
    // The lowest height that has not failed in this pass.
    int64_t hopeful = result.lowerBoundBytes + unit;
    while (!isDone() && hopeful < result.heightBytes) {
      int64_t span = (result.heightBytes - unit - hopeful) / unit;
      int64_t middle = hopeful + span / 2 * unit;
      if (probe(middle, nodeLimit) != SearchOutcome::Found)
        hopeful = middle + unit;
    }
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
  ExactResult &result;
  const AllocationOptions &options;
  const int64_t unit;
  ExactSearch search;
};

} // namespace

ExactResult improveExactly(const AllocationProblem &problem,
                           int64_t heightBytes, int64_t lowerBoundBytes,
                           const AllocationOptions &options) {
  ExactResult result;
  result.heightBytes = heightBytes;
  result.lowerBoundBytes = lowerBoundBytes;
  std::vector<Buffer> solid;
  for (const Buffer &buffer : problem.buffers)
    if (buffer.sizeBytes > 0)
      solid.push_back(buffer);
  if (solid.empty() || options.nodeLimit <= 0 || !ExactSearch::accepts(solid))
    return result;

  Minimiser minimiser(solid, result, options);
  if (problem.capacityBytes)
    minimiser.decide(*problem.capacityBytes);
  else
    minimiser.minimise();
  if (result.offsets.empty())
    return result;
  std::vector<int64_t> offsets;
  size_t next = 0;
  for (const Buffer &buffer : problem.buffers)
    offsets.push_back(buffer.sizeBytes > 0 ? result.offsets[next++]
                                           : buffer.fixedOffset.value_or(0));
  result.offsets = std::move(offsets);
  return result;
}

} // namespace neap
