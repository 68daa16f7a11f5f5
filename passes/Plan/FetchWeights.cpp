//===- FetchWeights.cpp - Streams frozen weights --------------------------===//

#include "passes/Plan/FetchWeights.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Plan/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace neap {
#define GEN_PASS_DEF_FETCHWEIGHTSPASS
#include "passes/Plan/Passes.h.inc"

namespace {

bool isStreamed(Value value, int64_t minBytes) {
  auto handle = value.getDefiningOp<HandleOpInterface>();
  return handle && handle.getHandleSpace() == HandleSpace::Weights &&
         getTypeBytes(value.getType(), 0) >= minBytes;
}

struct FetchWeights : impl::FetchWeightsPassBase<FetchWeights> {
  using FetchWeightsPassBase::FetchWeightsPassBase;

  void runOnOperation() override {
    fetchWeights(getOperation(), minBytes);
    getOperation().walk([&](plan::FetchOp) { ++numFetches; });
  }
};

} // namespace

void fetchWeights(ModuleOp module, int64_t minBytes) {
  for (auto function : module.getOps<func::FuncOp>())
    for (Operation &op :
         llvm::make_early_inc_range(function.getBody().front())) {
      OpBuilder builder(&op);
      for (OpOperand &operand : op.getOpOperands()) {
        Value weight = operand.get();
        if (isa<plan::FetchOp>(op) || !isStreamed(weight, minBytes))
          continue;
        Value stored = plan::FetchOp::create(builder, op.getLoc(), weight);
        op.replaceUsesOfWith(weight, stored);
      }
    }
}

} // namespace neap
