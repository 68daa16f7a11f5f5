//===- ExactAllocation.h - Lowest height by exact search --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_EXACTALLOCATION_H
#define NEAP_PASSES_SOLVERS_EXACTALLOCATION_H

#include "passes/Solvers/Allocation.h"

#include <vector>

namespace neap {

/// What is known about the least height, and what is asked.
struct ExactGoal {
  /// Of the best allocation so far; what is found is lower.
  int64_t heightBytes = 0;
  /// Nothing is lower than this.
  int64_t lowerBoundBytes = 0;
  /// Any height up to this one will do.
  int64_t targetBytes = 0;
  /// Nothing above the target will do.
  bool onlyTarget = false;
};

struct ExactResult {
  /// Empty: nothing lower than the height given was found.
  std::vector<int64_t> offsets;
  int64_t heightBytes = 0;
  /// At least the bound given; heights below it are refuted.
  int64_t lowerBoundBytes = 0;
  int64_t nodes = 0;
};

/// One pass: asks for the target within `targetNodes` nodes, then (unless only
/// the target will do) bisects between it and the best height with a fifth of
/// that per question. Visits at most options.nodeLimit nodes in all. Requires
/// buffers of non-zero size that ExactSearch::accepts.
ExactResult improveExactly(const std::vector<Buffer> &buffers,
                           const ExactGoal &goal, int64_t targetNodes,
                           const AllocationOptions &options);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_EXACTALLOCATION_H
