//===- RematProblems.h - Random graph problems ------------------*- C++ -*-===//

#ifndef NEAP_TEST_SOLVERS_REMATPROBLEMS_H
#define NEAP_TEST_SOLVERS_REMATPROBLEMS_H

#include "passes/Solvers/Remat.h"

#include <random>

namespace neap::testing_remat {

/// A number from `low` to `high`, the same for every standard library.
inline int64_t pick(std::mt19937_64 &random, int64_t low, int64_t high) {
  return low + int64_t(random() % uint64_t(high - low + 1));
}

/// A graph without a budget; every second one like a training step, whose later
/// half needs the former's outputs in reverse. `plain`: everything is required,
/// rerunnable and without scratch memory.
inline RematProblem randomGraph(std::mt19937_64 &random, int nodes,
                                bool plain) {
  RematProblem problem;
  int64_t density = pick(random, 15, 70);
  bool training = pick(random, 0, 1) == 0;
  for (int i = 0; i < nodes; ++i) {
    RematNode node;
    node.id = i;
    node.bytes = pick(random, plain ? 1 : 0, 6);
    node.cost = double(pick(random, 0, 5));
    int mirror = nodes - 1 - i;
    for (int dep = 0; dep < i; ++dep)
      if (training ? dep == i - 1 || dep == mirror || dep == mirror - 1
                   : pick(random, 0, 99) < density)
        node.deps.push_back(dep);
    if (!plain) {
      node.scratchBytes = pick(random, 0, 3) ? 0 : pick(random, 1, 4);
      node.required = pick(random, 0, 4) != 0;
      node.rerunnable = pick(random, 0, 5) != 0;
      if (pick(random, 0, 3) == 0)
        node.cost += 0.1 * double(pick(random, 0, 9));
    }
    problem.nodes.push_back(node);
  }
  return problem;
}

} // namespace neap::testing_remat

#endif // NEAP_TEST_SOLVERS_REMATPROBLEMS_H
