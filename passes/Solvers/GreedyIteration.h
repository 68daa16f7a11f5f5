//===- GreedyIteration.h - Greedy passes that learn -------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_GREEDYITERATION_H
#define NEAP_PASSES_SOLVERS_GREEDYITERATION_H

#include "passes/Solvers/GreedyAllocation.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace neap {

/// Improves a greedy answer by repeating its pass with the buffers that ended
/// too high moved forward in the order ("squeaky wheel" optimisation, Joslin
/// and Clements 1999): for problems too large for the exact search.
class GreedyIteration {
public:
  /// `buffers` outlive the object.
  GreedyIteration(const std::vector<Buffer> &buffers,
                  const GreedyStrategy &strategy,
                  std::function<bool()> shouldStop);

  /// Repeats until a height of at most `target`, or until `nodeLimit` buffers
  /// have been placed (at least one pass), or when told to stop. Returns the
  /// buffers placed.
  int64_t run(int64_t target, int64_t nodeLimit);

  /// The best so far; empty before the first pass.
  const std::vector<int64_t> &offsets() const { return bestOffsets; }
  int64_t heightBytes() const { return bestHeightBytes; }

private:
  void moveForward(const std::vector<int64_t> &offsets, int64_t threshold);

  const std::vector<Buffer> &buffers;
  Timeline timeline;
  Placement placement;
  GreedyEffort effort;
  std::vector<size_t> sorted;
  std::vector<size_t> bestSorted;
  std::vector<int64_t> bestOffsets;
  int64_t bestHeightBytes = 0;
  int fruitless = 0;
  size_t rule = 0;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_GREEDYITERATION_H
