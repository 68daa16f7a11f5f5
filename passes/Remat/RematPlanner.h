//===- RematPlanner.h - Keep or recompute, block by block -------*- C++ -*-===//
//
// Decides; Rematerialize.h carries out. docs/planning.md gives the model: a
// choice of blocks that cover the forward part and of a variant for each, whose
// peak is estimated by prefix sums and then measured on the true schedule.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_REMAT_REMATPLANNER_H
#define NEAP_PASSES_REMAT_REMATPLANNER_H

#include "passes/Analysis/Segmentation.h"
#include "passes/Solvers/Chain.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <tuple>

namespace neap {

/// One way to run a block: which of its steps run again, and what that means.
/// Measured with every other block keeping everything.
struct BlockVariant {
  /// By position in the block: runs again right before its first use.
  std::vector<bool> recomputed;
  /// By round, innermost first, and position in the block: runs again when the
  /// backward part enters the stretch of blocks around it, for their sake.
  /// Empty: the block is one piece.
  std::vector<std::vector<bool>> outer;
  /// Of the block's own values, alive from the forward to the backward part.
  int64_t keptBytes = 0;
  int64_t extraNs = 0;
  /// Most bytes alive while the block runs forward or backward, values from
  /// before the block left out.
  int64_t peakBytes = 0;

  int countRecomputed() const;
};

/// A block of the chosen plan.
struct PlannedBlock {
  StepRange range;
  int type = 0; ///< equal numbers: equal structure (BlockTypes)
  BlockVariant variant;
};

struct RematPlan {
  std::vector<PlannedBlock> blocks; ///< in forward order
  Schedule schedule;        ///< the order to run, recomputation included
  int64_t maxLiveBytes = 0; ///< of `schedule`
  int64_t costNs = 0;       ///< of `schedule`
  /// Of the blocks' variants as measured apart; the true peak may be lower.
  int64_t estimatedPeakBytes = 0;
};

class RematPlanner {
public:
  /// No plan takes longer than so many times the one that keeps everything: the
  /// last bytes would cost many runs of everything.
  static constexpr int64_t maxTimeFactor = 2;

  /// `schedule` must outlive the planner and recompute nothing yet.
  explicit RematPlanner(const Schedule &schedule);

  /// Nothing runs twice: the fastest plan there is.
  RematPlan planKeepingAll();
  /// The lowest peak found among plans that are not too slow.
  RematPlan planSmallest();
  /// The fastest plan found whose maxLiveBytes is at most `budgetBytes`, or
  /// nothing if even planSmallest() exceeds it.
  std::optional<RematPlan> planFastest(int64_t budgetBytes);

  /// Time that every plan of this planner's class adds to the one that keeps
  /// everything, if its blocks' peaks as measured apart stay within `bytes`:
  /// every block by one of its variants, blocks' inputs kept or made again to
  /// any depth. Unlike ScheduleBound it does not speak of other plans. 0 where
  /// nesting is not considered any more.
  int64_t boundNested(int64_t bytes);

private:
  /// A block with one of its variants, as an edge between cuts.
  struct Option {
    int begin, end; ///< segments
    int type;
    const BlockVariant *variant;
  };
  using Choice = std::vector<Option>;
  void enumerateOptions();
  StepRange getRange(int begin, int end) const;
  const std::vector<BlockVariant> &getVariants(int begin, int end, int type);
  void addJoined(int begin, int end, std::vector<BlockVariant> &variants);
  void addNeighbours(StepRange range, std::vector<BlockVariant> &variants);
  void computeNeeds();

  // Stretches of blocks, in NestedChoice.cpp.
  void prepareChain();
  std::vector<ChainRun> measureRuns(int begin) const;
  std::vector<bool> chooseOuter(int begin, int end) const;
  int64_t measureLastRun(const Option &option) const;
  Option makeStretch(const ChainPiece &stretch);
  void fillRounds(const ChainPiece &piece, int offset, BlockVariant &variant);
  /// The fastest choice by the estimates, of any depth.
  std::optional<Choice> chooseNested(int64_t peakLimit);

  Choice chooseKeepingAll() const;
  /// The fastest choice by the estimates, `peakLimit` on the bytes alive and
  /// `keptLimit` on the bytes kept for the backward part.
  std::optional<Choice> chooseFastest(int64_t peakLimit,
                                      int64_t keptLimit) const;
  /// The plan of a choice with hoisted effects.
  RematPlan evaluate(const Choice &choice) const;
  /// With or without hoisted effects, whichever needs less.
  RematPlan finish(RematPlan plan) const;
  /// The blocks' choices on `order`, which is `schedule` or `hoisted`.
  Schedule apply(const std::vector<PlannedBlock> &blocks,
                 const Schedule &order) const;

  /// A choice with its measured plan, effects hoisted.
  struct Candidate {
    Choice choice;
    RematPlan plan;
  };
  Candidate makeCandidate(Choice choice) const {
    RematPlan plan = evaluate(choice);
    return {std::move(choice), std::move(plan)};
  }
  /// Too slow, bytes above the budget, time, bytes.
  using Judgement = std::tuple<bool, int64_t, int64_t, int64_t>;
  Judgement judge(const RematPlan &plan, int64_t budgetBytes) const;
  Candidate search(int64_t budgetBytes);
  void
  sweepLimits(Candidate &best, int64_t budgetBytes, int64_t low, int64_t high,
              llvm::function_ref<std::optional<Choice>(int64_t)> choose) const;
  /// Counts down `evaluations`, of which it has at most so many.
  bool improveOnce(Candidate &best, int64_t budgetBytes,
                   int64_t &evaluations) const;
  static bool mayImprove(const Candidate &best, size_t position,
                         const Option &option, int64_t budgetBytes);
  Choice replaceBlock(const Choice &choice, size_t position,
                      const Option &option) const;
  const Schedule &schedule;
  Schedule hoisted;
  Segmentation segmentation;
  BlockTypes types;
  std::map<int, std::vector<BlockVariant>> variantsOf; // by type
  std::vector<std::vector<Option>> optionsAt; // by segment they begin with
  ChainProblem chain;                         // of the same options
  std::optional<ChainSolver> nesting, nestingBound;
  int64_t nestingLimit = 0; ///< bytes above which nothing is nested
  /// By type, steps recomputed and rounds.
  std::map<std::tuple<int, std::vector<bool>, std::vector<std::vector<bool>>>,
           BlockVariant>
      stretches;
  /// By segment: smallest peak of everything from it on, beyond what is kept
  /// from before.
  std::vector<int64_t> needs;
  std::optional<RematPlan> smallest;
  int64_t neighboursLeft;
  int64_t maxCostNs;
};

} // namespace neap

#endif // NEAP_PASSES_REMAT_REMATPLANNER_H
