//===- ProgramPlan.h - One program, ordered and placed ----------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_PROGRAMPLAN_H
#define NEAP_PASSES_PLAN_PROGRAMPLAN_H

#include "passes/Remat/RematPlanner.h"
#include "passes/Remat/ScheduleBound.h"
#include "passes/Solvers/Allocation.h"

#include <memory>

namespace neap {

/// A schedule with its buffers and their offsets.
struct ProgramPlan {
  Schedule schedule;
  /// No order of the schedule's steps has a lower peak; 0: not known.
  int64_t orderBoundBytes = 0;
  std::vector<PlannedBlock> blocks; ///< empty without a backward part
  int64_t estimatedPeakBytes = 0;   ///< RematPlan::estimatedPeakBytes
  BufferTable table;
  /// By buffer, from the start of the slots region; -1 for program inputs.
  std::vector<int64_t> offsets;
  /// The answer for all buffers but inputs, in the table's order.
  AllocationSolution allocation;
};

/// Computes buffers and solves for offsets.
ProgramPlan placeProgram(Schedule schedule, int64_t searchNodes);

/// Finds plans of one program; keeps what it has found.
class ProgramPlanner {
public:
  /// `schedule` must outlive the planner.
  ProgramPlanner(const Schedule &schedule, int64_t searchNodes);

  const ProgramPlan &planKeepingAll();
  const ProgramPlan &planSmallest();
  /// The fastest plan found whose slots take at most `slotsBytes`; nothing if
  /// planSmallest() takes more.
  std::optional<ProgramPlan> planFastest(int64_t slotsBytes);

  /// Time of one run by the fastest plan found within `slotsBytes`, before its
  /// offsets are; nothing if none is found.
  std::optional<int64_t> findFastestNs(int64_t slotsBytes);

  bool hasBackward() const { return remat != nullptr; }
  ScheduleBound &getBound() { return bound; }
  /// RematPlanner::boundNested; 0 without a backward part.
  int64_t boundNested(int64_t bytes) {
    return remat ? remat->boundNested(bytes) : 0;
  }
  const Schedule &getSchedule() const { return schedule; }

private:
  /// With the steps in the best order found,
  /// and fetches as early as `limitBytes` and their own peak permit.
  ProgramPlan place(const Schedule &chosen, int64_t limitBytes) const;
  ProgramPlan place(RematPlan plan, int64_t limitBytes) const;

  const Schedule &schedule;
  int64_t searchNodes;
  ScheduleBound bound;
  std::unique_ptr<RematPlanner> remat; // null without a backward part
  std::optional<ProgramPlan> keepingAll, smallest;
};

} // namespace neap

#endif // NEAP_PASSES_PLAN_PROGRAMPLAN_H
