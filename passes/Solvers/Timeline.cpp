//===- Timeline.cpp - Lifetimes in compressed steps -----------------------===//

#include "passes/Solvers/Timeline.h"

#include <algorithm>

namespace neap {

Timeline::Timeline(const std::vector<Buffer> &buffers) {
  boundaries.reserve(2 * buffers.size());
  for (const Buffer &buffer : buffers) {
    boundaries.push_back(buffer.start);
    boundaries.push_back(buffer.end);
  }
  std::sort(boundaries.begin(), boundaries.end());
  boundaries.erase(std::unique(boundaries.begin(), boundaries.end()),
                   boundaries.end());
  auto sectionOf = [&](int64_t step) {
    return static_cast<int32_t>(
        std::lower_bound(boundaries.begin(), boundaries.end(), step) -
        boundaries.begin());
  };
  first.reserve(buffers.size());
  last.reserve(buffers.size());
  for (const Buffer &buffer : buffers) {
    first.push_back(sectionOf(buffer.start));
    last.push_back(sectionOf(buffer.end));
  }
}

std::vector<int32_t> Timeline::maximalUpTo() const {
  int32_t count = sectionCount();
  std::vector<uint8_t> startsAt(count + 1, 0), endsAt(count + 1, 0);
  for (size_t i = 0; i < first.size(); ++i) {
    startsAt[first[i]] = 1;
    endsAt[last[i]] = 1;
  }
  // A section is maximal if a buffer was born since the last death before it,
  // and one dies right behind it.
  std::vector<int32_t> upTo(count + 1, 0);
  bool birthPending = false;
  for (int32_t s = 0; s < count; ++s) {
    birthPending |= startsAt[s] != 0;
    bool maximal = birthPending && endsAt[s + 1] != 0;
    birthPending &= !maximal;
    upTo[s + 1] = upTo[s] + (maximal ? 1 : 0);
  }
  return upTo;
}

std::vector<int64_t>
Timeline::loads(const std::vector<int64_t> &weights) const {
  std::vector<int64_t> loads(sectionCount() + 1, 0);
  for (size_t i = 0; i < weights.size(); ++i) {
    loads[first[i]] += weights[i];
    loads[last[i]] -= weights[i];
  }
  for (size_t s = 1; s < loads.size(); ++s)
    loads[s] += loads[s - 1];
  loads.pop_back();
  return loads;
}

RangeMax::RangeMax(std::vector<int64_t> values) {
  maxima.push_back(std::move(values));
  for (size_t width = 1; 2 * width <= maxima[0].size(); width *= 2) {
    const std::vector<int64_t> &half = maxima.back();
    std::vector<int64_t> level(half.size() - width);
    for (size_t i = 0; i < level.size(); ++i)
      level[i] = std::max(half[i], half[i + width]);
    maxima.push_back(std::move(level));
  }
}

int64_t RangeMax::max(int32_t first, int32_t last) const {
  int level = 31 - __builtin_clz(static_cast<unsigned>(last - first));
  return std::max(maxima[level][first], maxima[level][last - (1 << level)]);
}

int64_t heightOf(const std::vector<Buffer> &buffers,
                 const std::vector<int64_t> &offsets) {
  int64_t height = 0;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].sizeBytes > 0)
      height = std::max(height, offsets[i] + buffers[i].sizeBytes);
  return height;
}

} // namespace neap
