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
  if (!tokens || !tokens.getType().isSignlessInteger(64) || tokens.getInt() < 1)
    return module.emitError() << "expected attribute '" << plan::kMaxTokensAttr
                              << "' to be a positive i64";
  for (Operation &op : *module.getBody())
    if (!isa<func::FuncOp, graph::WeightDeclOp>(op))
      return op.emitOpError("is not part of an imported model");
  auto functions = module.getOps<func::FuncOp>();
  if (!llvm::hasSingleElement(functions) ||
      (*functions.begin()).getName() != "forward")
    return module.emitError("expected one function 'forward'");
  return success();
}

static bool isActivation(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0) &&
         !tensor.isDynamicDim(1) && tensor.getElementType().isF32();
}

static LogicalResult verifyForward(func::FuncOp forward) {
  Builder builder(forward.getContext());
  auto ids =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  if (forward.getArgumentTypes() != ArrayRef<Type>(ids) ||
      forward.getNumResults() != 1 ||
      !isActivation(forward.getResultTypes()[0]))
    return forward.emitOpError("expected type (tensor<?xi32>) -> "
                               "tensor<?xVxf32>, but found ")
           << forward.getFunctionType();
  if (!forward.getBody().hasOneBlock())
    return forward.emitOpError() << "expected one block, but found "
                                 << llvm::range_size(forward.getBody());
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
