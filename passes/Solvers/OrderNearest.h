//===- OrderNearest.h - Towards the given order -----------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDERNEAREST_H
#define NEAP_PASSES_SOLVERS_ORDERNEAREST_H

#include "passes/Solvers/OrderModel.h"

namespace neap::order {

/// Exchanges neighbours that are not in the given order, wherever that keeps
/// every step within `peakBytes`, until no exchange is left (or, beyond some
/// thousand steps, for a fixed number of passes).
void approachGivenOrder(const OrderModel &model, int64_t peakBytes,
                        std::vector<int> &order);

} // namespace neap::order

#endif // NEAP_PASSES_SOLVERS_ORDERNEAREST_H
