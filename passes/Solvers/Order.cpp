//===- Order.cpp - Choice of methods --------------------------------------===//

#include "passes/Solvers/Order.h"
#include "passes/Solvers/OrderBeam.h"
#include "passes/Solvers/OrderBound.h"
#include "passes/Solvers/OrderNearest.h"
#include "passes/Solvers/OrderSearch.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>

namespace neap {
namespace {

using namespace order;

Direction opposite(Direction direction) {
  return direction == Direction::Forward ? Direction::Backward
                                         : Direction::Forward;
}

class Solver {
public:
  Solver(const OrderProblem &problem, const OrderOptions &options)
      : model(problem), options(options), interval(model),
        fewestSeen(model.size(), std::numeric_limits<int64_t>::max()) {
    solution.order.resize(model.size());
    std::iota(solution.order.begin(), solution.order.end(), 0);
    solution.peakBytes = note(solution.order);
    solution.method = "given";
  }

  OrderSolution solve() {
    raiseBound();
    if (!isSolved() && options.nodeLimit > 0) {
      tryBeams(1);
      raiseBound();
    }
    if (!isSolved() && options.nodeLimit > 0 && !searchExactly()) {
      tryBeams(beamWidth());
      roll();
    }
    if (solution.method != "given") {
      approachGivenOrder(model, solution.peakBytes, solution.order);
      solution.peakBytes = peakOf(model, solution.order);
    }
    solution.optimal = isSolved();
    return std::move(solution);
  }

private:
  static constexpr int64_t quickNodes = 64;

  bool isSolved() const {
    return solution.peakBytes == solution.lowerBoundBytes;
  }

  /// The peak of `order`; remembers how few bytes each step can do with.
  int64_t note(const std::vector<int> &order) {
    OrderState state(model);
    int64_t peak = 0;
    for (int step : order) {
      int64_t during = state.runEffect(step).during;
      fewestSeen[step] = std::min(fewestSeen[step], during);
      peak = std::max(peak, during);
      state.run(step);
    }
    return peak;
  }

  void offer(const std::vector<int> &order, const char *method) {
    int64_t peak = note(order);
    if (peak >= solution.peakBytes)
      return;
    solution.order = order;
    solution.peakBytes = peak;
    solution.method = method;
  }

  /// Minimum cuts for the steps that can still raise the bound, at most
  /// `maxCuts`: those that have needed most.
  void raiseBound() {
    constexpr size_t maxCuts = 256;
    std::vector<int> steps(model.size());
    std::iota(steps.begin(), steps.end(), 0);
    std::sort(steps.begin(), steps.end(), [&](int a, int b) {
      return std::make_pair(-fewestSeen[a], a) <
             std::make_pair(-fewestSeen[b], b);
    });
    steps.resize(std::min(steps.size(), maxCuts));
    for (int step : steps)
      if (fewestSeen[step] > solution.lowerBoundBytes)
        solution.lowerBoundBytes =
            std::max(solution.lowerBoundBytes, stepLowerBound(model, step));
  }

  int beamWidth() const {
    int64_t perStep = options.nodeLimit / (16 * (model.size() + 1));
    return static_cast<int>(std::clamp<int64_t>(perStep, 1, 64));
  }

  void tryBeams(int width) {
    for (Direction direction : {Direction::Forward, Direction::Backward}) {
      std::optional<Path> path =
          searchBeam(model, interval, direction, width, solution.peakBytes - 1,
                     solution.nodes);
      if (!path)
        continue;
      Interval copy = interval;
      for (int step : path->steps)
        copy.fix(step, direction);
      offer(copy.order(), "beam");
      if (isSolved())
        return;
    }
  }

