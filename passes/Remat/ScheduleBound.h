//===- ScheduleBound.h - What no schedule can beat -----------------*- C++
//-*-===//
//
// Lower bounds on the time and the peak of a program. They hold for every order
// of its steps that keeps the order of effects and for any number of
// recomputations of forward steps, at the costs that the steps state;
// docs/planning.md ("Bounds") derives them.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_REMAT_SCHEDULEBOUND_H
#define NEAP_PASSES_REMAT_SCHEDULEBOUND_H

#include "passes/Remat/Precedence.h"

#include <vector>

namespace neap {

/// A lower bound on the time that a step spends on running operations again.
struct TimeBound {
  /// No schedule fits; small enough for other times to be added.
  static constexpr int64_t noSchedule = INT64_MAX / 2;

  int64_t extraNs = 0;
  /// What one more MiB of budget takes off the bound; 0 where the budget does
  /// not bind.
  int64_t nsPerMiB = 0;
};

/// Bounds of one program, which recomputes nothing yet and outlives this.
class ScheduleBound {
public:
  explicit ScheduleBound(const Schedule &schedule);

  /// Every schedule with at most `budgetBytes` alive at any time spends at
  /// least so much on running forward steps again; `noSchedule` if none keeps
  /// within them. Some ten minimum cuts; what they find is kept for other
  /// budgets.
  TimeBound boundTime(int64_t budgetBytes);

  /// No schedule has a smaller peak.
  int64_t getPeakBound() const { return peakBound; }

private:
  /// Sums of bytes times nanoseconds.
  using Wide = __int128;
  /// What keeping bytes costs: nanoseconds per so many bytes, exactly.
  struct Price {
    int64_t ns, bytes;
    /// What runs again costs its time, too; otherwise nothing.
    bool countsTime = true;
  };
  /// What is alive beyond the candidate's demand, and the time of what runs
  /// again: a minimum for some price.
  struct Choice {
    int64_t keptBytes = 0, extraNs = 0;
    /// At that price, rounded down value by value: no choice costs less.
    Wide costNs = 0;
  };
  /// A step whose first run every schedule passes through.
  struct Candidate {
    int step;
    int64_t demandBytes; ///< alive in it in every schedule
    std::vector<Choice> choices;
  };
  class TimeCut;
  struct Meeting;

  void raise(Candidate &candidate, int64_t budgetBytes, TimeBound &best);
  Choice cut(const Candidate &candidate, Price price) const;
  static Meeting findMeeting(const std::vector<Choice> &choices,
                             int64_t slackBytes);

  const Schedule &schedule;
  Precedence precedence;
  std::vector<Candidate> candidates;
  int64_t peakBound = 0;
  /// Of all values and all steps.
  Wide totalBytes = 0, totalNs = 0;
};

} // namespace neap

#endif // NEAP_PASSES_REMAT_SCHEDULEBOUND_H
