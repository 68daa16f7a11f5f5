//===- GreedyAllocation.cpp - One pass over the buffers -------------------===//

#include "passes/Solvers/GreedyAllocation.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <queue>
#include <utility>

namespace neap {
namespace {

/// Buffers placed between two questions whether to stop.
constexpr size_t stopInterval = 64;

/// Bytes in buffers that overlap buffer i, itself included: all, less those
/// dead before it is born, less those born after it has died.
std::vector<double> conflictWeights(const std::vector<Buffer> &buffers,
                                    const Timeline &timeline) {
  size_t boundaryCount = timeline.boundaries.size();
  std::vector<double> bornFrom(boundaryCount + 1, 0), deadBy(boundaryCount, 0);
  for (size_t i = 0; i < buffers.size(); ++i) {
    bornFrom[timeline.first[i]] += static_cast<double>(buffers[i].sizeBytes);
    deadBy[timeline.last[i]] += static_cast<double>(buffers[i].sizeBytes);
  }
  for (size_t b = boundaryCount; b-- > 0;)
    bornFrom[b] += bornFrom[b + 1];
  for (size_t b = 1; b < boundaryCount; ++b)
    deadBy[b] += deadBy[b - 1];
  std::vector<double> weights;
  for (size_t i = 0; i < buffers.size(); ++i)
    weights.push_back(bornFrom[0] - deadBy[timeline.first[i]] -
                      bornFrom[timeline.last[i]]);
  return weights;
}

/// The largest load of any section in which buffer i is alive.
std::vector<double> pressures(const std::vector<Buffer> &buffers,
                              const Timeline &timeline) {
  std::vector<int64_t> sizes;
  for (const Buffer &buffer : buffers)
    sizes.push_back(buffer.sizeBytes);
  RangeMax loads(timeline.loads(sizes));
  std::vector<double> result;
  for (size_t i = 0; i < buffers.size(); ++i)
    result.push_back(
        static_cast<double>(loads.max(timeline.first[i], timeline.last[i])));
  return result;
}

/// The key by which larger comes first.
std::vector<double> keysFor(BufferOrder order,
                            const std::vector<Buffer> &buffers,
                            const Timeline &timeline) {
  if (order == BufferOrder::ConflictWeight)
    return conflictWeights(buffers, timeline);
  if (order == BufferOrder::Pressure)
    return pressures(buffers, timeline);
  std::vector<double> keys;
  for (const Buffer &buffer : buffers) {
    double size = static_cast<double>(buffer.sizeBytes);
    double lifetime = static_cast<double>(buffer.end - buffer.start);
    keys.push_back(order == BufferOrder::Size       ? size
                   : order == BufferOrder::Lifetime ? lifetime
                   : order == BufferOrder::Area
                       ? size * lifetime
                       : -static_cast<double>(buffer.start));
  }
  return keys;
}

/// Places `rest` above `height` in slots whose sizes are powers of two, each
/// reused by the next buffer of its class: fast, and at most twice as high as
/// the classes' own loads added up.
void placeInSlots(const std::vector<Buffer> &buffers, std::vector<size_t> rest,
                  int64_t height, std::vector<int64_t> &offsets) {
  std::sort(rest.begin(), rest.end(), [&](size_t a, size_t b) {
    return std::make_pair(buffers[a].start, a) <
           std::make_pair(buffers[b].start, b);
  });
  // Per size and alignment, slots by the end of their last buffer.
  using Slot = std::pair<int64_t, int64_t>;
  std::map<std::pair<int64_t, int64_t>,
           std::priority_queue<Slot, std::vector<Slot>, std::greater<Slot>>>
      classes;
  for (size_t i : rest) {
    const Buffer &buffer = buffers[i];
    if (buffer.sizeBytes == 0)
      continue;
    int64_t size = 1;
    while (size < buffer.sizeBytes)
      size *= 2;
    auto &slots = classes[{size, buffer.alignment}];
    if (!slots.empty() && slots.top().first <= buffer.start) {
      offsets[i] = slots.top().second;
      slots.pop();
    } else {
      offsets[i] = alignUp(height, buffer.alignment);
      height = offsets[i] + size;
    }
    slots.emplace(buffer.end, offsets[i]);
  }
}

} // namespace

std::vector<size_t> sortedBuffers(BufferOrder order,
                                  const std::vector<Buffer> &buffers,
                                  const Timeline &timeline) {
  std::vector<double> keys = keysFor(order, buffers, timeline);
  std::vector<size_t> sorted(buffers.size());
  std::iota(sorted.begin(), sorted.end(), size_t(0));
  std::sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) {
    bool aFixed = buffers[a].fixedOffset.has_value();
    bool bFixed = buffers[b].fixedOffset.has_value();
    if (aFixed != bFixed)
      return aFixed;
    if (keys[a] != keys[b])
      return keys[a] > keys[b];
    if (buffers[a].sizeBytes != buffers[b].sizeBytes)
      return buffers[a].sizeBytes > buffers[b].sizeBytes;
    if (buffers[a].start != buffers[b].start)
      return buffers[a].start < buffers[b].start;
    return a < b;
  });
  return sorted;
}