  /// Fixes valley after valley from both ends. True: the best order is proven.
  bool searchExactly() {
    // What has been proven of the whole order so far.
    int64_t &proven = solution.lowerBoundBytes;
    bool tried[2] = {false, false};
    while (interval.left > 0) {
      Direction safe = safeDirection();
      bool fixed = false;
      for (Direction direction : {safe, opposite(safe)}) {
        bool &done = tried[static_cast<int>(direction)];
        if (done)
          continue;
        if (advance(direction, {proven, proven, quickNodes}).outcome ==
            PathOutcome::Found) {
          fixed = true;
          break;
        }
        done = true;
      }
      if (fixed)
        continue;
      Advance step = advance(safe, {proven, solution.peakBytes - 1,
                                    options.nodeLimit / 2 - solution.nodes});
      if (step.outcome == PathOutcome::None) {
        proven = solution.peakBytes;
        return true;
      }
      proven = std::max(proven, step.peakBytes);
      if (step.outcome == PathOutcome::Cut)
        return false;
      tried[0] = tried[1] = false;
    }
    offer(interval.order(), "valleys");
    return true;
  }

  struct Advance {
    PathOutcome outcome;
    int64_t peakBytes;
  };

  /// From here every order passes a valley: the other end of the interval.
  Direction safeDirection() const {
    return interval.back.liveBytes() <= interval.front.liveBytes()
               ? Direction::Forward
               : Direction::Backward;
  }

  /// Searches the next valley and fixes the way to it.
  Advance advance(Direction direction, const PathLimits &limits) {
    ValleySearch search(model, interval, direction);
    PathOutcome outcome = search.run(limits);
    solution.nodes += search.nodeCount();
    if (outcome == PathOutcome::Found)
      fix(lowestPart(search.path().steps, direction), direction);
    return {outcome, outcome == PathOutcome::Found ? search.path().peakBytes
                                                   : search.provenBytes()};
  }

  /// The part of a path to a valley that leads to the lowest set between its
  /// ends; no step of it needs more bytes than on the path.
  std::vector<int> lowestPart(const std::vector<int> &path,
                              Direction direction) {
    if (path.size() <= 1)
      return path;
    bool forward = direction == Direction::Forward;
    OrderState &state = interval.stateOf(direction);
    std::vector<Role> roles(model.size());
    for (int s = 0; s < model.size(); ++s)
      roles[s] = state.contains(s) ? Role::Base : Role::Outside;
    for (int step : path)
      roles[step] = Role::Free;
    LowestSet lowest = findLowestSet(model, roles);
    OrderState end = state;
    for (int step : path)
      forward ? end.run(step) : end.undo(step);
    if (lowest.liveBytes >= end.liveBytes())
      return path;
    std::vector<int> part;
    std::copy_if(path.begin(), path.end(), std::back_inserter(part),
                 [&](int step) { return lowest.contains[step] == forward; });
    return part;
  }

  void fix(const std::vector<int> &steps, Direction direction) {
    for (int step : steps)
      interval.fix(step, direction);
  }

  /// Goes on after the exact search was cut short: with few nodes per valley,
  /// and where they do not suffice, to the most promising set seen.
  void roll() {
    if (isSolved())
      return;
    int64_t share =
        std::max<int64_t>(16, options.nodeLimit / (8 * (interval.left + 1)));
    while (interval.left > 0) {
      Direction direction = safeDirection();
      ValleySearch search(model, interval, direction);
      PathLimits limits{solution.lowerBoundBytes, solution.peakBytes - 1,
                        share};
      PathOutcome outcome = search.run(limits);
      solution.nodes += search.nodeCount();
      if (outcome == PathOutcome::None)
        return;
      fix(search.path().steps, direction);
    }
    offer(interval.order(), "rolling");
  }

  OrderModel model;
  OrderOptions options;
  Interval interval;
  /// By step: the fewest bytes in it in any order tried.
  std::vector<int64_t> fewestSeen;
  OrderSolution solution;
};

} // namespace

OrderSolution solveOrder(const OrderProblem &problem,
                         const OrderOptions &options) {
  return Solver(problem, options).solve();
}

int64_t orderLowerBound(const OrderProblem &problem) {
  OrderModel model(problem);
  int64_t bound = 0;
  for (int s = 0; s < model.size(); ++s)
    bound = std::max(bound, stepLowerBound(model, s));
  return bound;
}

} // namespace neap
