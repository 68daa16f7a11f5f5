//===- Chain.h - Nested recomputation along a chain of blocks ---*- C++ -*-===//
//
// A chain of segments runs forward, then backward in reverse order. Each
// segment is run by one of its options, or lies in a *stretch* that keeps only
// what leaves it: when the backward part reaches the stretch, the stretch runs
// forward once more and is then treated like a chain of its own, with all the
// memory that later segments have left. The best mixture, of any depth, under
// a limit on the bytes alive is found by dynamic programming over
// (first segment, last segment, memory), in the way of Beaumont, Herrmann,
// Pallez and Shilova (Rotor, ACM TOMS 2024), for options per segment and
// without assuming equal ones.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_CHAIN_H
#define NEAP_PASSES_SOLVERS_CHAIN_H

#include <cstdint>
#include <optional>
#include <vector>

namespace neap {

/// One way to run `length` segments from the one that it belongs to.
struct ChainOption {
  int length = 1;
  /// Alive from the segments' forward to their backward part.
  int64_t keptBytes = 0;
  /// Beyond one forward and one backward run.
  int64_t extraNs = 0;
  /// Of the forward run at the end of a stretch, where it makes nothing but
  /// what the option keeps.
  int64_t lastRunNs = 0;
  /// Most bytes alive while the segments run, what earlier ones keep left out.
  int64_t peakBytes = 0;
};

/// What it takes to run segments forward and keep only what leaves them.
struct ChainRun {
  int64_t keptBytes = 0, ns = 0;
};

struct ChainProblem {
  /// By segment.
  std::vector<std::vector<ChainOption>> options;
  /// By segment: equal numbers mean that options and runs of any ranges made
  /// of segments with equal numbers in equal order are equal.
  std::vector<int> types;
  /// runs[a][n - 1]: of the segments [a, a + n).
  std::vector<std::vector<ChainRun>> runs;

  int size() const { return static_cast<int>(options.size()); }
};

/// A piece of a chain, by segments [begin, end).
struct ChainPiece {
  int begin = 0, end = 0;
  /// Index into the options of `begin`; -1 for a stretch.
  int option = -1;
  /// Of a stretch: how it runs once the backward part has reached it.
  std::vector<ChainPiece> inside;

  /// Runs of the stretch before its segments' own: 0 for an option.
  int depth() const;
};

struct ChainSolution {
  std::vector<ChainPiece> pieces; ///< cover the chain in order
  int64_t extraNs = 0;
};

class ChainSolver {
public:
  /// How sizes become multiples of the unit: Up for plans that fit, Down for
  /// a bound on the time of all of them.
  enum class Rounding { Up, Down };

  /// Prepares for limits of up to `maxBytes`; `problem` must outlive this. The
  /// unit is about maxBytes / 256 or, so that the work is bounded, more for
  /// long chains without repetition; it divides what the first run keeps.
  ChainSolver(const ChainProblem &problem, int64_t maxBytes,
              Rounding rounding = Rounding::Up);

  /// The fastest way with at most `limitBytes` alive, in units; nothing if
  /// there is none.
  std::optional<ChainSolution> solve(int64_t limitBytes) const;
  /// The lowest limit, a multiple of the unit, with a solution of at most
  /// `maxExtraNs`; nothing if maxBytes is too low for any.
  std::optional<int64_t> getSmallestLimit(int64_t maxExtraNs) const;

private:
  /// Time by units of memory.
  using Row = std::vector<int64_t>;
  /// Segments [begin, end) as a stretch that runs forward again, or as the end
  /// of the whole chain, whose forward run costs nothing extra.
  struct Range {
    int begin, end;
    bool again;
  };
  const Row &getRow(const Range &range) const {
    return range.again ? rows[rowOf[range.begin][range.end - range.begin]]
                       : topRows[range.begin];
  }
  void numberRows();
  Row computeRow(const Range &range) const;
  void chooseUnit(int64_t maxBytes);
  int64_t toUnits(int64_t bytes) const {
    return (rounding == Rounding::Up ? bytes + unit - 1 : bytes) / unit;
  }
  /// Time of the range if it begins with the option, or with a stretch of the
  /// segments before `split`.
  int64_t costOf(const ChainOption &option, const Range &range,
                 int64_t units) const;
  int64_t costOfStretch(int split, const Range &range, int64_t units) const;
  void trace(Range range, int64_t units, std::vector<ChainPiece> &pieces) const;

  const ChainProblem &problem;
  Rounding rounding;
  int64_t unit = 1, units = 0;
  std::vector<std::vector<int>> rowOf; // by begin and length
  std::vector<Row> rows, topRows;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_CHAIN_H
