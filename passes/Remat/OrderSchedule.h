//===- OrderSchedule.h - The order with the lowest peak ---------*- C++ -*-===//

#ifndef NEAP_PASSES_REMAT_ORDERSCHEDULE_H
#define NEAP_PASSES_REMAT_ORDERSCHEDULE_H

#include "passes/Analysis/Schedule.h"

namespace neap {

struct OrderedSchedule {
  Schedule schedule;
  /// No order of the same steps has a lower peak that keeps forward steps
  /// before the loss, backward steps after it, and the order of effects.
  int64_t lowerBoundBytes = 0;
};

/// The steps of `schedule` in an order with a peak as low as `searchNodes` sets
/// of steps show it (docs/order.md): never above the given one, and the given
/// one where it is as good. Forward steps stay before the loss (the last of
/// them), backward steps after it, and steps with effects keep their relative
/// order.
OrderedSchedule orderSchedule(const Schedule &schedule, int64_t searchNodes);

} // namespace neap

#endif // NEAP_PASSES_REMAT_ORDERSCHEDULE_H
