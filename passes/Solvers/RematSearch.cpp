//===- RematSearch.cpp - Layered search for remat schedules ---------------===//

#include "passes/Solvers/RematSearch.h"

#include <algorithm>
#include <tuple>

namespace neap::remat {

/// Sorts by key, equal keys by former place.
template <typename T, typename GetKey>
static void sortBy(std::vector<T> &items, GetKey getKey) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    auto keyA = getKey(items[a]), keyB = getKey(items[b]);
    return keyA != keyB ? keyA < keyB : a < b;
  });
  std::vector<T> sorted;
  sorted.reserve(items.size());
  for (size_t i : order)
    sorted.push_back(items[i]);
  items = std::move(sorted);
}

template <unsigned Words>
Search<Words>::Search(const Instance<Words> &instance)
    : instance(instance), bounds(instance) {
  boundRoot();
}

/// A pass over the layers.
template <unsigned Words> bool Search<Words>::pass(size_t passWidth) {
  width = passWidth;
  discardedBound = unknown;
  interrupted = false;
  records.clear();
  nextLayer.best.clear();
  nextLayer.waiting.clear();
  State start;
  if (isDone(start))
    finish(start);
  else
    insert(start, /*advances=*/true);
  int layers = instance.nodeCount; // free order: at most that many
  for (stage = 0; stage < layers && !interrupted; ++stage)
    expandLayer(takeWaiting(nextLayer));
  if (interrupted)
    return false;
  lowerBound = std::max(lowerBound, std::min(bestCost, discardedBound));
  return discardedBound >= bestCost;
}

template <unsigned Words>
void Search<Words>::offer(int64_t cost, std::vector<RematStep> steps) {
  if (cost >= bestCost)
    return;
  bestCost = cost;
  bestSteps = std::move(steps);
}

template <unsigned Words>
bool Search<Words>::precedes(const State &a, const State &b) {
  return std::tie(a.cost, a.computations, a.tie) <
         std::tie(b.cost, b.computations, b.tie);
}

template <unsigned Words> bool Search<Words>::stopped() {
  if (expanded >= nodeLimit ||
      (expanded % 64 == 0 && shouldStop && shouldStop()))
    interrupted = true;
  return interrupted;
}

template <unsigned Words> bool Search<Words>::isDone(const State &state) const {
  return instance.required.isSubsetOf(state.done);
}

/// Required nodes, those first across which most bytes pass if all is kept.
template <unsigned Words> std::vector<int> Search<Words>::byCrossing() const {
  std::vector<std::pair<int64_t, int>> ranking;
  instance.required.forEach([&](int node) {
    int64_t bytes = 0;
    for (int i = 0; i < node; ++i) {
      Set users = instance.users[i];
      for (int j = users.first(); j >= 0 && j <= node; j = users.first())
        users.reset(j);
      bytes += users.empty() ? 0 : instance.bytes[i];
    }
    ranking.push_back({-bytes, node});
  });
  std::sort(ranking.begin(), ranking.end());
  std::vector<int> nodes;
  for (auto &[bytes, node] : ranking)
    nodes.push_back(node);
  return nodes;
}

template <unsigned Words> void Search<Words>::boundRoot() {
  constexpr size_t nodesTried = 100;
  auto base = bounds.mandatory({}, {});
  lowerBound = base.cost;
  std::vector<std::pair<int64_t, int>> ranking;
  for (int node : byCrossing()) {
    int64_t extra = 0;
    if (ranking.size() < nodesTried)
      bounds.bestPrice({}, {}, base, node, extra);
    ranking.push_back({-extra, node});
    lowerBound = std::max(lowerBound, base.cost + extra);
  }
  std::sort(ranking.begin(), ranking.end());
  for (auto &[extra, node] : ranking)
    momentNodes.push_back(node);
}

