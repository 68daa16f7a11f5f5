//===- Remat.cpp - Recompute or keep under a memory budget ----------------===//

#include "passes/Solvers/Remat.h"
#include "passes/Solvers/RematSearch.h"

#include <algorithm>

namespace neap {
namespace {

/// The required nodes and what they are computed from.
std::vector<char> neededNodes(const RematProblem &problem) {
  std::vector<char> needed(problem.nodes.size());
  for (size_t i = problem.nodes.size(); i-- > 0;) {
    needed[i] |= problem.nodes[i].required;
    if (needed[i])
      for (int dep : problem.nodes[i].deps)
        needed[dep] = true;
  }
  return needed;
}

std::vector<int> distinctDeps(const RematNode &node) {
  std::vector<int> deps = node.deps;
  std::sort(deps.begin(), deps.end());
  deps.erase(std::unique(deps.begin(), deps.end()), deps.end());
  return deps;
}

/// Every needed node once, dropped after its last use.
std::vector<RematStep> keepAllSteps(const RematProblem &problem) {
  std::vector<char> needed = neededNodes(problem);
  int count = int(problem.nodes.size());
  std::vector<int> lastUse(count, -1);
  for (int i = 0; i < count; ++i)
    if (needed[i])
      for (int dep : problem.nodes[i].deps)
        lastUse[dep] = i;
  std::vector<RematStep> steps;
  for (int i = 0; i < count; ++i) {
    if (!needed[i])
      continue;
    steps.push_back({i, false});
    if (lastUse[i] < 0)
      steps.push_back({i, true});
    for (int dep : distinctDeps(problem.nodes[i]))
      if (lastUse[dep] == i)
        steps.push_back({dep, true});
  }
  return steps;
}

int64_t peakOf(const RematProblem &problem,
               const std::vector<RematStep> &steps) {
  int64_t held = 0, peak = 0;
  for (const RematStep &step : steps) {
    const RematNode &node = problem.nodes[step.node];
    held += step.drop ? -node.bytes : node.bytes;
    if (!step.drop)
      peak = std::max(peak, held + node.scratchBytes);
  }
  return peak;
}

void describe(const RematProblem &problem, RematSolution &solution) {
  std::vector<char> computed(problem.nodes.size());
  for (const RematStep &step : solution.steps) {
    if (step.drop)
      continue;
    double cost = problem.nodes[step.node].cost;
    solution.cost += cost;
    if (computed[step.node])
      solution.recomputedCost += cost;
    computed[step.node] = true;
  }
  solution.peakBytes = peakOf(problem, solution.steps);
}

template <unsigned Words>
void searchPasses(remat::Search<Words> &search, const RematOptions &options,
                  bool &proven) {
  search.nodeLimit = options.nodeLimit;
  search.shouldStop = options.shouldStop;
  proven = false;
  // Narrow passes find the answers that let the wide ones leave much out.
  for (size_t width = 16; !proven; width *= 4) {
    proven = search.pass(width);
    if (!proven && (search.expanded >= options.nodeLimit ||
                    (options.shouldStop && options.shouldStop())))
      return;
  }
}

template <unsigned Words>
RematSolution solveSized(const RematProblem &problem,
                         const RematOptions &options) {
  RematSolution solution;
  remat::Instance<Words> instance(problem);
  remat::Search<Words> search(instance);
  std::vector<RematStep> keepAll = keepAllSteps(problem);
  bool proven = false;
  if (peakOf(problem, keepAll) <= problem.budgetBytes) {
    solution.steps = keepAll;
    proven = true;
  } else {
    if (problem.order == RematOrder::Free) {
      // What the given order allows, the free one does.
      RematProblem given = problem;
      given.order = RematOrder::Given;
      RematOptions share = options;
      share.nodeLimit = options.nodeLimit / 4;
      remat::Instance<Words> givenInstance(given);
      remat::Search<Words> givenSearch(givenInstance);
      givenSearch.nodeLimit = share.nodeLimit;
      givenSearch.shouldStop = options.shouldStop;
      for (size_t width = 16; width <= 256; width *= 4)
        if (givenSearch.pass(width))
          break;
      search.expanded = givenSearch.expanded;
      if (givenSearch.bestCost != search.unknown)
        search.offer(givenSearch.bestCost, givenSearch.bestSteps);
    }
    searchPasses(search, options, proven);
    solution.steps = search.bestSteps;
  }
  solution.nodes = search.expanded;
  bool found = search.bestCost != search.unknown || !solution.steps.empty() ||
               (proven && keepAll.empty());
  solution.status = found    ? RematStatus::Found
                    : proven ? RematStatus::Infeasible
                             : RematStatus::Unknown;
  describe(problem, solution);
  solution.optimal = found && proven;
  solution.lowerBound = double(search.lowerBound) / instance.costScale;
  if (solution.optimal || (found && solution.lowerBound > solution.cost))
    solution.lowerBound = solution.cost;
  return solution;
}

} // namespace

int64_t rematWorkingSet(const RematProblem &problem) {
  std::vector<char> needed = neededNodes(problem);
  int64_t largest = 0;
  for (size_t i = 0; i < problem.nodes.size(); ++i) {
    const RematNode &node = problem.nodes[i];
    int64_t bytes = node.bytes + node.scratchBytes;
    for (int dep : distinctDeps(node))
      bytes += problem.nodes[dep].bytes;
    if (needed[i])
      largest = std::max(largest, bytes);
  }
  return largest;
}

int64_t rematKeepAllPeak(const RematProblem &problem) {
  return peakOf(problem, keepAllSteps(problem));
}

RematMinimumBudget rematMinimumBudget(const RematProblem &problem,
                                      const RematOptions &options) {
  RematProblem question = problem;
  int64_t low = rematWorkingSet(problem), high = rematKeepAllPeak(problem);
  while (low < high) {
    question.budgetBytes = low + (high - low) / 2;
    RematSolution answer = solveRemat(question, options);
    if (answer.status == RematStatus::Unknown)
      return {low, false};
    if (answer.status == RematStatus::Found)
      high = answer.peakBytes;
    else
      low = question.budgetBytes + 1;
  }
  return {low, true};
}

RematSolution solveRemat(const RematProblem &problem,
                         const RematOptions &options) {
  size_t count = problem.nodes.size();
  if (count <= 64)
    return solveSized<1>(problem, options);
  if (count <= 128)
    return solveSized<2>(problem, options);
  if (count <= 512)
    return solveSized<8>(problem, options);
  return solveSized<32>(problem, options);
}

} // namespace neap
