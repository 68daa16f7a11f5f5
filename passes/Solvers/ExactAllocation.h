//===- ExactAllocation.h - Lowest height by exact search --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_EXACTALLOCATION_H
#define NEAP_PASSES_SOLVERS_EXACTALLOCATION_H

#include "passes/Solvers/Allocation.h"

#include <vector>

namespace neap {

struct ExactResult {
  /// Empty: nothing lower than the height given was found.
  std::vector<int64_t> offsets;
  int64_t heightBytes = 0;
  /// At least the bound given; heights below it are refuted.
  int64_t lowerBoundBytes = 0;
  int64_t nodes = 0;
};

/// Searches for an allocation lower than `heightBytes` within options' limits.
/// With a capacity it decides whether one of at most that height exists;
/// without, it minimises: the lower bound first, then bisection between it and
/// the best height; what a probe leaves undecided is tried again with more
/// nodes. Does nothing for problems that ExactSearch::accepts refuses. Requires
/// lowerBoundBytes to be a valid bound, and no larger than the capacity.
ExactResult improveExactly(const AllocationProblem &problem,
                           int64_t heightBytes, int64_t lowerBoundBytes,
                           const AllocationOptions &options);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_EXACTALLOCATION_H
