//===- Chain.cpp - Dynamic programming over ranges of segments ------------===//

#include "passes/Solvers/Chain.h"

#include <algorithm>
#include <limits>
#include <map>

namespace neap {
namespace {

constexpr int64_t finestUnits = 256, coarsestUnits = 16;

/// Alternatives weighed in all, at most about so many.
constexpr int64_t maxWork = 60'000'000;

constexpr int64_t infinite = std::numeric_limits<int64_t>::max() / 4;

} // namespace

int ChainPiece::depth() const {
  if (option >= 0)
    return 0;
  int deepest = 0;
  for (const ChainPiece &piece : inside)
    deepest = std::max(deepest, piece.depth());
  return deepest + 1;
}

ChainSolver::ChainSolver(const ChainProblem &problem, int64_t maxBytes,
                         Rounding rounding)
    : problem(problem), rounding(rounding), topRows(problem.size()) {
  numberRows();
  chooseUnit(maxBytes);
  int count = problem.size();
  for (int length = 1; length <= count; ++length)
    for (int begin = 0; begin + length <= count; ++begin)
      if (Row &row = rows[rowOf[begin][length]]; row.empty())
        row = computeRow({begin, begin + length, true});
  for (int begin = count; begin-- > 0;)
    topRows[begin] = computeRow({begin, count, false});
}

void ChainSolver::chooseUnit(int64_t maxBytes) {
  int count = problem.size();
  int64_t alternatives = 1;
  for (const std::vector<ChainOption> &options : problem.options)
    alternatives = std::max<int64_t>(alternatives, options.size());
  int64_t work =
      (alternatives + count / 2) * static_cast<int64_t>(rows.size() + count);
  units = std::clamp(maxWork / std::max<int64_t>(work, 1), coarsestUnits,
                     finestUnits);
  unit = std::max<int64_t>((maxBytes + units - 1) / units, 1);
  // What stretches keep is mostly of one size: no rounding where it matters.
  int64_t common = count > 0 ? problem.runs.front().front().keptBytes : 0;
  if (common > unit)
    unit = (common + common / unit - 1) / (common / unit);
  units = maxBytes / unit;
}

/// Ranges of equal types share a row.
void ChainSolver::numberRows() {
  int count = problem.size();
  rowOf.assign(count + 1, {});
  std::map<std::pair<int, int>, int> numbers; // (type, row of the rest)
  for (int begin = count; begin >= 0; --begin) {
    rowOf[begin].push_back(0); // of no segments
    for (int end = begin + 1; end <= count; ++end)
      rowOf[begin].push_back(
          numbers
              .try_emplace(
                  {problem.types[begin], rowOf[begin + 1][end - begin - 1]},
                  static_cast<int>(numbers.size()) + 1)
              .first->second);
  }
  rows.resize(numbers.size() + 1);
}

int64_t ChainSolver::costOf(const ChainOption &option, const Range &range,
                            int64_t units) const {
  int next = range.begin + option.length;
  if (next > range.end || toUnits(option.peakBytes) > units)
    return infinite;
  // At the end nothing follows that would need memory.
  if (next == range.end)
    return option.extraNs + (range.again ? option.lastRunNs : 0);
  int64_t kept = toUnits(option.keptBytes);
  if (kept > units)
    return infinite;
  int64_t run =
      range.again ? problem.runs[range.begin][option.length - 1].ns : 0;
  return option.extraNs + run +
         getRow({next, range.end, range.again})[units - kept];
}

int64_t ChainSolver::costOfStretch(int split, const Range &range,
                                   int64_t units) const {
  const ChainRun &run = problem.runs[range.begin][split - range.begin - 1];
  int64_t kept = toUnits(run.keptBytes);
  if (kept > units)
    return infinite;
  return (range.again ? run.ns : 0) +
         getRow({split, range.end, range.again})[units - kept] +
         getRow({range.begin, split, true})[units];
}

ChainSolver::Row ChainSolver::computeRow(const Range &range) const {
  Row row;
  for (int64_t m = 0; m <= units; ++m) {
    int64_t best = infinite;
    for (const ChainOption &option : problem.options[range.begin])
      best = std::min(best, costOf(option, range, m));
    for (int split = range.begin + 1; split < range.end; ++split)
      best = std::min(best, costOfStretch(split, range, m));
    row.push_back(best);
  }
  return row;
}

std::optional<ChainSolution> ChainSolver::solve(int64_t limitBytes) const {
  int64_t limit = std::min(limitBytes / unit, units);
  if (problem.size() == 0 || limit < 0 || topRows[0][limit] >= infinite)
    return std::nullopt;
  ChainSolution solution;
  solution.extraNs = topRows[0][limit];
  trace({0, problem.size(), false}, limit, solution.pieces);
  return solution;
}

std::optional<int64_t> ChainSolver::getSmallestLimit(int64_t maxExtraNs) const {
  for (int64_t m = 0; problem.size() > 0 && m <= units; ++m)
    if (topRows[0][m] < infinite && topRows[0][m] <= maxExtraNs)
      return m * unit;
  return std::nullopt;
}

/// Takes the alternatives whose costs the row has added up.
void ChainSolver::trace(Range range, int64_t units,
                        std::vector<ChainPiece> &pieces) const {
  while (range.begin < range.end) {
    int64_t cost = getRow(range)[units];
    const std::vector<ChainOption> &options = problem.options[range.begin];
    auto option = std::find_if(options.begin(), options.end(),
                               [&](const ChainOption &option) {
                                 return costOf(option, range, units) == cost;
                               });
    ChainPiece piece;
    piece.begin = range.begin;
    if (option != options.end()) {
      piece.option = static_cast<int>(option - options.begin());
      piece.end = range.begin + option->length;
      if (piece.end < range.end)
        units -= toUnits(option->keptBytes);
    } else {
      piece.end = range.begin + 1;
      while (costOfStretch(piece.end, range, units) != cost)
        ++piece.end;
      trace({range.begin, piece.end, true}, units, piece.inside);
      units -= toUnits(
          problem.runs[range.begin][piece.end - range.begin - 1].keptBytes);
    }
    range.begin = piece.end;
    pieces.push_back(std::move(piece));
  }
}

} // namespace neap
