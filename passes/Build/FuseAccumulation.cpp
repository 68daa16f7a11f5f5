#include "passes/Build/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Dominance.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_FUSEACCUMULATIONPASS
#include "passes/Build/Passes.h.inc"
} // namespace neap

namespace {

/// The op behind `term`, if it can take the rest of the sum as initial value.
Operation *getAccumulating(Value term) {
  auto op = term.getDefiningOp<AccumulatingOpInterface>();
  if (!op || op.getAccumulator() || !term.hasOneUse())
    return nullptr;
  return op;
}

/// add(rest, f()) -> f(init = rest), at the place of the addition.
bool fuse(graph::AddOp add) {
  for (auto [term, rest] :
       {std::pair(add.getB(), add.getA()), std::pair(add.getA(), add.getB())}) {
    Operation *op = getAccumulating(term);
    if (!op || term == rest)
      continue;
    op->moveBefore(add);
    cast<AccumulatingOpInterface>(op).setAccumulator(rest);
    add.getY().replaceAllUsesWith(term);
    add.erase();
    return true;
  }
  return false;
}

struct FuseAccumulation
    : neap::impl::FuseAccumulationPassBase<FuseAccumulation> {
  void runOnOperation() override {
    SmallVector<graph::AddOp> adds(getOperation().getOps<graph::AddOp>());
    for (graph::AddOp add : adds)
      if (fuse(add))
        ++numFused;
  }
};

} // namespace
