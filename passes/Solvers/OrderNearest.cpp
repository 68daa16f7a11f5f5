//===- OrderNearest.cpp - Towards the given order -------------------------===//

#include "passes/Solvers/OrderNearest.h"

#include <algorithm>

namespace neap::order {
namespace {

/// Whether `second`, then `first`, can run from `state` within the peak. Only
/// these two steps change: what is alive around them depends on sets alone.
bool canExchange(const OrderModel &model, OrderState &state, int first,
                 int second, int64_t peakBytes) {
  const std::vector<int> &successors = model.steps[first].successors;
  if (std::binary_search(successors.begin(), successors.end(), second) ||
      state.runEffect(second).during > peakBytes)
    return false;
  state.run(second);
  bool fits = state.runEffect(first).during <= peakBytes;
  state.undo(second);
  return fits;
}

} // namespace

void approachGivenOrder(const OrderModel &model, int64_t peakBytes,
                        std::vector<int> &order) {
  constexpr int64_t maxLooks = int64_t(1) << 22;
  bool changed = order.size() > 1;
  for (int64_t looks = 0; changed && looks < maxLooks;) {
    changed = false;
    OrderState state(model);
    for (size_t i = 0; i + 1 < order.size(); ++i) {
      if (order[i] > order[i + 1] &&
          canExchange(model, state, order[i], order[i + 1], peakBytes)) {
        std::swap(order[i], order[i + 1]);
        changed = true;
      }
      state.run(order[i]);
    }
    looks += model.size();
  }
}

} // namespace neap::order
