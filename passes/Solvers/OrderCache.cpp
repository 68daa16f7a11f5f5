//===- OrderCache.cpp - Equal blocks are solved once ----------------------===//

#include "passes/Solvers/OrderCache.h"

namespace neap {
namespace {

/// Lengths come before lists, so that unequal problems have unequal keys.
class KeyWriter {
public:
  template <typename Items> void list(const Items &items) {
    key.push_back(static_cast<int64_t>(items.size()));
    key.insert(key.end(), items.begin(), items.end());
  }
  void number(int64_t value) { key.push_back(value); }

  std::vector<int64_t> key;
};

std::vector<int64_t> writeKey(const OrderProblem &problem,
                              const OrderOptions &options) {
  KeyWriter writer;
  writer.number(options.nodeLimit);
  writer.list(problem.valueBytes);
  writer.list(problem.isAlwaysAlive);
  writer.list(problem.liveOut);
  writer.number(static_cast<int64_t>(problem.steps.size()));
  for (const OrderStep &step : problem.steps) {
    writer.list(step.operands);
    writer.list(step.results);
    writer.list(step.inPlace);
    writer.list(step.view);
    writer.number(step.commutative);
    writer.number(step.scratchBytes);
    writer.number(step.hasEffects);
  }
  for (auto [first, second] : problem.precedence) {
    writer.number(first);
    writer.number(second);
  }
  return std::move(writer.key);
}

} // namespace

const OrderSolution &OrderCache::solve(const OrderProblem &problem,
                                       const OrderOptions &options) {
  auto [place, isNew] = solutions.try_emplace(writeKey(problem, options));
  if (isNew)
    place->second = solveOrder(problem, options);
  return place->second;
}

} // namespace neap
