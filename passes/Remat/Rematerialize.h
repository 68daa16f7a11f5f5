//===- Rematerialize.h - Schedules with recomputation -----------*- C++ -*-===//

#ifndef NEAP_PASSES_REMAT_REMATERIALIZE_H
#define NEAP_PASSES_REMAT_REMATERIALIZE_H

#include "passes/Analysis/Schedule.h"

namespace neap {

/// Runs the chosen forward steps again in the backward part, each at most once
/// and right before the first step that needs one of its results; their
/// operands are the kept originals or recomputed in turn. Chosen steps whose
/// original results nobody reads any more run in the backward part only.
///
///   forward:  a = f(x); b = g(a)            forward:  a = f(x); b = g(a)
///   backward: db = h(a)           {f} ->    backward: a' = f(x); db = h(a')
///
/// `recompute` has an entry per step; only recomputable forward steps may be
/// chosen.
Schedule rematerialize(const Schedule &schedule,
                       const std::vector<bool> &recompute);

/// Nested recomputation: `recompute` as above, and then, round after round, the
/// chosen `outer` forward steps once more wherever the backward part reads what
/// they make. A block whose boundary is not kept gets it from a run of the
/// blocks before it:
///
///   forward:  x1 = f(x0); x2 = f(x1)
///   backward: x1' = f(x0); [f(x1') again, its gradient]; [f(x0) again, ...]
///
/// All have an entry per step of `schedule`.
Schedule rematerializeNested(const Schedule &schedule,
                             const std::vector<bool> &recompute,
                             const std::vector<std::vector<bool>> &outer);

/// Moves backward steps that only change outside state (gradient accumulation)
/// to where their operands are complete, so that these die early. Steps with
/// effects keep their relative order, all others theirs.
Schedule hoistEffects(const Schedule &schedule);

} // namespace neap

#endif // NEAP_PASSES_REMAT_REMATERIALIZE_H
