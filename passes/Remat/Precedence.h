//===- Precedence.h - What must run before what -----------------*- C++ -*-===//

#ifndef NEAP_PASSES_REMAT_PRECEDENCE_H
#define NEAP_PASSES_REMAT_PRECEDENCE_H

#include "passes/Analysis/Schedule.h"

#include <cstdint>
#include <vector>

namespace neap {

/// The partial order that data and effects impose on the first runs of steps,
/// and what follows from it for memory in every schedule.
class Precedence {
public:
  /// `schedule` recomputes nothing. O(steps * edges / 64).
  explicit Precedence(const Schedule &schedule);

  bool mustPrecede(int before, int after) const {
    return followers[before][after / 64] >> (after % 64) & 1;
  }

  /// Running a step again repeats its bits; only forward steps do.
  bool mayRunAgain(int step) const {
    return schedule.isForward(step) && schedule.steps[step].recomputable &&
           !schedule.steps[step].hasEffects;
  }

  /// The value whose bytes `value` is a view of, or itself.
  int getViewed(int value) const { return viewed[value]; }

  /// Steps that read a value or a view of it; views left out.
  const std::vector<int> &getReaders(int value) const { return readers[value]; }

  /// What the first run of `step` needs beyond its operands: results and
  /// scratch, every permitted overwriting assumed that no schedule rules out.
  int64_t getOwnBytes(int step) const;

  /// By value, views and inputs left out: an operand of `step`.
  std::vector<bool> findOperands(int step) const;

  /// By value, views and inputs left out: alive in the first run of `step`
  /// whatever the schedule. These are its operands, and what a step that runs
  /// once has made before for one that can only run after.
  std::vector<bool> findAlive(int step) const;

private:
  bool isInput(int value) const {
    return schedule.values[value].producer == ScheduleValue::programInput;
  }
  bool isKeptFor(int value, int step) const;

  const Schedule &schedule;
  std::vector<int> viewed;
  std::vector<std::vector<int>> readers;
  std::vector<std::vector<uint64_t>> followers;
};

} // namespace neap

#endif // NEAP_PASSES_REMAT_PRECEDENCE_H
