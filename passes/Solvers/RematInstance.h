//===- RematInstance.h - A remat problem ready for the search ---*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_REMATINSTANCE_H
#define NEAP_PASSES_SOLVERS_REMATINSTANCE_H

#include "passes/Solvers/Remat.h"
#include "passes/Solvers/RematNodeSet.h"

#include <cmath>
#include <vector>

namespace neap::remat {

/// The problem with sets for lists and integers for costs: sums of integers do
/// not depend on their order, which the search's arguments need.
template <unsigned Words> struct Instance {
  using Set = NodeSet<Words>;

  explicit Instance(const RematProblem &problem);

  /// Nodes of which something not done yet can need the output, given that
  /// `done` have been computed.
  Set usefulAfter(const Set &done) const;

  int nodeCount;
  bool givenOrder;
  int64_t budget;
  std::vector<int64_t> bytes, scratch, cost;
  std::vector<Set> deps, users;
  Set required, rerunnable;
  /// Nodes for which it matters whether they have been computed.
  Set tracked;
  /// Internal cost units in one unit of RematNode::cost.
  double costScale;
};

template <unsigned Words>
Instance<Words>::Instance(const RematProblem &problem)
    : nodeCount(int(problem.nodes.size())),
      givenOrder(problem.order == RematOrder::Given),
      budget(problem.budgetBytes), deps(nodeCount), users(nodeCount) {
  double total = 0;
  bool integral = true;
  for (const RematNode &node : problem.nodes) {
    total += node.cost;
    integral &= node.cost == std::floor(node.cost);
  }
  // 2^47 leaves room for thousands of computations of every node.
  constexpr double range = double(int64_t(1) << 47);
  costScale = (integral && total <= range) || total == 0 ? 1 : range / total;
  for (int i = 0; i < nodeCount; ++i) {
    const RematNode &node = problem.nodes[i];
    bytes.push_back(node.bytes);
    scratch.push_back(node.scratchBytes);
    cost.push_back(std::llround(node.cost * costScale));
    for (int dep : node.deps) {
      deps[i].set(dep);
      users[dep].set(i);
    }
    if (node.required)
      required.set(i);
    if (node.rerunnable)
      rerunnable.set(i);
    if (node.required || !node.rerunnable)
      tracked.set(i);
  }
}

template <unsigned Words>
NodeSet<Words> Instance<Words>::usefulAfter(const Set &done) const {
  Set undone = required - done;
  Set useful;
  for (int i = nodeCount - 1; i >= 0; --i) {
    Set runnable = useful & (rerunnable | (tracked - done));
    if (users[i].intersects(undone | runnable))
      useful.set(i);
  }
  return useful;
}

} // namespace neap::remat

#endif // NEAP_PASSES_SOLVERS_REMATINSTANCE_H
