//===- Prefetch.h - Moves reads up ------------------------------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_PREFETCH_H
#define NEAP_PASSES_PLAN_PREFETCH_H

#include "passes/Analysis/Schedule.h"

namespace neap {

/// Begins each fetch where the result of the fetch before it is taken, so that
/// it runs beside that computation, unless more than `limitBytes` would then be
/// alive at once. All other steps keep their order. O(steps) but for fetches
/// whose results are alive for long.
Schedule prefetch(const Schedule &schedule, int64_t limitBytes);

/// Seconds that a run of the schedule takes when reads, one after the other at
/// `bytesPerSecond`, run beside the arithmetic.
struct StreamedTime {
  double seconds = 0;     ///< arithmetic and waiting
  double waitSeconds = 0; ///< of it, waiting for reads
};
StreamedTime timeStreamed(const Schedule &schedule, double bytesPerSecond);

} // namespace neap

#endif // NEAP_PASSES_PLAN_PREFETCH_H
