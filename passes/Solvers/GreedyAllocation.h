//===- GreedyAllocation.h - One pass over the buffers -----------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_GREEDYALLOCATION_H
#define NEAP_PASSES_SOLVERS_GREEDYALLOCATION_H

#include "passes/Solvers/Allocation.h"
#include "passes/Solvers/PlacedIndex.h"
#include "passes/Solvers/Timeline.h"

#include <string>
#include <vector>

namespace neap {

/// Which buffer is placed next. Ties: earlier start, then lower index, so that
/// repeated blocks are treated alike.
enum class BufferOrder {
  Size,           ///< Largest first (Pisarchyk & Lee 2020).
  Lifetime,       ///< Longest-lived first.
  Area,           ///< Largest size * lifetime first.
  Start,          ///< Earliest first.
  ConflictWeight, ///< Most bytes in buffers that overlap it first.
  Pressure        ///< Alive at the fullest section first, then by size.
};

struct GreedyStrategy {
  BufferOrder order;
  Placement placement;
  /// "order/placement", e.g. "size/first-gap".
  std::string name() const;
};

/// All of them, the ones that are best on training steps first.
const std::vector<GreedyStrategy> &greedyStrategies();

/// Work of the greedy passes, and when to give up.
struct GreedyEffort {
  /// Intervals looked at so far (a measure of work that no clock enters).
  int64_t steps = 0;
  /// Asked every 64 buffers; may be empty.
  std::function<bool()> shouldStop;
};

/// The buffers in the order in which a strategy places them: fixed offsets
/// first.
std::vector<size_t> sortedBuffers(BufferOrder order,
                                  const std::vector<Buffer> &buffers,
                                  const Timeline &timeline);

/// Valid offsets: each buffer of `sorted` in turn where `placement` says, given
/// those before it. `sorted` holds all buffers, fixed offsets first. Told to
/// stop, it puts what is left above everything else, without looking for gaps.
std::vector<int64_t> placeInOrder(const std::vector<Buffer> &buffers,
                                  const Timeline &timeline,
                                  const std::vector<size_t> &sorted,
                                  Placement placement, GreedyEffort &effort);

std::vector<int64_t> placeGreedily(const std::vector<Buffer> &buffers,
                                   const GreedyStrategy &strategy,
                                   GreedyEffort &effort);

/// The lowest answer of all strategies. Stops at a height of at most
/// `goodEnough`, and begins no further strategy after `stepLimit` more steps or
/// when told to stop; one strategy is always tried.
struct GreedyResult {
  std::vector<int64_t> offsets;
  int64_t heightBytes = 0;
  GreedyStrategy strategy;
};
GreedyResult placeBestGreedily(const std::vector<Buffer> &buffers,
                               int64_t goodEnough, int64_t stepLimit,
                               GreedyEffort &effort);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_GREEDYALLOCATION_H
