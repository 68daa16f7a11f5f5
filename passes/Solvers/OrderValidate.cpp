//===- OrderValidate.cpp - Independent checks of orders -------------------===//
//
// Shares no code with the solver: buffers are walked along a whole order, each
// with its last use, instead of being summed over sets of steps.
//
//===----------------------------------------------------------------------===//

#include "passes/Solvers/Order.h"

#include <algorithm>

using namespace neap;

namespace {

using Complaint = std::optional<std::string>;

std::string say(size_t step, const std::string &what) {
  return "step " + std::to_string(step) + ": " + what;
}

/// Checks a problem value by value and step by step.
class ProblemChecker {
public:
  explicit ProblemChecker(const OrderProblem &problem) : problem(problem) {}

  Complaint check() {
    if (Complaint wrong = checkValues())
      return wrong;
    for (size_t s = 0; s < problem.steps.size(); ++s)
      if (Complaint wrong = checkShape(s))
        return wrong;
    std::vector<int> producers(problem.valueBytes.size(), -1);
    for (size_t s = 0; s < problem.steps.size(); ++s)
      for (int result : problem.steps[s].results) {
        if (producers[result] >= 0 || problem.isAlwaysAlive[result])
          return say(s,
                     "value " + std::to_string(result) + " is defined already");
        producers[result] = static_cast<int>(s);
      }
    for (size_t s = 0; s < problem.steps.size(); ++s)
      for (int operand : problem.steps[s].operands)
        if (producers[operand] >= static_cast<int>(s))
          return say(s, "value " + std::to_string(operand) +
                            " is read before it is defined");
    return checkPrecedence();
  }

private:
  Complaint checkValues() {
    size_t count = problem.valueBytes.size();
    if (problem.isAlwaysAlive.size() != count ||
        problem.liveOut.size() != count)
      return "expected one size, 'isAlwaysAlive' and 'liveOut' per value, but "
             "found " +
             std::to_string(count) + ", " +
             std::to_string(problem.isAlwaysAlive.size()) + " and " +
             std::to_string(problem.liveOut.size());
    for (size_t v = 0; v < count; ++v)
      if (!addBytes(problem.valueBytes[v]))
        return "value " + std::to_string(v) + ": " + sizeComplaint;
    return std::nullopt;
  }

  /// False for a negative size or one that overflows the sum.
  bool addBytes(int64_t bytes) {
    if (bytes < 0 || bytes > maxTotal - total)
      return false;
    total += bytes;
    return true;
  }

  Complaint checkShape(size_t s) {
    const OrderStep &step = problem.steps[s];
    if (!addBytes(step.scratchBytes))
      return say(s, sizeComplaint);
    if (step.inPlace.size() != step.results.size() ||
        step.view.size() != step.results.size())
      return say(s, "expected one 'inPlace' and one 'view' per result");
    for (const std::vector<int> *values : {&step.operands, &step.results})
      for (int value : *values)
        if (!isIndex(value, problem.valueBytes.size()))
          return say(s, "there is no value " + std::to_string(value));
    for (const std::vector<int> *positions : {&step.inPlace, &step.view})
      for (int position : *positions)
        if (position != -1 && !isIndex(position, step.operands.size()))
          return say(s, "there is no operand " + std::to_string(position));
    for (size_t r = 0; r < step.results.size(); ++r)
      for (size_t later = r + 1; later < step.results.size(); ++later)
        if (step.view[r] < 0 && step.inPlace[r] >= 0 && step.view[later] >= 0)
          return say(s, "a result that may overwrite an operand must follow "
                        "the results that are views");
    return std::nullopt;
  }

  Complaint checkPrecedence() {
    for (auto [first, second] : problem.precedence) {
      if (!isIndex(first, problem.steps.size()) ||
          !isIndex(second, problem.steps.size()))
        return "precedence names a step that does not exist";
      if (first >= second)
        return "step " + std::to_string(first) + " must run before step " +
               std::to_string(second) + ", but is not given before it";
    }
    return std::nullopt;
  }

  static bool isIndex(int index, size_t size) {
    return index >= 0 && static_cast<size_t>(index) < size;
  }

  static constexpr int64_t maxTotal = int64_t(1) << 56;
  static constexpr const char *sizeComplaint =
      "expected a size of at least 0 bytes, and at most 2^56 in all";

  const OrderProblem &problem;
  int64_t total = 0;
};

/// Buffers along one order.
class Simulation {
public:
  Simulation(const OrderProblem &problem, const std::vector<int> &order)
      : problem(problem), order(order), lastUses(problem.valueBytes.size(), -1),
        bufferOf(problem.valueBytes.size(), -1) {}

  std::vector<int64_t> run() {
    findLastUses();
    addOuterValues();
    for (size_t time = 0; time < order.size(); ++time) {
      const OrderStep &step = problem.steps[order[time]];
      for (size_t r = 0; r < step.results.size(); ++r)
        place(step, r, static_cast<int>(time));
    }
    return sumBytes();
  }

private:
  struct Storage {
    int64_t bytes;
    int first, last;
    bool isFixed;
  };

  void findLastUses() {
    for (size_t time = 0; time < order.size(); ++time)
      for (int operand : problem.steps[order[time]].operands)
        lastUses[operand] = static_cast<int>(time);
    for (size_t v = 0; v < lastUses.size(); ++v)
      if (problem.liveOut[v])
        lastUses[v] = static_cast<int>(order.size());
  }