/// The two most telling moments for the most promising states of a layer.
template <unsigned Words>
void Search<Words>::chooseMoments(const std::vector<State> &layer) {
  constexpr int nodesTried = 5;
  constexpr size_t momentsUsed = 2;
  moments.clear();
  for (size_t probe = 0; probe < layer.size() && moments.size() < momentsUsed;
       probe += layer.size() / 2 + 1) {
    const State &state = layer[probe];
    auto base = bounds.mandatory(state.held, state.done);
    Moment best;
    int64_t bestExtra = 0;
    int tried = 0;
    for (int node : momentNodes) {
      if (state.done.test(node))
        continue;
      int64_t extra = 0;
      Moment moment =
          bounds.bestPrice(state.held, state.done, base, node, extra);
      if (extra > bestExtra) {
        bestExtra = extra;
        best = moment;
      }
      if (++tried == nodesTried)
        break;
    }
    if (best.node >= 0)
      moments.push_back(best);
  }
}

/// Raises the bounds by the chosen moments and removes what they refute.
template <unsigned Words>
void Search<Words>::strengthen(std::vector<State> &layer) {
  size_t kept = 0;
  for (State &state : layer) {
    if (state.bound >= bestCost)
      continue;
    if (!moments.empty()) {
      auto base = bounds.mandatory(state.held, state.done);
      for (const Moment &moment : moments)
        state.bound =
            std::max(state.bound,
                     state.cost + base.cost +
                         bounds.extra(state.held, state.done, base, moment));
    }
    if (state.bound < bestCost)
      layer[kept++] = state;
  }
  layer.resize(kept);
}

/// Removes states for which another holds as much and more at no higher price.
template <unsigned Words>
void Search<Words>::removeDominated(std::vector<State> &layer) {
  constexpr size_t comparisons = 3000;
  sortBy(layer, [](const State &state) {
    return std::tie(state.cost, state.computations, state.tie);
  });
  size_t kept = 0;
  for (State &state : layer) {
    bool dominated = false;
    for (size_t i = 0; i < std::min(kept, comparisons) && !dominated; ++i)
      dominated = state.held.isSubsetOf(layer[i].held) &&
                  state.done == layer[i].done &&
                  layer[i].position <= state.position;
    if (!dominated)
      layer[kept++] = state;
  }
  layer.resize(kept);
}

template <unsigned Words>
void Search<Words>::truncate(std::vector<State> &layer) {
  // Few computations first: else early recomputations crowd out the rest.
  sortBy(layer, [](const State &state) {
    return std::make_tuple(state.bound, state.computations, -state.heldBytes);
  });
  if (layer.size() <= width)
    return;
  discard(layer[width].bound);
  layer.resize(width);
}

template <unsigned Words> void Search<Words>::discard(int64_t bound) {
  discardedBound = std::min(discardedBound, bound);
}

template <unsigned Words>
std::vector<typename Search<Words>::State>
Search<Words>::takeWaiting(Table &table) {
  std::vector<State> taken;
  for (State &state : table.waiting) {
    const State &best = table.best.at({state.held, state.done, state.position});
    if (!precedes(best, state)) // else superseded meanwhile
      taken.push_back(state);
  }
  table.waiting.clear();
  return taken;
}

template <unsigned Words>
void Search<Words>::expandLayer(std::vector<State> layer) {
  nextLayer.best.clear();
  sameLayer.best.clear();
  removeDominated(layer);
  for (const State &state : layer)
    sameLayer.best.insert({{state.held, state.done, state.position}, state});
  chooseMoments(layer);
  while (!layer.empty()) {
    strengthen(layer);
    truncate(layer);
    for (const State &state : layer) {
      if (stopped())
        return;
      if (state.bound < bestCost)
        expand(state);
    }
    layer = takeWaiting(sameLayer);
  }
}

template <unsigned Words> void Search<Words>::expand(const State &state) {
  ++expanded;
  int32_t record = int32_t(records.size());
  records.push_back({state.held, state.heldBytes, state.parent, state.node});
  if (instance.givenOrder)
    expandGiven(state, record);
  else
    expandFree(state, record);
}

