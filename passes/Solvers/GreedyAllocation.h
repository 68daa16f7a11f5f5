//===- GreedyAllocation.h - One pass over the buffers -----------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_GREEDYALLOCATION_H
#define NEAP_PASSES_SOLVERS_GREEDYALLOCATION_H

#include "passes/Solvers/Allocation.h"

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

/// Where it goes among the buffers placed before it that overlap its lifetime.
enum class Placement {
  FirstGap, ///< The lowest offset that fits.
  BestFit   ///< The smallest gap that fits; without one, above them all.
};

struct GreedyStrategy {
  BufferOrder order;
  Placement placement;
  /// "order/placement", e.g. "size/first-gap".
  std::string name() const;
};

/// All of them, the ones that are best on training steps first.
const std::vector<GreedyStrategy> &greedyStrategies();

/// Valid offsets, buffers with fixed offsets first. Adds the number of placed
/// buffers looked at to `steps` (a measure of work that no clock enters).
std::vector<int64_t> placeGreedily(const std::vector<Buffer> &buffers,
                                   const GreedyStrategy &strategy,
                                   int64_t &steps);

/// The lowest answer of all strategies. Stops at a height of at most
/// `goodEnough`, and begins no further strategy after `stepLimit` steps; adds
/// the steps to `steps`.
struct GreedyResult {
  std::vector<int64_t> offsets;
  int64_t heightBytes = 0;
  std::string method;
};
GreedyResult placeBestGreedily(const std::vector<Buffer> &buffers,
                               int64_t goodEnough, int64_t stepLimit,
                               int64_t &steps);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_GREEDYALLOCATION_H
