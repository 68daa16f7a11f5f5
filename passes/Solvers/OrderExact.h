//===- OrderExact.h - Optimal orders, valley by valley ----------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDEREXACT_H
#define NEAP_PASSES_SOLVERS_ORDEREXACT_H

#include "passes/Solvers/OrderSearch.h"

namespace neap::order {

struct ExactResult {
  /// Found: the interval is empty, all its steps are fixed. None: no order of
  /// them stays within the ceiling. Cut: some order as good as any begins and
  /// ends with the steps fixed so far.
  PathOutcome outcome = PathOutcome::Found;
  /// No order of the steps has a lower peak; at least limits.floorBytes. After
  /// Found: nor has the order found a higher one.
  int64_t provenBytes = 0;
  /// Sets visited.
  int64_t nodes = 0;
};

/// Fixes the steps of `interval`, from both ends, in an order with the lowest
/// peak.
ExactResult solveInterval(const OrderModel &model, Interval &interval,
                          const PathLimits &limits);

/// Makes `order` better where it peaks: takes a window of it, solves that
/// exactly, goes on until no window of a size that the limits allow helps.
/// Peaks up to `floorBytes` are as good as any. Returns the sets visited, at
/// most about `nodeLimit`.
int64_t improveWindows(const OrderModel &model, std::vector<int> &order,
                       int64_t floorBytes, int64_t nodeLimit);

} // namespace neap::order

#endif // NEAP_PASSES_SOLVERS_ORDEREXACT_H
