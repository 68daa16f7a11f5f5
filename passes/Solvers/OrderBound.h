//===- OrderBound.h - Sets of steps with the fewest live bytes --*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDERBOUND_H
#define NEAP_PASSES_SOLVERS_ORDERBOUND_H

#include "passes/Solvers/OrderModel.h"

#include <cstdint>
#include <vector>

namespace neap::order {

/// Where a step stands in a question to findLowestSet.
enum class Role : uint8_t { Outside, Base, Free };

/// Bytes saved if every reader of `group` but `exceptStep` is in the set.
struct Saving {
  int64_t bytes = 0;
  int group = -1;
  int exceptStep = -1;
};

struct LowestSet {
  /// By step.
  std::vector<uint8_t> contains;
  /// Less the savings.
  int64_t liveBytes = 0;
};

/// Of all sets that hold the Base steps, no Outside step, and the predecessors
/// of their members: the smallest one with the fewest live bytes, as one
/// minimum cut. Base alone, and Base with all Free steps, must be such sets.
LowestSet findLowestSet(const OrderModel &model, const std::vector<Role> &roles,
                        const std::vector<Saving> &savings = {});

/// Fewest bytes in `step` in any order.
int64_t stepLowerBound(const OrderModel &model, int step);

} // namespace neap::order

#endif // NEAP_PASSES_SOLVERS_ORDERBOUND_H
