//===- RematEviction.h - Remat schedules by eviction order ------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_REMATEVICTION_H
#define NEAP_PASSES_SOLVERS_REMATEVICTION_H

#include "passes/Solvers/RematInstance.h"

#include <functional>
#include <random>

namespace neap::remat {

/// Good schedules of the given order, fast: each stage recomputes what its node
/// lacks, and where memory runs out the outputs of least priority go first.
/// The priorities start at cost per byte and are improved by local search.
template <unsigned Words> class EvictionSearch {
public:
  using Set = NodeSet<Words>;

  explicit EvictionSearch(const Instance<Words> &instance);

  /// Tries so many orders; false if none of them fits.
  bool run(int64_t trials, const std::function<bool()> &shouldStop);

  int64_t bestCost = 0;
  std::vector<RematStep> bestSteps;

private:
  /// How good a trial is: the first stage that did not fit, then the cost.
  struct Outcome {
    int stagesDone = 0;
    int64_t cost = 0;
    bool operator<(const Outcome &other) const {
      return stagesDone != other.stagesDone ? stagesDone > other.stagesDone
                                            : cost < other.cost;
    }
  };
  Outcome play();
  bool playStage(int stage);
  bool makeRoom(int node, const Set &fixed);
  Set neededLater() const;
  void perturb(std::mt19937_64 &random);

  const Instance<Words> &instance;
  /// Required nodes and what they are computed from.
  Set wanted;
  std::vector<double> priority;
  // The trial under way.
  Set held, done;
  int64_t heldBytes = 0, cost = 0;
  std::vector<RematStep> steps;
};

} // namespace neap::remat

#endif // NEAP_PASSES_SOLVERS_REMATEVICTION_H
