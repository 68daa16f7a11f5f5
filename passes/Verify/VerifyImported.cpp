#include "passes/Verify/Passes.h"

#include "dialects/Graph/GraphDialect.h"
#include "dialects/Graph/ModulePath.h"
#include "dialects/Plan/PlanDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_VERIFYIMPORTEDPASS
#include "passes/Verify/Passes.h.inc"
} // namespace neap

static LogicalResult verifyModule(ModuleOp module) {
  auto tokens = module->getAttrOfType<IntegerAttr>(plan::kMaxTokensAttr);
  if (!tokens || tokens.getInt() < 1)
    return module.emitError() << "expected attribute '" << plan::kMaxTokensAttr
                              << "' to be a positive integer";
  for (Operation &op : *module.getBody())
    if (!isa<func::FuncOp, graph::WeightDeclOp>(op))
      return op.emitOpError("is not part of an imported model");
  auto functions = module.getOps<func::FuncOp>();
  if (!llvm::hasSingleElement(functions) ||
      (*functions.begin()).getName() != "forward")
    return module.emitError("expected one function 'forward'");
  return success();
}

static LogicalResult verifyForward(func::FuncOp forward) {
  Builder builder(forward.getContext());
  auto ids =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  if (forward.getArgumentTypes() != ArrayRef<Type>(ids) ||
      forward.getNumResults() != 1)
    return forward.emitOpError(
        "expected one argument of type tensor<?xi32> and one result");
  for (Operation &op : forward.getBody().front().without_terminator()) {
    if (!isa_and_nonnull<graph::GraphDialect>(op.getDialect()) ||
        !isMemoryEffectFree(&op))
      return op.emitOpError("is not a pure operation of the graph dialect");
    if (!isa<graph::WeightOp>(op) && getNodeName(op.getLoc()).empty())
      return op.emitOpError("expected a location that names its ONNX node");
  }
  return success();
}

namespace {
struct VerifyImported : neap::impl::VerifyImportedPassBase<VerifyImported> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verifyModule(getOperation())) ||
        failed(verifyForward(*getOperation().getOps<func::FuncOp>().begin())))
      signalPassFailure();
  }
};
} // namespace
