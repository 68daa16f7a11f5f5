//===- OrderExact.cpp - Optimal orders, valley by valley ------------------===//

#include "passes/Solvers/OrderExact.h"
#include "passes/Solvers/OrderBound.h"

#include <algorithm>
#include <limits>

namespace neap::order {
namespace {

/// Nodes for a look whether a valley can be had without raising the peak.
constexpr int64_t quickNodes = 64;

Direction opposite(Direction direction) {
  return direction == Direction::Forward ? Direction::Backward
                                         : Direction::Forward;
}

class IntervalSolver {
public:
  IntervalSolver(const OrderModel &model, Interval &interval,
                 const PathLimits &limits)
      : model(model), interval(interval), limits(limits) {
    result.provenBytes = limits.floorBytes;
  }

  ExactResult solve() {
    bool isStuck[2] = {false, false};
    while (interval.left > 0 && result.outcome == PathOutcome::Found) {
      Direction safe = safeDirection();
      bool advanced = false;
      for (Direction direction : {safe, opposite(safe)})
        if (bool &stuck = isStuck[static_cast<int>(direction)];
            !stuck && !advanced) {
          advanced = takeFreeValley(direction);
          stuck = !advanced;
        }
      if (advanced)
        continue;
      if (!splitAtForcedSteps())
        takeValley(safe);
      isStuck[0] = isStuck[1] = false;
    }
    return result;
  }

private:
  /// From this end every order passes a valley: the other end.
  Direction safeDirection() const {
    return interval.back.liveBytes() <= interval.front.liveBytes()
               ? Direction::Forward
               : Direction::Backward;
  }

  int64_t nodesLeft() const { return limits.nodeLimit - result.nodes; }

  /// Any valley will do if the way there raises no peak.
  bool takeFreeValley(Direction direction) {
    int64_t bytes = std::min(result.provenBytes, limits.ceilingBytes);
    ValleySearch search(model, interval, direction);
    PathOutcome outcome = search.run(
        {result.provenBytes, bytes, std::min(quickNodes, nodesLeft())});
    result.nodes += search.nodeCount();
    if (outcome == PathOutcome::Found)
      fix(search.path().steps, direction);
    return outcome == PathOutcome::Found;
  }

  void takeValley(Direction direction) {
    ValleySearch search(model, interval, direction);
    result.outcome =
        search.run({result.provenBytes, limits.ceilingBytes, nodesLeft()});
    result.nodes += search.nodeCount();
    if (result.outcome == PathOutcome::None) {
      result.provenBytes =
          std::max(result.provenBytes, limits.ceilingBytes + 1);
      return;
    }
    result.provenBytes = std::max(result.provenBytes, search.provenBytes());
    if (result.outcome == PathOutcome::Found)
      fix(search.path().steps, direction);
  }

  /// Every order has such a step at one place: what is before it and what is
  /// after it are problems of their own.
  bool splitAtForcedSteps() {
    std::vector<int> steps = interval.openSteps();
    std::vector<uint8_t> isForced = findForcedSteps(steps);
    if (std::count(isForced.begin(), isForced.end(), 1) == 0)
      return false;
    for (size_t begin = 0; begin < steps.size();) {
      size_t end = begin;
      while (end < steps.size() && !isForced[end])
        ++end;
      if (begin < end)
        solvePart(steps, begin, end);
      if (end < steps.size() && result.outcome == PathOutcome::Found)
        takeForcedStep(steps[end]);
      if (result.outcome != PathOutcome::Found)
        return true;
      begin = end + 1;
    }
    return true;
  }

  /// All earlier steps reach a step if each has a successor no later than it;
  /// it reaches all later ones if each has a predecessor no earlier.
  std::vector<uint8_t> findForcedSteps(const std::vector<int> &steps) const {
    std::vector<uint8_t> isForced(steps.size(), 1);
    int latest = -1;
    for (size_t i = 0; i < steps.size(); ++i) {
      isForced[i] = latest <= steps[i];
      int nearest = std::numeric_limits<int>::max();
      for (int successor : model.steps[steps[i]].successors)
        if (interval.isOpen(successor))
          nearest = std::min(nearest, successor);
      latest = std::max(latest, nearest);
    }
    int earliest = std::numeric_limits<int>::max();
    for (size_t i = steps.size(); i-- > 0;) {
      isForced[i] = isForced[i] && earliest >= steps[i];
      int nearest = -1;
      for (int predecessor : model.steps[steps[i]].predecessors)
        if (interval.isOpen(predecessor))
          nearest = std::max(nearest, predecessor);
      earliest = std::min(earliest, nearest);
    }
    return isForced;
  }

