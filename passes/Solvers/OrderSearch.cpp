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
      base(interval.stateOf(direction)), baseLive(base.liveBytes()) {}

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
  Node root;
  root.peak = limits.floorBytes;
  root.live = baseLive;
  root.ready = readySteps.initial();
  nodes.push_back(std::move(root));
  Cursor cursors[2] = {{base}, {base}};
  expand(0, cursors[0], limits);
  for (int next, turn = 0; (next = takeFrom(turn ? deepest : lowest)) >= 0;
       turn = !turn) {
    proven = nodes[next].peak;
    if (isValley(nodes[next].live) || nodeCount() >= limits.nodeLimit) {
      found = pathTo(next);
      return isValley(nodes[next].live) ? PathOutcome::Found : PathOutcome::Cut;
    }
    expand(next, cursors[turn], limits);
  }
  return PathOutcome::None;
}

int ValleySearch::takeFrom(Queue &queue) {
  while (!queue.empty()) {
    Entry entry = queue.top();
    queue.pop();
    // Sets reached again with a lower peak have several entries.
    if (!nodes[entry.node].expanded)
      return entry.node;
  }
  return -1;
}

void ValleySearch::expand(int index, Cursor &cursor, const PathLimits &limits) {
  move(cursor, index);
  if (index > 0) {
    std::vector<int> ready = nodes[nodes[index].parent].ready;
    readySteps.advance(ready, nodes[index].step, cursor.state);
    nodes[index].ready = std::move(ready);
  }
  nodes[index].expanded = true;
  collectMoves(nodes[index], cursor.state, limits);
  for (const Move &move : moves)
    addNode(index, move);
}

/// One move alone, if it costs nothing and leaves no more bytes alive: some
/// best way to a valley starts with it.
void ValleySearch::collectMoves(const Node &node, const OrderState &state,
                                const PathLimits &limits) {
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
    nodes.back().depth = nodes[parent].depth + 1;
  }
  Node &known = nodes[place->second];
  if (known.expanded || known.peak <= move.peak)
    return;
  known.parent = parent;
  known.step = move.step;
  known.peak = move.peak;
  known.live = move.live;
  lowest.push({move.peak, move.live, place->second});
  deepest.push({move.peak, -known.depth, place->second});
}

/// By way of the last set that both have passed. Only the target itself can
/// still get another parent.
void ValleySearch::move(Cursor &cursor, int node) {
  bool forward = direction == Direction::Forward;
  int64_t live = nodes[node].live;
  int from = cursor.node;
  trail.clear();
  for (int to = node; from != to;)
    if (nodes[from].depth >= nodes[to].depth) {
      cursor.state.set(nodes[from].step, !forward, live);
      from = nodes[from].parent;
    } else {
      trail.push_back(nodes[to].step);
      to = nodes[to].parent;
    }
  for (int step : trail)
    cursor.state.set(step, forward, live);
  cursor.node = node;
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
