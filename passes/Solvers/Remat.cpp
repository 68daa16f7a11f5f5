//===- Remat.cpp - Recompute or keep under a memory budget ----------------===//

#include "passes/Solvers/Remat.h"
#include "passes/Solvers/RematEviction.h"
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

/// No layer of states that memory can hold is wider.
constexpr size_t widestPass = size_t(1) << 40;

/// Passes of growing width: narrow ones find the answers that let the wide ones
/// leave much out. True: proven.
template <unsigned Words>
bool searchInPasses(remat::Search<Words> &search, size_t widest,
                    const RematOptions &options) {
  search.nodeLimit = options.nodeLimit;
  search.shouldStop = options.shouldStop;
  for (size_t width = 16; width <= widest; width *= 4) {
    if (search.pass(width))
      return true;
    if (search.expanded >= options.nodeLimit ||
        (options.shouldStop && options.shouldStop()))
      break;
  }
  return false;
}

/// Answers of the given order, which are answers of every order.
template <unsigned Words>
void offerGiven(const RematProblem &problem, const RematOptions &options,
                remat::Search<Words> &search) {
  RematProblem given = problem;
  given.order = RematOrder::Given;
  remat::Instance<Words> instance(given);
  // At most about a tenth of a second; a trial takes up to n^2 set operations.
  int64_t n = instance.nodeCount;
  int64_t trials = std::min(n * n, 3000000 / (n * n * Words / 16 + n)) + 10;
  remat::EvictionSearch<Words> eviction(instance);
  if (eviction.run(trials, options.shouldStop))
    search.offer(eviction.bestCost, eviction.bestSteps);
  if (problem.order == RematOrder::Given)
    return;
  RematOptions share = options;
  share.nodeLimit = options.nodeLimit / 4;
  remat::Search<Words> givenSearch(instance);
  givenSearch.offer(search.bestCost, search.bestSteps);
  searchInPasses(givenSearch, 256, share);
  search.offer(givenSearch.bestCost, givenSearch.bestSteps);
  search.expanded += givenSearch.expanded;
}

template <unsigned Words>
RematSolution solveSized(const RematProblem &problem,
                         const RematOptions &options) {
  RematSolution solution;
  remat::Instance<Words> instance(problem);
  remat::Search<Words> search(instance);
  offerGiven(problem, options, search);
  bool proven = searchInPasses(search, widestPass, options);
  bool found = search.bestCost != search.unknown;
  solution.status = found    ? RematStatus::Found
                    : proven ? RematStatus::Infeasible
                             : RematStatus::Unknown;
  solution.steps = search.bestSteps;
  solution.nodes = search.expanded;
  describe(problem, solution);
  solution.optimal = found && proven;
  solution.lowerBound = double(search.lowerBound) / instance.costScale;
  if (solution.optimal || (found && solution.lowerBound > solution.cost))
    solution.lowerBound = solution.cost;
  return solution;
}

/// Without a search where none is needed.
std::optional<RematSolution> solveAtOnce(const RematProblem &problem) {
  RematSolution solution;
  if (problem.budgetBytes < rematWorkingSet(problem)) {
    solution.status = RematStatus::Infeasible;
    return solution;
  }
  std::vector<RematStep> keepAll = keepAllSteps(problem);
  if (peakOf(problem, keepAll) > problem.budgetBytes)
    return std::nullopt;
  solution.status = RematStatus::Found;
  solution.steps = keepAll;
  describe(problem, solution);
  solution.lowerBound = solution.cost;
  solution.optimal = true;
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
  if (auto solution = solveAtOnce(problem))
    return *solution;
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
