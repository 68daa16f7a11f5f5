//===- Order.cpp - Choice of methods --------------------------------------===//

#include "passes/Solvers/Order.h"
#include "passes/Solvers/OrderBeam.h"
#include "passes/Solvers/OrderBound.h"
#include "passes/Solvers/OrderExact.h"
#include "passes/Solvers/OrderNearest.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace neap {
namespace {

using namespace order;

/// The peak of `order`; remembers how few bytes each step can do with.
int64_t noteOrder(const OrderModel &model, const std::vector<int> &order,
                  std::vector<int64_t> &fewestSeen) {
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

/// Raises `bound` by minimum cuts for the steps that can still do so, at most
/// `maxCuts` of them: those that have needed most.
int64_t boundSteps(const OrderModel &model,
                   const std::vector<int64_t> &fewestSeen, size_t maxCuts,
                   int64_t bound) {
  std::vector<int> steps(model.size());
  std::iota(steps.begin(), steps.end(), 0);
  std::sort(steps.begin(), steps.end(), [&](int a, int b) {
    return std::make_pair(-fewestSeen[a], a) <
           std::make_pair(-fewestSeen[b], b);
  });
  steps.resize(std::min(steps.size(), maxCuts));
  for (int step : steps)
    if (fewestSeen[step] > bound)
      bound = std::max(bound, stepLowerBound(model, step));
  return bound;
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
    if (!isSolved() && options.nodeLimit > 0)
      searchExactly();
    if (!isSolved() && options.nodeLimit > 0)
      searchOn();
    if (solution.method != "given") {
      approachGivenOrder(model, solution.peakBytes, solution.order);
      solution.peakBytes = peakOf(model, solution.order);
    }
    solution.optimal = isSolved();
    return std::move(solution);
  }

private:
  static constexpr int beamWidth = 32;

  bool isSolved() const {
    return solution.peakBytes == solution.lowerBoundBytes;
  }

  int64_t note(const std::vector<int> &order) {
    return noteOrder(model, order, fewestSeen);
  }

  void offer(const std::vector<int> &order, const char *method) {
    int64_t peak = note(order);
    if (peak >= solution.peakBytes)
      return;
    solution.order = order;
    solution.peakBytes = peak;
    solution.method = method;
  }

  void raiseBound() {
    constexpr size_t maxCuts = 256;
    solution.lowerBoundBytes =
        boundSteps(model, fewestSeen, maxCuts, solution.lowerBoundBytes);
  }

  int64_t nodesLeft() const { return options.nodeLimit - solution.nodes; }

  void tryBeams(int width) {
    for (Direction direction : {Direction::Forward, Direction::Backward}) {
      if (isSolved())
        return;
      std::optional<Path> path = searchBeam(
          model, interval, direction, width,
          {0, solution.peakBytes - 1, nodesLeft() / 4}, solution.nodes);
      if (!path)
        continue;
      Interval copy = interval;
      for (int step : path->steps)
        copy.fix(step, direction);
      offer(copy.order(), "beam");
    }
  }

  void searchExactly() {
    ExactResult result = solveInterval(
        model, interval,
        {solution.lowerBoundBytes, solution.peakBytes - 1, nodesLeft() / 2});
    solution.nodes += result.nodes;
    solution.lowerBoundBytes = result.provenBytes;
    if (result.outcome == PathOutcome::Found)
      offer(interval.order(), "valleys");
  }

  /// What the exact search has fixed stays; the rest is tried by list
  /// scheduling, and the best order is then mended where it peaks.
  void searchOn() {
    tryBeams(beamWidth);
    std::vector<int> mended = solution.order;
    solution.nodes +=
        improveWindows(model, mended, solution.lowerBoundBytes, nodesLeft());
    offer(mended, "windows");
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
  std::vector<int> given(model.size());
  std::iota(given.begin(), given.end(), 0);
  std::vector<int64_t> fewestSeen(model.size(),
                                  std::numeric_limits<int64_t>::max());
  noteOrder(model, given, fewestSeen);
  return boundSteps(model, fewestSeen, model.steps.size(), 0);
}

} // namespace neap
