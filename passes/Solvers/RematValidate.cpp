//===- RematValidate.cpp - Independent checks of remat problems -----------===//

#include "passes/Solvers/Remat.h"

#include <cmath>
#include <set>

namespace neap {
namespace {

std::string nodeName(const RematProblem &problem, size_t index) {
  return "node " + std::to_string(problem.nodes[index].id);
}

std::optional<std::string> validateNode(const RematProblem &problem,
                                        size_t index) {
  const RematNode &node = problem.nodes[index];
  std::string name = nodeName(problem, index);
  if (node.bytes < 0)
    return name + " has " + std::to_string(node.bytes) + " bytes";
  if (node.scratchBytes < 0)
    return name + " has " + std::to_string(node.scratchBytes) +
           " bytes of scratch memory";
  if (!std::isfinite(node.cost) || node.cost < 0)
    return name + " costs " + std::to_string(node.cost);
  for (int dep : node.deps)
    if (dep < 0 || size_t(dep) >= index)
      return name + " depends on what is no earlier node";
  return std::nullopt;
}

/// Plays the steps; every check of one step in one place.
class Simulation {
public:
  explicit Simulation(const RematProblem &problem)
      : problem(problem), timesComputed(problem.nodes.size()) {}

  std::optional<std::string> play(const RematStep &step) {
    if (step.node < 0 || size_t(step.node) >= problem.nodes.size())
      return "a step names no node";
    return step.drop ? drop(step.node) : compute(step.node);
  }

  std::optional<std::string> finish() const {
    for (size_t i = 0; i < problem.nodes.size(); ++i)
      if (problem.nodes[i].required && timesComputed[i] == 0)
        return nodeName(problem, i) + " is never computed";
    return std::nullopt;
  }

  int64_t peakBytes = 0;
  double cost = 0, recomputedCost = 0;

private:
  std::optional<std::string> drop(int index) {
    if (inMemory.erase(index) == 0)
      return nodeName(problem, index) + " is dropped but not held";
    return std::nullopt;
  }

  std::optional<std::string> compute(int index) {
    const RematNode &node = problem.nodes[index];
    std::string name = nodeName(problem, index);
    for (int dep : node.deps)
      if (!inMemory.count(dep))
        return name + " is computed without its input " +
               nodeName(problem, dep);
    if (!inMemory.insert(index).second)
      return name + " is computed while it is held";
    if (timesComputed[index]++ > 0) {
      if (!node.rerunnable)
        return name + " is computed twice but must not be";
      recomputedCost += node.cost;
    }
    cost += node.cost;
    int64_t bytes = node.scratchBytes;
    for (int held : inMemory)
      bytes += problem.nodes[held].bytes;
    if (bytes > problem.budgetBytes)
      return name + " needs " + std::to_string(bytes) +
             " bytes of a budget of " + std::to_string(problem.budgetBytes);
    peakBytes = std::max(peakBytes, bytes);
    return problem.order == RematOrder::Given ? checkOrder(index)
                                              : std::nullopt;
  }

  /// The stage ends with the first computation of its own node; what is not
  /// required may be passed over.
  std::optional<std::string> checkOrder(int index) {
    bool firstOfStage = index <= lastInStage;
    if (firstOfStage) {
      // A new stage can begin without its predecessor's own node only where
      // that node may be left out.
      if (stage < int(problem.nodes.size()) && !problem.nodes[stage].required)
        ++stage;
      else
        return nodeName(problem, index) + " is out of order in the stage of " +
               nodeName(problem, stage);
    }
    while (index > stage && !problem.nodes[stage].required)
      ++stage;
    if (index > stage)
      return nodeName(problem, index) + " is computed before " +
             nodeName(problem, stage);
    lastInStage = index;
    if (index == stage) {
      ++stage;
      lastInStage = -1;
    }
    return std::nullopt;
  }

  const RematProblem &problem;
  std::set<int> inMemory;
  std::vector<int> timesComputed;
  int stage = 0;
  int lastInStage = -1;
};

bool differ(double a, double b) {
  return std::abs(a - b) > 1e-9 * std::max(std::abs(a), std::abs(b));
}

} // namespace

std::optional<std::string> validateRematProblem(const RematProblem &problem) {
  if (problem.budgetBytes < 0)
    return "the budget is " + std::to_string(problem.budgetBytes) + " bytes";
  if (problem.nodes.size() > size_t(rematMaxNodes))
    return "found " + std::to_string(problem.nodes.size()) +
           " nodes, expected at most " + std::to_string(rematMaxNodes);
  int64_t room = int64_t(1) << 62;
  for (size_t i = 0; i < problem.nodes.size(); ++i) {
    if (auto error = validateNode(problem, i))
      return error;
    for (int64_t bytes :
         {problem.nodes[i].bytes, problem.nodes[i].scratchBytes}) {
      if (bytes > room)
        return "the sizes sum up to more than 2^62 bytes";
      room -= bytes;
    }
  }
  return std::nullopt;
}

std::optional<std::string> validateRemat(const RematProblem &problem,
                                         const RematSolution &solution) {
  if (solution.status != RematStatus::Found)
    return "there is no answer";
  Simulation simulation(problem);
  for (size_t i = 0; i < solution.steps.size(); ++i)
    if (auto error = simulation.play(solution.steps[i]))
      return "step " + std::to_string(i) + ": " + *error;
  if (auto error = simulation.finish())
    return error;
  if (simulation.peakBytes != solution.peakBytes)
    return "the peak is " + std::to_string(simulation.peakBytes) +
           " bytes, not " + std::to_string(solution.peakBytes);
  if (differ(simulation.cost, solution.cost))
    return "the cost is " + std::to_string(simulation.cost) + ", not " +
           std::to_string(solution.cost);
  if (differ(simulation.recomputedCost, solution.recomputedCost))
    return "recomputation costs " + std::to_string(simulation.recomputedCost) +
           ", not " + std::to_string(solution.recomputedCost);
  if (solution.lowerBound > solution.cost)
    return "the lower bound lies above the cost";
  if (solution.optimal && solution.lowerBound != solution.cost)
    return "called optimal, but the lower bound lies below the cost";
  return std::nullopt;
}

} // namespace neap
