//===- RematEviction.cpp - Remat schedules by eviction order --------------===//

#include "passes/Solvers/RematEviction.h"

#include <algorithm>

namespace neap::remat {

template <unsigned Words>
EvictionSearch<Words>::EvictionSearch(const Instance<Words> &instance)
    : instance(instance), wanted(instance.required),
      priority(instance.nodeCount) {
  for (int i = instance.nodeCount - 1; i >= 0; --i) {
    if (wanted.test(i))
      wanted |= instance.deps[i];
    priority[i] = double(instance.cost[i]) /
                  double(std::max<int64_t>(1, instance.bytes[i]));
  }
}

template <unsigned Words>
bool EvictionSearch<Words>::run(int64_t trials,
                                const std::function<bool()> &shouldStop) {
  std::mt19937_64 random(1);
  Outcome best = play();
  bestCost = best.cost;
  bestSteps = steps;
  for (int64_t trial = 1; trial < trials; ++trial) {
    if (shouldStop && trial % 16 == 0 && shouldStop())
      break;
    std::vector<double> former = priority;
    perturb(random);
    Outcome outcome = play();
    if (best < outcome) {
      priority = former;
      continue;
    }
    best = outcome;
    bestCost = best.cost;
    bestSteps = steps;
  }
  return best.stagesDone == instance.nodeCount;
}

/// Moves one to three nodes elsewhere in the order of eviction.
template <unsigned Words>
void EvictionSearch<Words>::perturb(std::mt19937_64 &random) {
  auto anyNode = [&] { return int(random() % priority.size()); };
  for (int moves = 1 + int(random() % 3); moves > 0; --moves) {
    // Just above or below another node, or halfway to the extremes.
    double target = priority[anyNode()];
    switch (random() % 4) {
    case 0:
      target *= 0.999;
      break;
    case 1:
      target *= 1.001;
      break;
    case 2:
      target *= 0.1;
      break;
    default:
      target *= 10;
    }
    priority[anyNode()] = target;
  }
}

template <unsigned Words>
typename EvictionSearch<Words>::Outcome EvictionSearch<Words>::play() {
  held = done = Set();
  heldBytes = cost = 0;
  steps.clear();
  for (int stage = 0; stage < instance.nodeCount; ++stage)
    if (wanted.test(stage) && !playStage(stage))
      return {stage, 0};
  return {instance.nodeCount, cost};
}

template <unsigned Words> bool EvictionSearch<Words>::playStage(int stage) {
  Set pending;
  pending.set(stage);
  for (int i = stage; i >= 0; --i)
    if (pending.test(i))
      pending |= instance.deps[i] - held;
  bool fits = true;
  pending.forEach([&](int node) {
    // What the rest of this stage reads stays.
    Set fixed;
    for (int i = node; i <= stage; ++i)
      if (pending.test(i))
        fixed |= instance.deps[i];
    if (!fits || (done.test(node) && !instance.rerunnable.test(node)) ||
        !makeRoom(node, fixed)) {
      fits = false;
      return;
    }
    held.set(node);
    done.set(node);
    heldBytes += instance.bytes[node];
    cost += instance.cost[node];
    steps.push_back({node, /*drop=*/false});
  });
  return fits;
}

/// What later first computations read, directly or through recomputation.
template <unsigned Words>
NodeSet<Words> EvictionSearch<Words>::neededLater() const {
  Set runs = wanted - done, needed;
  for (int i = instance.nodeCount - 1; i >= 0; --i) {
    if (!runs.test(i))
      continue;
    needed |= instance.deps[i];
    runs |= instance.deps[i] - held;
  }
  return needed;
}

template <unsigned Words>
bool EvictionSearch<Words>::makeRoom(int node, const Set &fixed) {
  int64_t excess = heldBytes + instance.bytes[node] + instance.scratch[node] -
                   instance.budget;
  if (excess <= 0)
    return true;
  Set needed = neededLater();
  std::vector<std::pair<double, int>> order;
  (held - fixed).forEach([&](int i) {
    bool idle = !needed.test(i);
    if (idle || instance.rerunnable.test(i))
      order.push_back({idle ? -1 : priority[i], i});
  });
  std::sort(order.begin(), order.end());
  size_t count = 0;
  while (count < order.size() && excess > 0)
    excess -= instance.bytes[order[count++].second];
  if (excess > 0)
    return false;
  // Spare what turns out not to be in the way, most precious first.
  for (size_t i = count; i-- > 0;) {
    int victim = order[i].second;
    if (instance.bytes[victim] <= -excess) {
      excess += instance.bytes[victim];
      continue;
    }
    held.reset(victim);
    heldBytes -= instance.bytes[victim];
    steps.push_back({victim, /*drop=*/true});
  }
  return true;
}

template class EvictionSearch<1>;
template class EvictionSearch<2>;
template class EvictionSearch<8>;
template class EvictionSearch<32>;

} // namespace neap::remat
