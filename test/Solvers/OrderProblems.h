//===- OrderProblems.h - Instances for the order tests ----------*- C++ -*-===//

#ifndef NEAP_TEST_SOLVERS_ORDERPROBLEMS_H
#define NEAP_TEST_SOLVERS_ORDERPROBLEMS_H

#include "Problems.h"
#include "passes/Solvers/Order.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace neap::test {

inline int64_t peakBytes(const OrderProblem &problem,
                         const std::vector<int> &order) {
  std::vector<int64_t> bytes = simulateOrder(problem, order);
  return bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
}

inline std::vector<int> givenOrder(const OrderProblem &problem) {
  std::vector<int> order(problem.steps.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// Adds values and steps one by one.
class OrderBuilder {
public:
  int addValue(int64_t bytes, bool alwaysAlive = false, bool liveOut = false) {
    problem.valueBytes.push_back(bytes);
    problem.isAlwaysAlive.push_back(alwaysAlive);
    problem.liveOut.push_back(liveOut);
    return static_cast<int>(problem.valueBytes.size()) - 1;
  }
  /// A step with one result; returns the result.
  int addStep(std::vector<int> operands, int64_t bytes, int inPlace = -1,
              int view = -1) {
    OrderStep step;
    step.operands = std::move(operands);
    step.results = {addValue(bytes)};
    step.inPlace = {inPlace};
    step.view = {view};
    problem.steps.push_back(std::move(step));
    return problem.steps.back().results.front();
  }
  /// A step without results.
  void addSink(std::vector<int> operands, bool hasEffects = false) {
    OrderStep step;
    step.operands = std::move(operands);
    step.hasEffects = hasEffects;
    problem.steps.push_back(std::move(step));
  }
  OrderStep &last() { return problem.steps.back(); }

  OrderProblem problem;
};

struct RandomOrderShape {
  int64_t minSteps = 1, maxSteps = 10;
  int64_t maxBytes = 8;
  /// Per cent.
  int64_t inPlace = 40, view = 15, effects = 8, liveOut = 10, scratch = 20,
          edges = 10;
  /// Operands are drawn from this many of the latest values.
  int64_t reach = 8;
};

inline OrderProblem randomOrderProblem(Random &random,
                                       const RandomOrderShape &shape) {
  OrderBuilder builder;
  auto chance = [&](int64_t percent) {
    return random.between(1, 100) <= percent;
  };
  // Few sizes, so that overwriting is often possible.
  auto size = [&] { return random.between(0, shape.maxBytes); };
  int64_t outer = random.between(0, 3);
  for (int64_t v = 0; v < outer; ++v)
    builder.addValue(size(), chance(40), chance(shape.liveOut));
  int64_t count = random.between(shape.minSteps, shape.maxSteps);
  for (int64_t s = 0; s < count; ++s) {
    OrderStep step;
    int64_t known = static_cast<int64_t>(builder.problem.valueBytes.size());
    int64_t operandCount = known ? random.between(0, 3) : 0;
    for (int64_t o = 0; o < operandCount; ++o)
      step.operands.push_back(static_cast<int>(random.between(
          std::max<int64_t>(0, known - shape.reach), known - 1)));
    step.commutative = operandCount == 2 && chance(50);
    step.hasEffects = chance(shape.effects);
    step.scratchBytes = chance(shape.scratch) ? size() : 0;
    int64_t resultCount = chance(70) ? 1 : random.between(0, 3);
    bool mayView = true;
    for (int64_t r = 0; r < resultCount; ++r) {
      int view = -1, inPlace = -1;
      if (operandCount > 0) {
        int position = static_cast<int>(random.between(0, operandCount - 1));
        if (mayView && chance(shape.view))
          view = position;
        else if (chance(shape.inPlace))
          inPlace = position;
      }
      mayView = mayView && inPlace < 0;
      int64_t bytes = size();
      // Usually as large as what it may overwrite.
      if (int source = std::max(view, inPlace); source >= 0 && chance(75))
        bytes = builder.problem.valueBytes[step.operands[source]];
      step.view.push_back(view);
      step.inPlace.push_back(inPlace);
      step.results.push_back(
          builder.addValue(bytes, false, chance(shape.liveOut)));
    }
    builder.problem.steps.push_back(std::move(step));
    if (s > 0 && chance(shape.edges))
      builder.problem.precedence.emplace_back(
          static_cast<int>(random.between(0, s - 1)), static_cast<int>(s));
  }
  return builder.problem;
}

/// Which steps must run before each: data, effects, `precedence`; direct ones.
inline std::vector<std::vector<int>>
findPredecessors(const OrderProblem &problem) {
  std::vector<std::vector<int>> predecessors(problem.steps.size());
  std::vector<int> producers(problem.valueBytes.size(), -1);
  int lastEffect = -1;
  for (int s = 0; s < static_cast<int>(problem.steps.size()); ++s) {
    for (int operand : problem.steps[s].operands)
      if (producers[operand] >= 0)
        predecessors[s].push_back(producers[operand]);
    for (int result : problem.steps[s].results)
      producers[result] = s;
    if (problem.steps[s].hasEffects) {
      if (lastEffect >= 0)
        predecessors[s].push_back(lastEffect);
      lastEffect = s;
    }
  }
  for (auto [first, second] : problem.precedence)
    predecessors[second].push_back(first);
  return predecessors;
}

/// The lowest peak of all orders of a few steps, over the sets of steps that
/// can have run: what a step needs after each set is read off simulated orders.
class ExactOrder {
public:
  explicit ExactOrder(const OrderProblem &problem)
      : problem(problem), count(problem.steps.size()), before(count, 0),
        bytes((size_t{1} << count) * count, unknown) {
    std::vector<std::vector<int>> predecessors = findPredecessors(problem);
    for (size_t s = 0; s < count; ++s)
      for (int predecessor : predecessors[s])
        before[s] |= bit(predecessor);
    solve();
  }

  int64_t peak() const { return best; }
  /// Needs that two orders with the same steps done disagree about: there must
  /// be none.
  int contradictions() const { return contradictory; }

private:
  static constexpr int64_t unknown = -1,
                           never = std::numeric_limits<int64_t>::max();

  static uint32_t bit(size_t step) { return uint32_t{1} << step; }
  bool canRun(uint32_t done, size_t s) const {
    return !(done & bit(s)) && (before[s] & ~done) == 0;
  }
  int64_t &need(uint32_t done, size_t s) { return bytes[done * count + s]; }

  void solve() {
    std::vector<int64_t> peaks(size_t{1} << count, never);
    std::vector<int> lastOf(peaks.size(), -1);
    peaks[0] = 0;
    // A set comes after its subsets.
    for (uint32_t done = 0; done < peaks.size(); ++done)
      for (size_t s = 0; peaks[done] != never && s < count; ++s) {
        if (!canRun(done, s))
          continue;
        if (need(done, s) == unknown)
          simulate(done, s, lastOf);
        uint32_t next = done | bit(s);
        int64_t peak = std::max(peaks[done], need(done, s));
        if (peak < peaks[next]) {
          peaks[next] = peak;
          lastOf[next] = static_cast<int>(s);
        }
      }
    best = peaks.back();
  }

  /// One order through `done` and then `step`, along needs unknown so far.
  void simulate(uint32_t done, size_t step, const std::vector<int> &lastOf) {
    std::vector<int> order;
    for (uint32_t set = done; set; set &= ~bit(lastOf[set]))
      order.push_back(lastOf[set]);
    std::reverse(order.begin(), order.end());
    order.push_back(static_cast<int>(step));
    for (uint32_t set = done | bit(step); order.size() < count;) {
      size_t next = count;
      for (size_t s = 0; s < count; ++s)
        if (canRun(set, s) && (next == count || need(set, s) == unknown))
          next = s;
      order.push_back(static_cast<int>(next));
      set |= bit(next);
    }
    std::vector<int64_t> live = simulateOrder(problem, order);
    uint32_t set = 0;
    for (size_t time = 0; time < count; ++time) {
      size_t s = static_cast<size_t>(order[time]);
      contradictory += need(set, s) != unknown && need(set, s) != live[time];
      need(set, s) = live[time];
      set |= bit(s);
    }
  }

  const OrderProblem &problem;
  size_t count;
  std::vector<uint32_t> before;
  std::vector<int64_t> bytes; // by set and step
  int64_t best = 0;
  int contradictory = 0;
};

/// The lowest peak of all orders, each simulated as a whole.
class BruteForceOrder {
public:
  explicit BruteForceOrder(const OrderProblem &problem)
      : problem(problem), missing(problem.steps.size(), 0),
        followers(problem.steps.size()) {
    std::vector<std::vector<int>> predecessors = findPredecessors(problem);
    for (size_t s = 0; s < predecessors.size(); ++s)
      for (int predecessor : predecessors[s]) {
        followers[predecessor].push_back(static_cast<int>(s));
        ++missing[s];
      }
  }

  /// False if there are more than `maxOrders` orders.
  bool run(int64_t maxOrders) {
    limit = maxOrders;
    extend();
    return count <= limit;
  }
  int64_t peak() const { return best; }

private:
  void extend() {
    if (count > limit)
      return;
    if (order.size() == problem.steps.size()) {
      if (++count <= limit)
        best = std::min(best, peakBytes(problem, order));
      return;
    }
    for (int s = 0; s < static_cast<int>(missing.size()); ++s) {
      if (missing[s] != 0)
        continue;
      missing[s] = -1;
      for (int follower : followers[s])
        --missing[follower];
      order.push_back(s);
      extend();
      order.pop_back();
      for (int follower : followers[s])
        ++missing[follower];
      missing[s] = 0;
    }
  }

  const OrderProblem &problem;
  std::vector<int> missing, order;
  std::vector<std::vector<int>> followers;
  int64_t best = std::numeric_limits<int64_t>::max();
  int64_t count = 0, limit = 0;
};

} // namespace neap::test

#endif // NEAP_TEST_SOLVERS_ORDERPROBLEMS_H
