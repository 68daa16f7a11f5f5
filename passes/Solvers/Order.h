//===- Order.h - Order of steps with the lowest peak ------------*- C++ -*-===//
//
// In which order should the steps of a block run, so that the fewest bytes are
// alive at once? NP-hard; docs/order.md explains the method, its sources and
// what is proven. Buffers are shared exactly as passes/Analysis/Schedule.h
// shares them.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_ORDER_H
#define NEAP_PASSES_SOLVERS_ORDER_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace neap {

/// One step; the fields mean what they mean in ScheduleStep.
struct OrderStep {
  /// Indices of values.
  std::vector<int> operands, results;
  /// For each result the position in `operands` of the operand it may overwrite
  /// (inPlace) or is a view of (view), or -1; a view counts before inPlace.
  std::vector<int> inPlace, view;
  /// The two operands may be exchanged.
  bool commutative = false;
  int64_t scratchBytes = 0;
  /// Steps with effects keep their relative order.
  bool hasEffects = false;
};

struct OrderProblem {
  /// By value.
  std::vector<int64_t> valueBytes;
  /// In an order in which they can run.
  std::vector<OrderStep> steps;
  /// By value: fixed for good; never counted and never overwritten. No step
  /// defines such a value.
  std::vector<bool> isAlwaysAlive;
  /// By value: alive after the last step, so never overwritten. Any other value
  /// that no step defines is alive from the beginning until its last reader has
  /// run (without readers: never). Two such values never share a buffer: give
  /// outer values that do, one index.
  std::vector<bool> liveOut;
  /// (first, second): step `first` runs before step `second`.
  std::vector<std::pair<int, int>> precedence;
};

struct OrderOptions {
  /// Partial orders that may be visited in all; 0 keeps the given order. The
  /// answer depends on this number and on nothing else: no clock is read.
  int64_t nodeLimit = 500000;
};

struct OrderSolution {
  /// The steps, first to last.
  std::vector<int> order;
  /// Bytes at the fullest step of `order`.
  int64_t peakBytes = 0;
  /// No order has a lower peak.
  int64_t lowerBoundBytes = 0;
  /// peakBytes == lowerBoundBytes: proven minimal.
  bool optimal = false;
  /// What found the order: "given", "beam", "valleys" (the exact search) or
  /// "windows" (the exact search in parts).
  std::string method;
  /// Partial orders visited.
  int64_t nodes = 0;
};

/// The first thing wrong with `problem` (lengths, indices, negative sizes or
/// sizes whose sum exceeds 2^56, values defined twice or read before they are
/// defined, steps that cannot run in the given order, in one step a result that
/// may overwrite before a result that is a view), or nothing.
std::optional<std::string> validateOrderProblem(const OrderProblem &problem);

/// An order with a peak as low as the limit allows and never above that of the
/// given order. Requires a problem that validateOrderProblem accepts. If the
/// given order is as good, it is the answer; otherwise steps are exchanged
/// towards it as long as the peak allows.
OrderSolution solveOrder(const OrderProblem &problem,
                         const OrderOptions &options = {});

/// Fewest bytes with which the fullest step can run in any order: for each step
/// a minimum cut over the sets of steps that can have run before it.
int64_t orderLowerBound(const OrderProblem &problem);

/// Bytes alive in each step of `order`, which must be a valid one. Walks the
/// order with explicit buffers, apart from the solver. O(size of the problem).
std::vector<int64_t> simulateOrder(const OrderProblem &problem,
                                   const std::vector<int> &order);

/// The first thing wrong with `solution` as an answer to `problem` (not a
/// permutation, a step before one that it needs, peak not the true one or above
/// that of the given order, bound above the peak, unearned `optimal`), or
/// nothing. Shares no code with the solver.
std::optional<std::string> validateOrder(const OrderProblem &problem,
                                         const OrderSolution &solution);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_ORDER_H
