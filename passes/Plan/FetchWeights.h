//===- FetchWeights.h - Streams frozen weights ------------------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_FETCHWEIGHTS_H
#define NEAP_PASSES_PLAN_FETCHWEIGHTS_H

#include "mlir/IR/BuiltinOps.h"

namespace neap {

/// Puts a plan.fetch before every use of a weight of at least `minBytes`: each
/// operation then reads its own copy, which dies with it. Planning moves the
/// fetches up.
void fetchWeights(mlir::ModuleOp module, int64_t minBytes);

} // namespace neap

#endif // NEAP_PASSES_PLAN_FETCHWEIGHTS_H