/// Stage `stage`: some earlier node at or behind the position, or the stage's
/// own node.
template <unsigned Words>
void Search<Words>::expandGiven(const State &state, int32_t record) {
  int own = stage;
  bool optional = !instance.required.test(own);
  // What the stage's own node lacks can only come by increasing index.
  Set missing;
  missing.set(own);
  int lowest = own;
  for (int i = own; i >= 0; --i)
    if (missing.test(i)) {
      missing |= instance.deps[i] - state.held;
      lowest = i;
    }
  int last = optional ? own : lowest;
  for (int node = state.position; node <= last; ++node) {
    if (node == own && optional) {
      State skipped = state;
      skipped.parent = record;
      skipped.node = -1;
      skipped.position = 0;
      insert(skipped, /*advances=*/true);
    }
    if (!state.held.test(node) && instance.deps[node].isSubsetOf(state.held) &&
        (instance.rerunnable.test(node) || !state.done.test(node)))
      compute(state, record, node);
    if (postponable(state, node))
      return;
  }
}

template <unsigned Words>
void Search<Words>::expandFree(const State &state, int32_t record) {
  for (int node = 0; node < instance.nodeCount; ++node)
    if (!state.held.test(node) && instance.deps[node].isSubsetOf(state.held) &&
        (instance.rerunnable.test(node) || !state.done.test(node)) &&
        !swappable(state, node))
      compute(state, record, node);
}

/// Recomputed in an earlier stage, not used since, and still computable at its
/// place in this one: the schedule that does it here costs the same.
template <unsigned Words>
bool Search<Words>::postponable(const State &state, int node) const {
  return state.unused.test(node) && instance.scratch[node] == 0 &&
         instance.deps[node].isSubsetOf(state.held);
}

/// The last computation and `node` could as well change places.
template <unsigned Words>
bool Search<Words>::swappable(const State &state, int node) const {
  if (state.node <= node || instance.deps[node].test(state.node))
    return false;
  const Record &before = records[state.parent];
  int64_t bytes = before.heldBytes + instance.bytes[node];
  return !before.held.test(node) &&
         instance.deps[node].isSubsetOf(before.held) &&
         bytes + instance.scratch[node] <= instance.budget &&
         bytes + instance.bytes[state.node] + instance.scratch[state.node] <=
             instance.budget;
}

template <unsigned Words>
void Search<Words>::compute(const State &state, int32_t record, int node) {
  DropChoice choice;
  choice.state = &state;
  choice.node = node;
  int64_t excess = state.heldBytes + instance.bytes[node] +
                   instance.scratch[node] - instance.budget;
  if (excess <= 0) {
    addChild(choice, record);
    return;
  }
  // Something recomputed must be used before it is dropped.
  Set droppable = state.held - instance.deps[node] - state.unused;
  auto base = bounds.mandatory(state.held, state.done);
  Set needed;
  base.runs.forEach([&](int i) { needed |= instance.deps[i]; });
  std::vector<std::pair<double, int>> ranking;
  droppable.forEach([&](int i) {
    if (instance.bytes[i] > 0)
      ranking.push_back({needed.test(i) ? double(instance.cost[i] + 1) /
                                              double(instance.bytes[i])
                                        : 0,
                         i});
  });
  std::sort(ranking.begin(), ranking.end());
  choice.bytesFrom.assign(ranking.size() + 1, 0);
  for (size_t i = ranking.size(); i-- > 0;)
    choice.bytesFrom[i] =
        choice.bytesFrom[i + 1] + instance.bytes[ranking[i].second];
  for (auto &[key, i] : ranking)
    choice.candidates.push_back(i);
  chooseDrops(choice, record, 0, excess);
}

/// All minimal sets of candidates with at least `excess` bytes.
template <unsigned Words>
void Search<Words>::chooseDrops(DropChoice &choice, int32_t record, size_t next,
                                int64_t excess) {
  if (excess <= 0) {
    if (choice.smallestDropped > -excess)
      addChild(choice, record);
    return;
  }
  if (choice.bytesFrom[next] < excess)
    return;
  if (++choice.looked > 4 * width) {
    discard(choice.state->bound);
    return;
  }
  int node = choice.candidates[next];
  int64_t smallest = choice.smallestDropped;
  choice.dropped.set(node);
  choice.smallestDropped = std::min(smallest, instance.bytes[node]);
  State child = after(choice, record);
  if (child.bound < bestCost)
    chooseDrops(choice, record, next + 1, excess - instance.bytes[node]);
  choice.dropped.reset(node);
  choice.smallestDropped = smallest;
  chooseDrops(choice, record, next + 1, excess);
}

