//===- OrderSearch.cpp - The way to the next valley -----------------------===//

#include "passes/Solvers/OrderSearch.h"

#include <algorithm>

namespace neap::order {

Interval::Interval(const OrderModel &model)
    : front(model), back(model), left(model.size()), open(model.size(), 1) {
  for (int s = 0; s < model.size(); ++s)
    back.run(s);
}

void Interval::fix(int step, Direction direction) {
  open[step] = 0;
  --left;
  if (direction == Direction::Forward) {
    front.run(step);
    first.push_back(step);
  } else {
    back.undo(step);
    lastReversed.push_back(step);
  }
}

std::vector<int> Interval::openSteps() const {
  std::vector<int> steps;
  for (size_t s = 0; s < open.size(); ++s)
    if (open[s])
      steps.push_back(static_cast<int>(s));
  return steps;
}

std::vector<int> Interval::order() const {
  std::vector<int> steps = first;
  steps.insert(steps.end(), lastReversed.rbegin(), lastReversed.rend());
  return steps;
}

std::vector<int> ReadySteps::initial() const {
  const OrderState &state =
      direction == Direction::Forward ? interval.front : interval.back;
  std::vector<int> ready;
  for (int s = 0; s < model.size(); ++s)
    if (interval.isOpen(s) && isReady(s, state))
      ready.push_back(s);
  sort(ready);
  return ready;
}

bool ReadySteps::isReady(int step, const OrderState &state) const {
  bool forward = direction == Direction::Forward;
  const std::vector<int> &others =
      forward ? model.steps[step].predecessors : model.steps[step].successors;
  return std::all_of(others.begin(), others.end(),
                     [&](int s) { return state.contains(s) == forward; });
}

void ReadySteps::advance(std::vector<int> &ready, int step,
                         const OrderState &state) const {
  ready.erase(std::find(ready.begin(), ready.end(), step));
  const std::vector<int> &others = direction == Direction::Forward
                                       ? model.steps[step].successors
                                       : model.steps[step].predecessors;
  size_t oldCount = ready.size();
  for (int s : others)
    if (interval.isOpen(s) && isReady(s, state))
      ready.push_back(s);
  if (ready.size() > oldCount)
    sort(ready);
}

void ReadySteps::sort(std::vector<int> &ready) const {
  if (direction == Direction::Forward)
    std::sort(ready.begin(), ready.end());
  else
    std::sort(ready.begin(), ready.end(), std::greater<>());
}

ValleySearch::ValleySearch(const OrderModel &model, Interval &interval,
                           Direction direction)
    : direction(direction), readySteps(model, interval, direction),
      state(interval.stateOf(direction)), baseLive(state.liveBytes()) {}

/// Two random words per step; a set's key is the sum over its steps.
ValleySearch::Key ValleySearch::keyOf(int step) {
  auto mix = [](uint64_t x) { // splitmix64
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  };
  uint64_t seed = 2 * static_cast<uint64_t>(step);
  return {mix(seed), mix(seed + 1)};
}

PathOutcome ValleySearch::run(const PathLimits &limits) {
  Node base;
  base.peak = limits.floorBytes;
  base.live = baseLive;
  base.ready = readySteps.initial();
  nodes.push_back(std::move(base));
  expand(0, limits);
  while (!open.empty()) {
    Entry best = open.top();
    proven = best.peak;
    if (isValley(best.live)) {
      found = pathTo(best.node);
      return PathOutcome::Found;
    }
    if (nodeCount() >= limits.nodeLimit) {
      found = pathTo(best.node);
      return PathOutcome::Cut;
    }
    open.pop();
    // A set reached again with a lower peak has a second entry.
    if (!nodes[best.node].expanded)
      expand(best.node, limits);
  }
  return PathOutcome::None;
}

void ValleySearch::expand(int index, const PathLimits &limits) {
  enter(index);
  if (index > 0) {
    std::vector<int> ready = nodes[nodes[index].parent].ready;
    readySteps.advance(ready, nodes[index].step, state);
    nodes[index].ready = std::move(ready);
  }
  nodes[index].expanded = true;
  collectMoves(nodes[index], limits);
  for (const Move &move : moves)
    addNode(index, move);
  leave(index);
}

/// One move alone, if it costs nothing and leaves no more bytes alive: some
/// best way to a valley starts with it.
void ValleySearch::collectMoves(const Node &node, const PathLimits &limits) {
  moves.clear();
  for (int step : node.ready) {
    Move move{step, node.peak, 0};
    OrderState::Effect effect = direction == Direction::Forward
                                    ? state.runEffect(step)
                                    : state.undoEffect(step);
    move.live = direction == Direction::Forward ? effect.after : effect.before;
    if (effect.during > limits.ceilingBytes)
      continue;
    move.peak = std::max(node.peak, effect.during);
    if (move.peak == node.peak && move.live <= node.live) {
      moves = {move};
      return;
    }
    moves.push_back(move);
  }
}

void ValleySearch::addNode(int parent, const Move &move) {
  Node node;
  Key stepKey = keyOf(move.step);
  node.key.low = nodes[parent].key.low + stepKey.low;
  node.key.high = nodes[parent].key.high + stepKey.high;
  auto [place, isNew] =
      indexOf.try_emplace(node.key, static_cast<int>(nodes.size()));
  if (isNew) {
    nodes.push_back(std::move(node));
    nodes.back().peak = move.peak + 1;
  }
  Node &known = nodes[place->second];
  if (known.expanded || known.peak <= move.peak)
    return;
  known.parent = parent;
  known.step = move.step;
  known.peak = move.peak;
  known.live = move.live;
  open.push({move.peak, move.live, place->second});
}

void ValleySearch::enter(int node) {
  trail.clear();
  for (int at = node; at > 0; at = nodes[at].parent)
    trail.push_back(nodes[at].step);
  bool forward = direction == Direction::Forward;
  for (int step : trail)
    state.set(step, forward, nodes[node].live);
}

void ValleySearch::leave(int node) {
  bool forward = direction == Direction::Forward;
  for (int step : trail)
    state.set(step, !forward, baseLive);
}

Path ValleySearch::pathTo(int node) const {
  Path path;
  path.peakBytes = nodes[node].peak;
  for (int at = node; at > 0; at = nodes[at].parent)
    path.steps.push_back(nodes[at].step);
  std::reverse(path.steps.begin(), path.steps.end());
  return path;
}

} // namespace neap::order
