//===- Remat.h - Recompute or keep under a memory budget --------*- C++ -*-===//
//
// The cheapest sequence of computations and drops that computes a graph within
// a memory budget ("rematerialization"; NP-hard). docs/remat-solver.md explains
// the classes of schedules, the method, its sources and what is proven.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_REMAT_H
#define NEAP_PASSES_SOLVERS_REMAT_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace neap {

/// One computation with one output.
struct RematNode {
  /// The caller's key; the solvers do not read it.
  int64_t id = 0;
  /// Size of the output.
  int64_t bytes = 0;
  /// Price of one computation (flop, seconds, ...); finite, at least 0.
  double cost = 0;
  /// Indices of earlier nodes; repetitions are ignored.
  std::vector<int> deps;
  /// Needed beside inputs and output while the node is computed.
  int64_t scratchBytes = 0;
  /// Must be computed at least once.
  bool required = true;
  /// May be computed more than once.
  bool rerunnable = true;
};

enum class RematOrder {
  /// Any order that respects the dependencies.
  Free,
  /// Checkmate's class: stage t ends with the computation of node t, which is
  /// the first one of that node; before it, any earlier nodes are computed,
  /// each at most once per stage and by increasing index. A node that is not
  /// required may be left out of its own stage.
  Given
};

struct RematProblem {
  std::vector<RematNode> nodes;
  /// Outputs held, the output of the running computation and its scratch
  /// memory together never exceed this.
  int64_t budgetBytes = 0;
  RematOrder order = RematOrder::Given;
};

/// Computes nodes[node], or drops its output.
struct RematStep {
  int node = 0;
  bool drop = false;
};

enum class RematStatus {
  /// `steps` is a valid answer.
  Found,
  /// Proven: there is none.
  Infeasible,
  /// The limits ended the search before it found one.
  Unknown
};

struct RematSolution {
  RematStatus status = RematStatus::Unknown;
  std::vector<RematStep> steps;
  /// Sum over the computations in `steps`.
  double cost = 0;
  /// No answer is cheaper than this.
  double lowerBound = 0;
  /// Proven to be cheapest (costs compare to within 1e-12 of their sum).
  bool optimal = false;
  /// Most bytes in use during any computation.
  int64_t peakBytes = 0;
  /// The part of `cost` spent on second and further computations.
  double recomputedCost = 0;
  /// Search nodes expanded.
  int64_t nodes = 0;
};

struct RematOptions {
  /// Search nodes that may be expanded in all. The result depends on this
  /// number and on nothing else: no clock is read.
  int64_t nodeLimit = 200000;
  /// Asked now and then; true ends the search with the best answer so far.
  /// Only for tools with a time limit: answers then vary between runs.
  std::function<bool()> shouldStop;
};

/// Most nodes that solveRemat takes.
constexpr int rematMaxNodes = 2048;

/// The first thing wrong with `problem` (negative size, cost or budget, a
/// dependency that is no earlier node, more than rematMaxNodes nodes, sizes
/// whose sum exceeds 2^62), or nothing.
std::optional<std::string> validateRematProblem(const RematProblem &problem);

/// Bytes that some required computation or one of its ancestors needs beside
/// nothing else: its inputs, output and scratch memory. No budget below this
/// has an answer.
int64_t rematWorkingSet(const RematProblem &problem);

/// The peak when every required node and its ancestors are computed once, in
/// the order given, and every output is dropped after its last use. No budget
/// from this on needs a second computation.
int64_t rematKeepAllPeak(const RematProblem &problem);

/// The cheapest answer that the limits allow. Requires a problem that
/// validateRematProblem accepts.
RematSolution solveRemat(const RematProblem &problem,
                         const RematOptions &options = {});

/// The smallest budget known to be too small, plus one: no budget below the
/// result has an answer. `exact`: the result itself has one.
struct RematMinimumBudget {
  int64_t bytes = 0;
  bool exact = false;
};
RematMinimumBudget rematMinimumBudget(const RematProblem &problem,
                                      const RematOptions &options = {});

/// The first thing wrong with `solution` as an answer to `problem` (input not
/// in memory, budget exceeded, drop of what is not held, node left out or
/// computed too often, order of the given class violated, cost, peak or bound
/// not the true ones, unearned `optimal`), or nothing. Simulates the steps;
/// written apart from the solver. Requires status Found.
std::optional<std::string> validateRemat(const RematProblem &problem,
                                         const RematSolution &solution);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_REMAT_H
