//===- RematBound.h - What a remat search state must still cost -*- C++ -*-===//
//
// Two lower bounds on the cost from a state on.
//
// 1. Mandatory computations: every required node not done, and every input of
//    a mandatory computation that is not held.
//
// 2. A moment: consider the first computation of one node v. What is needed
//    afterwards is either held at that moment, where the budget leaves room
//    for `roomBytes` beside v and its inputs, or computed afterwards:
//
//      min  sum cost_i y_i         y_i: i is computed after the moment
//      s.t. x_u + y_u >= 1         for inputs u of later first computations
//           y_i <= x_u + y_u       for inputs u of i
//           sum bytes_i x_i <= roomBytes
//
//    With a price per byte in place of the last row it is a minimum cut, and
//    every price gives a bound (Lagrange).
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_REMATBOUND_H
#define NEAP_PASSES_SOLVERS_REMATBOUND_H

#include "passes/Solvers/MaxFlow.h"
#include "passes/Solvers/RematInstance.h"

#include <algorithm>
#include <limits>

namespace neap::remat {

/// A first computation to look at, and a price.
struct Moment {
  int node = -1;
  double pricePerByte = 0;
};

template <unsigned Words> class StateBound {
public:
  using Set = NodeSet<Words>;
  static constexpr int64_t impossible = MaxFlow::infinite;

  explicit StateBound(const Instance<Words> &instance) : instance(instance) {}

  /// Computations that must still happen with `held` in memory after `done`;
  /// nothing if one of them must not happen.
  struct Mandatory {
    Set runs;
    int64_t cost = 0;
  };
  Mandatory mandatory(const Set &held, const Set &done) const;

  /// What is needed on top of the mandatory cost, by the moment bound. At most
  /// 0 where it says nothing (the node is done, for instance).
  int64_t extra(const Set &held, const Set &done, const Mandatory &base,
                const Moment &moment);

  /// The price with the largest extra() for the first computation of `node`,
  /// and that value.
  Moment bestPrice(const Set &held, const Set &done, const Mandatory &base,
                   int node, int64_t &bestExtra);

private:
  Set runsBefore(int node, const Set &held) const;
  Set runsAfter(int node, const Set &done) const;
  int64_t roomBytes(int node) const;
  bool buildArcs(const Set &held, const Set &done, const Mandatory &base,
                 const Moment &moment);
  int64_t keptBytes(int node) const;

  const Instance<Words> &instance;
  MaxFlow flow;
  Set before;
};

template <unsigned Words>
typename StateBound<Words>::Mandatory
StateBound<Words>::mandatory(const Set &held, const Set &done) const {
  Mandatory result;
  result.runs = instance.required - done;
  // Inputs are earlier nodes: one sweep downwards sees every member.
  for (int w = int(Words) - 1; w >= 0; --w) {
    uint64_t seen = 0;
    while (uint64_t rest = result.runs.words[w] & ~seen) {
      int bit = 63 - __builtin_clzll(rest);
      seen |= uint64_t(1) << bit;
      int node = w * 64 + bit;
      result.cost += instance.cost[node];
      result.runs |= instance.deps[node] - held;
    }
  }
  if ((result.runs & done).isSubsetOf(instance.rerunnable))
    return result;
  result.cost = impossible;
  return result;
}

/// Nodes that must run between now and the first computation of `node`.
template <unsigned Words>
NodeSet<Words> StateBound<Words>::runsBefore(int node, const Set &held) const {
  Set runs;
  runs.set(node);
  for (int i = node; i >= 0; --i)
    if (runs.test(i))
      runs |= instance.deps[i] - held;
  if (instance.givenOrder)
    for (int i = 0; i < node; ++i)
      if (instance.required.test(i))
        runs.set(i);
  runs.reset(node);
  return runs;
}

/// Required nodes that first run after the first computation of `node`.
template <unsigned Words>
NodeSet<Words> StateBound<Words>::runsAfter(int node, const Set &done) const {
  Set after;
  if (instance.givenOrder) {
    for (int i = node + 1; i < instance.nodeCount; ++i)
      after.set(i);
  } else {
    Set reached = instance.users[node];
    for (int i = node + 1; i < instance.nodeCount; ++i)
      if (reached.test(i))
        reached |= instance.users[i];
    after = reached;
  }
  return (after & instance.required) - done;
}

template <unsigned Words> int64_t StateBound<Words>::roomBytes(int node) const {
  int64_t room =
      instance.budget - instance.bytes[node] - instance.scratch[node];
  instance.deps[node].forEach([&](int dep) { room -= instance.bytes[dep]; });
  return room;
}

/// Vertex 2i: i is available after the moment; 2i + 1: i is computed after it.
template <unsigned Words>
bool StateBound<Words>::buildArcs(const Set &held, const Set &done,
                                  const Mandatory &base, const Moment &moment) {
  int n = instance.nodeCount, source = 2 * n, sink = 2 * n + 1;
  int v = moment.node;
  if (v < 0 || done.test(v) || !instance.required.test(v))
    return false;
  before = (done | held | runsBefore(v, held));
  before.reset(v);
  Set seeds;
  runsAfter(v, done).forEach([&](int i) { seeds |= instance.deps[i]; });
  flow.clear(2 * n + 2);
  (seeds & before).forEach([&](int i) {
    flow.addArc(source, 2 * i, MaxFlow::infinite);
  });
  before.forEach([&](int i) {
    bool again = done.test(i) && !held.test(i);
    if (again && !base.runs.test(i)) {
      // Not held now: available later only by a computation from now on.
      flow.addArc(2 * i, sink,
                  instance.rerunnable.test(i) ? instance.cost[i]
                                              : MaxFlow::infinite);
      ((instance.deps[i] - held) & before - base.runs).forEach([&](int dep) {
        flow.addArc(2 * i, 2 * dep, MaxFlow::infinite);
      });
      return;
    }
    int64_t price =
        instance.deps[v].test(i)
            ? 0
            : int64_t(std::min(moment.pricePerByte * instance.bytes[i],
                               double(MaxFlow::infinite)));
    if (!instance.rerunnable.test(i)) {
      flow.addArc(2 * i, sink, price);
      return;
    }
    flow.addArc(2 * i, 2 * i + 1, price);
    // A mandatory second computation may be the one after the moment.
    flow.addArc(2 * i + 1, sink, again ? 0 : instance.cost[i]);
    (instance.deps[i] & before).forEach([&](int dep) {
      flow.addArc(2 * i + 1, 2 * dep, MaxFlow::infinite);
    });
  });
  return true;
}

template <unsigned Words>
int64_t StateBound<Words>::extra(const Set &held, const Set &done,
                                 const Mandatory &base, const Moment &moment) {
  if (!buildArcs(held, done, base, moment))
    return 0;
  int64_t room = roomBytes(moment.node);
  if (room < 0)
    return impossible;
  int n = instance.nodeCount;
  return flow.run(2 * n, 2 * n + 1) -
         int64_t(std::ceil(moment.pricePerByte * double(room)));
}

/// After a flow: bytes that the minimum cut holds at the moment.
template <unsigned Words> int64_t StateBound<Words>::keptBytes(int node) const {
  int64_t kept = 0;
  (before - instance.deps[node]).forEach([&](int i) {
    if (flow.onSourceSide(2 * i) && !flow.onSourceSide(2 * i + 1))
      kept += instance.bytes[i];
  });
  return kept;
}

template <unsigned Words>
Moment StateBound<Words>::bestPrice(const Set &held, const Set &done,
                                    const Mandatory &base, int node,
                                    int64_t &bestExtra) {
  Moment best;
  bestExtra = 0;
  int64_t room = roomBytes(node);
  double highest = 0;
  for (int i = 0; i < instance.nodeCount; ++i)
    if (instance.bytes[i] > 0)
      highest = std::max(highest,
                         double(instance.cost[i]) / double(instance.bytes[i]));
  // The bound is concave in the price: too much kept means too cheap.
  double low = 0, high = 2 * highest;
  for (int round = 0; round < 14; ++round) {
    Moment moment{node, round == 0 ? high / 1e6 : (low + high) / 2};
    int64_t value = extra(held, done, base, moment);
    if (value > bestExtra) {
      bestExtra = value;
      best = moment;
    }
    bool tooCheap = keptBytes(node) > room;
    if (round == 0 && !tooCheap)
      return best;
    (tooCheap ? low : high) = moment.pricePerByte;
  }
  return best;
}

} // namespace neap::remat

#endif // NEAP_PASSES_SOLVERS_REMATBOUND_H
