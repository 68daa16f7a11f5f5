//===- PlacedIndex.cpp - Placed buffers by time and offset ----------------===//

#include "passes/Solvers/PlacedIndex.h"

#include <algorithm>

namespace neap {

PlacedIndex::PlacedIndex(int32_t sectionCount, size_t bufferCount) {
  // More levels cost more insertions than they save comparisons.
  constexpr size_t windowBuffers = 128;
  constexpr size_t maxLevels = 3;
  int32_t stride = std::max(sectionCount, 1);
  levels.push_back({stride, std::vector<std::vector<PlacedBuffer>>(1)});
  while (levels.size() < maxLevels && stride > 1 &&
         (bufferCount >> levels.size()) > windowBuffers) {
    stride = (stride + 1) / 2;
    size_t count = static_cast<size_t>((sectionCount + stride - 1) / stride);
    levels.push_back({stride, std::vector<std::vector<PlacedBuffer>>(count)});
  }
}

void PlacedIndex::insert(const PlacedBuffer &buffer) {
  auto byBottom = [](const PlacedBuffer &a, const PlacedBuffer &b) {
    return a.bottom < b.bottom;
  };
  for (Level &level : levels) {
    // Window w covers [w * stride, (w + 2) * stride).
    int32_t from = std::max(buffer.first / level.stride - 1, 0);
    int32_t to = (buffer.last - 1) / level.stride;
    for (int32_t w = from; w <= to; ++w) {
      std::vector<PlacedBuffer> &window = level.windows[w];
      window.insert(
          std::upper_bound(window.begin(), window.end(), buffer, byBottom),
          buffer);
    }
  }
}

const std::vector<PlacedBuffer> &PlacedIndex::candidates(int32_t first,
                                                         int32_t last) const {
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    int32_t window = first / level->stride;
    if (int64_t(last) <= (int64_t(window) + 2) * level->stride)
      return level->windows[window];
  }
  return levels.front().windows.front();
}

} // namespace neap
