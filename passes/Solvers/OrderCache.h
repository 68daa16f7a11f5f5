//===- OrderCache.h - Equal blocks are solved once --------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDERCACHE_H
#define NEAP_PASSES_SOLVERS_ORDERCACHE_H

#include "passes/Solvers/Order.h"

#include <map>
#include <vector>

namespace neap {

/// solveOrder with a memory: problems that agree in everything (blocks of one
/// type, with values and steps numbered alike) share one answer.
class OrderCache {
public:
  /// Valid as long as the cache.
  const OrderSolution &solve(const OrderProblem &problem,
                             const OrderOptions &options = {});
  size_t size() const { return solutions.size(); }

private:
  /// Keyed by the whole problem, written out as numbers.
  std::map<std::vector<int64_t>, OrderSolution> solutions;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_ORDERCACHE_H