  void addOuterValues() {
    std::vector<bool> isDefined(problem.valueBytes.size(), false);
    for (const OrderStep &step : problem.steps)
      for (int result : step.results)
        isDefined[result] = true;
    for (size_t v = 0; v < isDefined.size(); ++v)
      if (!isDefined[v]) {
        bufferOf[v] = static_cast<int>(storages.size());
        storages.push_back(
            {problem.valueBytes[v], 0, lastUses[v], problem.isAlwaysAlive[v]});
      }
  }

  void place(const OrderStep &step, size_t r, int time) {
    int result = step.results[r];
    int source =
        step.view[r] >= 0 ? step.view[r] : chooseOperand(step, r, time);
    if (source < 0) {
      bufferOf[result] = static_cast<int>(storages.size());
      storages.push_back({problem.valueBytes[result], time, time, false});
    } else {
      bufferOf[result] = bufferOf[step.operands[source]];
    }
    Storage &storage = storages[bufferOf[result]];
    storage.last = std::max({storage.last, time, lastUses[result]});
  }

  int chooseOperand(const OrderStep &step, size_t r, int time) const {
    int permitted = step.inPlace[r];
    if (permitted < 0)
      return -1;
    if (canTake(step, permitted, r, time))
      return permitted;
    bool mayExchange = step.commutative && step.operands.size() == 2;
    return mayExchange && canTake(step, 1 - permitted, r, time) ? 1 - permitted
                                                                : -1;
  }

  bool canTake(const OrderStep &step, int position, size_t r, int time) const {
    int buffer = bufferOf[step.operands[position]];
    const Storage &storage = storages[buffer];
    if (storage.isFixed || storage.last != time ||
        storage.bytes != problem.valueBytes[step.results[r]])
      return false;
    int readings = 0;
    for (int operand : step.operands)
      readings += bufferOf[operand] == buffer;
    for (size_t earlier = 0; earlier < r; ++earlier)
      readings += bufferOf[step.results[earlier]] == buffer;
    return readings == 1;
  }

  std::vector<int64_t> sumBytes() const {
    std::vector<int64_t> live(order.size() + 1, 0);
    for (const Storage &storage : storages) {
      if (storage.isFixed || storage.last < storage.first)
        continue;
      live[storage.first] += storage.bytes;
      size_t end = static_cast<size_t>(storage.last) + 1;
      live[std::min(end, order.size())] -= storage.bytes;
    }
    for (size_t time = 1; time < live.size(); ++time)
      live[time] += live[time - 1];
    live.resize(order.size());
    for (size_t time = 0; time < order.size(); ++time)
      live[time] += problem.steps[order[time]].scratchBytes;
    return live;
  }

  const OrderProblem &problem;
  const std::vector<int> &order;
  std::vector<int> lastUses, bufferOf;
  std::vector<Storage> storages;
};

Complaint checkPermutation(const OrderProblem &problem,
                           const std::vector<int> &order) {
  size_t count = problem.steps.size();
  if (order.size() != count)
    return "expected " + std::to_string(count) +
           " steps in the order, but "
           "found " +
           std::to_string(order.size());
  std::vector<int> times(count, -1);
  for (size_t time = 0; time < count; ++time) {
    int step = order[time];
    if (step < 0 || static_cast<size_t>(step) >= count || times[step] >= 0)
      return "the order is not a permutation of the steps: found " +
             std::to_string(step);
    times[step] = static_cast<int>(time);
  }
  std::vector<std::pair<int, int>> pairs = problem.precedence;
  std::vector<int> producers(problem.valueBytes.size(), -1);
  int lastEffect = -1;
  for (int s = 0; s < static_cast<int>(count); ++s) {
    const OrderStep &step = problem.steps[s];
    for (int operand : step.operands)
      if (producers[operand] >= 0)
        pairs.emplace_back(producers[operand], s);
    for (int result : step.results)
      producers[result] = s;
    if (step.hasEffects && lastEffect >= 0)
      pairs.emplace_back(lastEffect, s);
    if (step.hasEffects)
      lastEffect = s;
  }
  for (auto [first, second] : pairs)
    if (times[first] > times[second])
      return "step " + std::to_string(second) + " runs before step " +
             std::to_string(first) + ", which it needs";
  return std::nullopt;
}

int64_t maxBytes(const std::vector<int64_t> &bytes) {
  return bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
}

} // namespace

std::optional<std::string>
neap::validateOrderProblem(const OrderProblem &problem) {
  return ProblemChecker(problem).check();
}

std::vector<int64_t> neap::simulateOrder(const OrderProblem &problem,
                                         const std::vector<int> &order) {
  return Simulation(problem, order).run();
}

std::optional<std::string> neap::validateOrder(const OrderProblem &problem,
                                               const OrderSolution &solution) {
  if (Complaint wrong = checkPermutation(problem, solution.order))
    return wrong;
  int64_t peak = maxBytes(simulateOrder(problem, solution.order));
  if (solution.peakBytes != peak)
    return "expected a peak of " + std::to_string(peak) + " bytes, but found " +
           std::to_string(solution.peakBytes);
  std::vector<int> given(problem.steps.size());
  for (size_t s = 0; s < given.size(); ++s)
    given[s] = static_cast<int>(s);
  int64_t givenPeak = maxBytes(simulateOrder(problem, given));
  if (peak > givenPeak)
    return "the peak of " + std::to_string(peak) +
           " bytes is above that of the given order, " +
           std::to_string(givenPeak);
  if (solution.lowerBoundBytes > peak)
    return "the bound of " + std::to_string(solution.lowerBoundBytes) +
           " bytes is above the peak, " + std::to_string(peak);
  if (solution.optimal != (solution.lowerBoundBytes == peak))
    return "'optimal' must be set exactly where the peak meets the bound";
  return std::nullopt;
}
