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

#include <optional>
#include <set>

namespace neap {

/// One way to run a block: which of its steps run again, and what that means.
/// Measured with every other block keeping everything.
struct BlockVariant {
  std::vector<bool> recomputed; ///< by position in the block
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
};

class RematPlanner {
public:
  /// `schedule` must outlive the planner and recompute nothing yet.
  explicit RematPlanner(const Schedule &schedule);

  /// Nothing runs twice: the fastest plan there is.
  RematPlan planKeepingAll();
  /// The lowest peak found.
  RematPlan planSmallest();
  /// The fastest plan found whose maxLiveBytes is at most `budgetBytes`, or
  /// nothing if even planSmallest() exceeds it.
  std::optional<RematPlan> planFastest(int64_t budgetBytes);

private:
  /// A block with one of its variants, as an edge between cuts.
  struct Option {
    int begin, end; ///< segments
    int type;
    const BlockVariant *variant;
  };
  using Choice = std::vector<Option>;
  using VariantSet = std::set<const BlockVariant *>; ///< asked, never iterated

  void enumerateOptions();
  const std::vector<BlockVariant> &getVariants(StepRange range, int type,
                                               int segments);
  void addNeighbours(StepRange range, std::vector<BlockVariant> &variants);
  void computeNeeds();
  Choice chooseKeepingAll() const;
  /// The fastest choice by the estimates, `peakLimit` on the bytes alive and
  /// `keptLimit` on the bytes kept for the backward part.
  /// With `allowed`, from these variants and "keep" alone.
  std::optional<Choice>
  chooseFastest(int64_t peakLimit, int64_t keptLimit,
                const VariantSet *allowed = nullptr) const;
  /// The plan of a choice with hoisted effects.
  RematPlan evaluate(const Choice &choice) const;
  /// With or without hoisted effects, whichever needs less.
  RematPlan finish(RematPlan plan) const;

  /// A choice with its measured plan, effects hoisted.
  struct Candidate {
    Choice choice;
    RematPlan plan;
  };
  Candidate makeCandidate(Choice choice) const {
    RematPlan plan = evaluate(choice);
    return {std::move(choice), std::move(plan)};
  }
  Candidate search(int64_t budgetBytes) const;
  /// Counts down `evaluations`, of which it has at most so many.
  bool improveOnce(Candidate &best, int64_t budgetBytes,
                   int64_t &evaluations) const;
  Choice replaceBlock(const Choice &choice, size_t position,
                      const Option &option) const;
  static std::vector<const BlockVariant *>
  listUsedVariants(const Choice &choice);
  void regularize(Candidate &best, int64_t peakLimit, int64_t costLimit) const;
  std::optional<Candidate> findUniform(int64_t peakLimit,
                                       int64_t costLimit) const;
  std::optional<Candidate> findWithVariants(const VariantSet &allowed,
                                            size_t count, int64_t peakLimit,
                                            int64_t costLimit) const;

  const Schedule &schedule;
  Schedule hoisted;
  Segmentation segmentation;
  BlockTypes types;
  std::map<int, std::vector<BlockVariant>> variantsOf; // by type
  std::vector<std::vector<Option>> optionsAt; // by segment they begin with
  /// By segment: smallest peak of everything from it on, beyond what is kept
  /// from before.
  std::vector<int64_t> needs;
  std::optional<RematPlan> smallest;
  int64_t neighboursLeft;
};

} // namespace neap

#endif // NEAP_PASSES_REMAT_REMATPLANNER_H
