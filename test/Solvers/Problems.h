//===- Problems.h - Instances for the allocation tests ----------*- C++ -*-===//

#ifndef NEAP_TEST_SOLVERS_PROBLEMS_H
#define NEAP_TEST_SOLVERS_PROBLEMS_H

#include "passes/Solvers/Allocation.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace neap::test {

/// std::uniform_int_distribution differs between libraries; this does not.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  /// In [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() %
                                      static_cast<uint64_t>(high - low + 1));
  }

private:
  std::mt19937_64 engine;
};

struct RandomShape {
  int64_t maxBuffers = 7;
  int64_t maxStep = 9;
  int64_t maxSize = 9;
  /// Alignments are drawn from here.
  std::vector<int64_t> alignments = {1};
  /// Per cent of buffers with a fixed offset (dropped where they conflict).
  int64_t fixedPercent = 0;
};

inline AllocationProblem randomProblem(Random &random,
                                       const RandomShape &shape) {
  AllocationProblem problem;
  int64_t count = random.between(1, shape.maxBuffers);
  for (int64_t i = 0; i < count; ++i) {
    Buffer buffer;
    buffer.id = i;
    buffer.start = random.between(0, shape.maxStep - 1);
    buffer.end = random.between(buffer.start + 1, shape.maxStep);
    buffer.sizeBytes = random.between(1, shape.maxSize);
    buffer.alignment = shape.alignments[random.between(
        0, static_cast<int64_t>(shape.alignments.size()) - 1)];
    if (random.between(1, 100) <= shape.fixedPercent)
      buffer.fixedOffset = buffer.alignment * random.between(0, 6);
    problem.buffers.push_back(buffer);
    if (validateProblem(problem))
      problem.buffers.back().fixedOffset.reset();
  }
  return problem;
}

/// The lowest height, by trying every order in which buffers can lie above
/// each other: in some order, each lies as low as those before it allow.
class BruteForce {
public:
  /// No buffer ends above its ceiling, if there are any.
  explicit BruteForce(const std::vector<Buffer> &buffers,
                      const std::vector<int64_t> &ceilings = {})
      : buffers(buffers), ceilings(ceilings), tops(buffers.size(), -1) {
    extend(0, 0);
  }
  int64_t height() const { return best; }
  bool isPossible() const {
    return best != std::numeric_limits<int64_t>::max();
  }

private:
  void extend(size_t placedCount, int64_t height) {
    if (height >= best)
      return;
    if (placedCount == buffers.size()) {
      best = height;
      return;
    }
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (tops[i] >= 0)
        continue;
      int64_t offset = 0;
      for (size_t j = 0; j < buffers.size(); ++j)
        if (buffers[i].start < buffers[j].end &&
            buffers[j].start < buffers[i].end)
          offset = std::max(offset, tops[j]);
      if (buffers[i].fixedOffset && offset > *buffers[i].fixedOffset)
        continue;
      while (offset % buffers[i].alignment != 0)
        ++offset;
      tops[i] = buffers[i].fixedOffset.value_or(offset) + buffers[i].sizeBytes;
      if (ceilings.empty() || tops[i] <= ceilings[i])
        extend(placedCount + 1, std::max(height, tops[i]));
      tops[i] = -1;
    }
  }

  const std::vector<Buffer> &buffers;
  std::vector<int64_t> ceilings;
  std::vector<int64_t> tops;
  int64_t best = std::numeric_limits<int64_t>::max();
};

inline Buffer makeBuffer(int64_t start, int64_t end, int64_t sizeBytes,
                         int64_t alignment = 1) {
  Buffer buffer;
  buffer.start = start;
  buffer.end = end;
  buffer.sizeBytes = sizeBytes;
  buffer.alignment = alignment;
  return buffer;
}

} // namespace neap::test

#endif // NEAP_TEST_SOLVERS_PROBLEMS_H