/// The state once the choice's node is computed.
template <unsigned Words>
typename Search<Words>::State Search<Words>::after(const DropChoice &choice,
                                                   int32_t record) const {
  State state = *choice.state;
  int node = choice.node;
  bool again = !instance.required.test(node) || choice.state->done.test(node);
  state.held -= choice.dropped;
  choice.dropped.forEach([&](int i) { state.heldBytes -= instance.bytes[i]; });
  state.held.set(node);
  state.heldBytes += instance.bytes[node];
  state.unused -= instance.deps[node];
  if (again)
    state.unused.set(node);
  if (instance.tracked.test(node))
    state.done.set(node);
  state.cost += instance.cost[node];
  if (instance.givenOrder)
    state.tie -= again ? stage : 0;
  else
    state.tie -= state.computations * node;
  ++state.computations;
  state.parent = record;
  state.node = int16_t(node);
  state.position = int16_t(node == stage ? 0 : node + 1);
  auto base = bounds.mandatory(state.held, state.done);
  state.bound = std::max(state.bound, state.cost + base.cost);
  return state;
}

template <unsigned Words>
void Search<Words>::addChild(const DropChoice &choice, int32_t record) {
  State state = after(choice, record);
  if (state.bound >= bestCost)
    return;
  int node = choice.node;
  bool firstTime =
      instance.required.test(node) && !choice.state->done.test(node);
  if (isDone(state)) {
    finish(state);
    return;
  }
  if (firstTime) {
    Set idle = state.held - useful(state.done);
    if (idle.intersects(state.unused))
      return;
    idle.forEach([&](int i) { state.heldBytes -= instance.bytes[i]; });
    state.held -= idle;
  }
  insert(state, instance.givenOrder ? node == stage : firstTime);
}

template <unsigned Words>
void Search<Words>::insert(State state, bool advances) {
  if (!instance.givenOrder)
    state.position = 0;
  Table &table = advances ? nextLayer : sameLayer;
  auto [place, isNew] = table.best.try_emplace(
      Key{state.held, state.done, state.position}, state);
  if (!isNew) {
    if (!precedes(state, place->second))
      return;
    place->second = state;
  }
  table.waiting.push_back(state);
}

template <unsigned Words>
const NodeSet<Words> &Search<Words>::useful(const Set &done) {
  auto [place, isNew] = usefulSets.try_emplace(done);
  if (isNew)
    place->second = instance.usefulAfter(done);
  return place->second;
}

template <unsigned Words> void Search<Words>::finish(const State &state) {
  if (state.cost >= bestCost)
    return;
  std::vector<std::pair<int, Set>> way{{state.node, state.held}};
  for (int32_t r = state.parent; r >= 0; r = records[r].parent)
    way.push_back({records[r].node, records[r].held});
  std::reverse(way.begin(), way.end());
  bestCost = state.cost;
  bestSteps.clear();
  Set held;
  for (auto &[node, heldAfter] : way) {
    if (node < 0)
      continue;
    Set gone = held - heldAfter;
    (gone - instance.deps[node]).forEach([&](int i) {
      bestSteps.push_back({i, /*drop=*/true});
    });
    bestSteps.push_back({node, /*drop=*/false});
    (gone & instance.deps[node]).forEach([&](int i) {
      bestSteps.push_back({i, /*drop=*/true});
    });
    if (!heldAfter.test(node))
      bestSteps.push_back({node, /*drop=*/true});
    held = heldAfter;
  }
  if (firstIsEnough)
    interrupted = true;
}

template class Search<1>;
template class Search<2>;
template class Search<8>;
template class Search<32>;

} // namespace neap::remat
