//===- OrderBeam.h - List scheduling over several sets ----------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDERBEAM_H
#define NEAP_PASSES_SOLVERS_ORDERBEAM_H

#include "passes/Solvers/OrderSearch.h"

#include <optional>

namespace neap::order {

/// Runs (takes back) the steps left in `interval` one by one and keeps, after
/// each, the `width` sets with the lowest peak so far and, among those, the
/// fewest live bytes. Width 1 is greedy list scheduling. Nothing, if every set
/// is above the ceiling, or the node limit too low. Adds the sets visited to
/// `nodes`.
std::optional<Path> searchBeam(const OrderModel &model,
                               const Interval &interval, Direction direction,
                               int width, const PathLimits &limits,
                               int64_t &nodes);

} // namespace neap::order

#endif // NEAP_PASSES_SOLVERS_ORDERBEAM_H
