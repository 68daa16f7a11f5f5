//===- GreedyIteration.cpp - Greedy passes that learn ---------------------===//

#include "passes/Solvers/GreedyIteration.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace neap {
namespace {

/// Passes without a better answer after which the rule changes.
constexpr int patience = 12;
/// What ends above the target by more than this share of the excess is moved.
/// Everything suits buffers that press on one another at all times; only the
/// topmost, problems that are full at a few times.
constexpr double shares[] = {0.0, 0.9, 0.5};

} // namespace

GreedyIteration::GreedyIteration(const std::vector<Buffer> &buffers,
                                 const GreedyStrategy &strategy,
                                 std::function<bool()> shouldStop)
    : buffers(buffers), timeline(buffers), placement(strategy.placement),
      effort{0, std::move(shouldStop)},
      sorted(sortedBuffers(strategy.order, buffers, timeline)),
      bestSorted(sorted) {}

int64_t GreedyIteration::run(int64_t target, int64_t nodeLimit) {
  int64_t nodes = 0;
  while (nodes < nodeLimit) {
    std::vector<int64_t> offsets =
        placeInOrder(buffers, timeline, sorted, placement, effort);
    nodes += static_cast<int64_t>(buffers.size());
    int64_t height = heightOf(buffers, offsets);
    if (bestOffsets.empty() || height < bestHeightBytes) {
      bestOffsets = offsets;
      bestHeightBytes = height;
      bestSorted = sorted;
      fruitless = 0;
    } else if (++fruitless == patience) {
      rule = (rule + 1) % std::size(shares);
      sorted = bestSorted;
      offsets = bestOffsets;
      fruitless = 0;
    }
    if (bestHeightBytes <= target || (effort.shouldStop && effort.shouldStop()))
      break;
    int64_t excess = std::min(height, bestHeightBytes) - target;
    moveForward(offsets,
                target + static_cast<int64_t>(shares[rule] *
                                              static_cast<double>(excess)));
  }
  return nodes;
}

/// Halves the position of every buffer that ends above `threshold`.
void GreedyIteration::moveForward(const std::vector<int64_t> &offsets,
                                  int64_t threshold) {
  // Those with fixed offsets stay in front.
  std::vector<std::tuple<bool, size_t, size_t>> keys;
  for (size_t position = 0; position < sorted.size(); ++position) {
    const Buffer &buffer = buffers[sorted[position]];
    bool isTooHigh = offsets[sorted[position]] + buffer.sizeBytes > threshold &&
                     buffer.sizeBytes > 0;
    keys.emplace_back(!buffer.fixedOffset, isTooHigh ? position / 2 : position,
                      position);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<size_t> before = sorted;
  for (size_t position = 0; position < sorted.size(); ++position)
    sorted[position] = before[std::get<2>(keys[position])];
}

} // namespace neap