  void takeForcedStep(int step) {
    int64_t bytes = interval.front.runEffect(step).during;
    if (bytes > limits.ceilingBytes) {
      result.outcome = PathOutcome::None;
      bytes = limits.ceilingBytes + 1;
    }
    result.provenBytes = std::max(result.provenBytes, bytes);
    interval.fix(step, Direction::Forward);
  }

  /// Solves steps [begin, end); what is before them is fixed already.
  void solvePart(const std::vector<int> &steps, size_t begin, size_t end) {
    Interval part = interval;
    for (size_t i = steps.size(); i-- > end;)
      part.fix(steps[i], Direction::Backward);
    ExactResult partial =
        IntervalSolver(model, part,
                       {result.provenBytes, limits.ceilingBytes, nodesLeft()})
            .solve();
    result.outcome = partial.outcome;
    result.provenBytes = partial.provenBytes;
    result.nodes += partial.nodes;
    if (partial.outcome != PathOutcome::Found)
      return;
    std::vector<int> order = part.order();
    size_t done = interval.first.size();
    for (size_t i = 0; i < end - begin; ++i)
      interval.fix(order[done + i], Direction::Forward);
  }

  /// Fixes a path to a valley, or the part of it that leads to the lowest set
  /// between its ends; no step needs more bytes there than on the path.
  void fix(const std::vector<int> &path, Direction direction) {
    std::vector<uint8_t> isIncluded = findLowestPart(path, direction);
    for (int step : path)
      if (isIncluded[step])
        interval.fix(step, direction);
  }

  std::vector<uint8_t> findLowestPart(const std::vector<int> &path,
                                      Direction direction) {
    std::vector<uint8_t> all(model.size(), 1);
    if (path.size() <= 1)
      return all;
    bool forward = direction == Direction::Forward;
    OrderState state = interval.stateOf(direction);
    std::vector<Role> roles(model.size());
    for (int s = 0; s < model.size(); ++s)
      roles[s] = state.contains(s) ? Role::Base : Role::Outside;
    for (int step : path) {
      roles[step] = Role::Free;
      forward ? state.run(step) : state.undo(step);
    }
    LowestSet lowest = findLowestSet(model, roles);
    if (lowest.liveBytes >= state.liveBytes())
      return all;
    if (!forward)
      for (uint8_t &contained : lowest.contains)
        contained = !contained;
    return std::move(lowest.contains);
  }

  const OrderModel &model;
  Interval &interval;
  const PathLimits limits;
  ExactResult result;
};

/// The first fullest step of `order`, and its bytes.
std::pair<int, int64_t> findPeak(const OrderModel &model,
                                 const std::vector<int> &order) {
  OrderState state(model);
  std::pair<int, int64_t> peak = {0, 0};
  for (size_t i = 0; i < order.size(); ++i) {
    int64_t during = state.runEffect(order[i]).during;
    if (during > peak.second)
      peak = {static_cast<int>(i), during};
    state.run(order[i]);
  }
  return peak;
}

} // namespace

ExactResult solveInterval(const OrderModel &model, Interval &interval,
                          const PathLimits &limits) {
  return IntervalSolver(model, interval, limits).solve();
}

int64_t improveWindows(const OrderModel &model, std::vector<int> &order,
                       int64_t floorBytes, int64_t nodeLimit) {
  constexpr int firstWidth = 16;
  int64_t nodes = 0;
  int size = model.size();
  for (int width = firstWidth; nodes < nodeLimit;) {
    auto [center, peak] = findPeak(model, order);
    if (peak <= floorBytes)
      break;
    Interval window(model);
    for (int i = 0; i < center - width / 2; ++i)
      window.fix(order[i], Direction::Forward);
    for (int i = size - 1; i > center + width / 2; --i)
      window.fix(order[i], Direction::Backward);
    int64_t share = std::max<int64_t>(1, (nodeLimit - nodes) / 4);
    ExactResult result =
        solveInterval(model, window, {floorBytes, peak - 1, share});
    nodes += result.nodes + 1;
    if (result.outcome == PathOutcome::Found) {
      order = window.order();
      width = firstWidth;
    } else if (width / 2 >= size) {
      break;
    } else {
      width *= 2;
    }
  }
  return nodes;
}

} // namespace neap::order