std::string GreedyStrategy::name() const {
  static const char *const orders[] = {"size",  "lifetime", "area",
                                       "start", "conflict", "pressure"};
  static const char *const placements[] = {"first-gap", "best-fit"};
  return std::string(orders[static_cast<int>(order)]) + "/" +
         placements[static_cast<int>(placement)];
}

const std::vector<GreedyStrategy> &greedyStrategies() {
  static const std::vector<GreedyStrategy> strategies = [] {
    std::vector<GreedyStrategy> all;
    for (Placement placement : {Placement::FirstGap, Placement::BestFit})
      for (BufferOrder order :
           {BufferOrder::Size, BufferOrder::Area, BufferOrder::Pressure,
            BufferOrder::Start, BufferOrder::Lifetime,
            BufferOrder::ConflictWeight})
        all.push_back({order, placement});
    return all;
  }();
  return strategies;
}

std::vector<int64_t> placeInOrder(const std::vector<Buffer> &buffers,
                                  const Timeline &timeline,
                                  const std::vector<size_t> &sorted,
                                  Placement placement, GreedyEffort &effort) {
  std::vector<int64_t> offsets(buffers.size(), 0);
  if (buffers.empty())
    return offsets;
  std::vector<int32_t> maximalUpTo = timeline.maximalUpTo();
  PlacedIndex index(maximalUpTo.back());
  int64_t height = 0;
  for (size_t position = 0; position < sorted.size(); ++position) {
    size_t i = sorted[position];
    const Buffer &buffer = buffers[i];
    int32_t first = maximalUpTo[timeline.first[i]];
    int32_t last = maximalUpTo[timeline.last[i]];
    if (buffer.fixedOffset)
      offsets[i] = *buffer.fixedOffset;
    else if (position % stopInterval == 0 && effort.shouldStop &&
             effort.shouldStop()) {
      placeInSlots(buffers, {sorted.begin() + position, sorted.end()}, height,
                   offsets);
      break;
    } else if (buffer.sizeBytes > 0)
      offsets[i] = index.findOffset(first, last, buffer.sizeBytes,
                                    buffer.alignment, placement, effort.steps);
    if (buffer.sizeBytes == 0)
      continue;
    index.insert(first, last, offsets[i], offsets[i] + buffer.sizeBytes);
    height = std::max(height, offsets[i] + buffer.sizeBytes);
  }
  return offsets;
}

std::vector<int64_t> placeGreedily(const std::vector<Buffer> &buffers,
                                   const GreedyStrategy &strategy,
                                   GreedyEffort &effort) {
  Timeline timeline(buffers);
  return placeInOrder(buffers, timeline,
                      sortedBuffers(strategy.order, buffers, timeline),
                      strategy.placement, effort);
}

GreedyResult placeBestGreedily(const std::vector<Buffer> &buffers,
                               int64_t goodEnough, int64_t stepLimit,
                               GreedyEffort &effort) {
  GreedyResult best;
  Timeline timeline(buffers);
  const int64_t lastStep = effort.steps + stepLimit;
  for (const GreedyStrategy &strategy : greedyStrategies()) {
    std::vector<int64_t> offsets = placeInOrder(
        buffers, timeline, sortedBuffers(strategy.order, buffers, timeline),
        strategy.placement, effort);
    int64_t height = heightOf(buffers, offsets);
    if (best.offsets.empty() || height < best.heightBytes)
      best = {std::move(offsets), height, strategy};
    if (best.heightBytes <= goodEnough || effort.steps >= lastStep ||
        (effort.shouldStop && effort.shouldStop()))
      break;
  }
  return best;
}

} // namespace neap
