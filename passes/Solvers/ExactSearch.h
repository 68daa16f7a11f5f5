//===- ExactSearch.h - Complete search for an allocation --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_EXACTSEARCH_H
#define NEAP_PASSES_SOLVERS_EXACTSEARCH_H

#include "passes/Solvers/FailureTable.h"
#include "passes/Solvers/SkylineState.h"

#include <functional>
#include <utility>
#include <vector>

namespace neap {

enum class SearchOutcome {
  Found,   ///< The offsets are an answer.
  Refuted, ///< There is none.
  Stopped  ///< The limit was reached first.
};

/// Decides whether buffers fit under given ceilings: depth-first search with
/// restarts over canonical allocations (docs/offset-allocation.md). Complete
/// for any alignments and fixed offsets.
class ExactSearch {
public:
  /// `shouldStop` may be empty; otherwise it is asked every 256 nodes.
  ExactSearch(const std::vector<Buffer> &buffers,
              std::function<bool()> shouldStop);

  /// Whether ExactSearch is meant for a problem of this size: its memory is
  /// the sum of all lifetimes in sections, its depth the number of buffers.
  static bool accepts(const std::vector<Buffer> &buffers);

  /// ceilings[i]: the largest offset + size of buffer i. Visits at most
  /// `nodeLimit` nodes.
  SearchOutcome run(const std::vector<int64_t> &ceilings, int64_t nodeLimit);

  /// Valid after Found.
  std::vector<int64_t> offsets() const;
  /// Nodes visited by all runs together.
  int64_t nodeCount() const { return nodes; }

private:
  using Items = std::vector<int32_t>;
  /// How one restart chooses; see docs/offset-allocation.md.
  enum class SectionRule { LeastSlackTimesChoices, LeastSlack };
  enum class BufferRule { Area, Lifetime, Size };
  struct Strategy {
    SectionRule sectionRule;
    BufferRule bufferRule;
    double noise;
  };
  /// A node's alternatives: one of `buffers` lies lowest in `section`, at its
  /// floor; or nothing lies below `raisedFloor` there.
  struct Branch {
    int32_t section;
    Items buffers;
    int64_t raisedFloor;
    bool mayRaise;
  };

  static Strategy strategyOf(int64_t round);
  SearchOutcome searchAll(Items items, int32_t depth);
  SearchOutcome searchComponent(Items &items, int32_t depth);
  SearchOutcome tryAlternatives(const Branch &branch, const Items &items,
                                int32_t depth);
  Branch chooseBranch(const Items &items);
  int32_t chooseSection(const Items &items);
  int64_t nextLevel(int32_t section, const Items &choices,
                    const Items &items) const;
  void sortChoices(Items &choices);
  FailureTable::Key keyOf(const Items &items) const;
  bool atLimit();

  SkylineState state;
  std::function<bool()> shouldStop;
  FailureTable failures;
  int64_t nodes = 0;
  int64_t roundEnd = 0;
  bool stopRequested = false;
  Strategy strategy{SectionRule::LeastSlack, BufferRule::Area, 0};
  uint64_t randomState = 0;
  /// Scratch of chooseSection.
  std::vector<int32_t> choiceSteps;
  std::vector<uint8_t> inValley;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_EXACTSEARCH_H
