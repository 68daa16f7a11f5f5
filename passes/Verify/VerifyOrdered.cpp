//===- VerifyOrdered.cpp - Input form of planning -------------------------===//

#include "passes/Verify/VerifyOrdered.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Plan/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace neap {
#define GEN_PASS_DEF_VERIFYORDEREDPASS
#include "passes/Plan/Passes.h.inc"

namespace {

/// A handle, or a tensor whose size only the token count decides.
bool hasPlannableType(Type type) {
  if (isHandleType(type))
    return true;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.getElementType().isIntOrFloat())
    return false;
  ArrayRef<int64_t> shape = tensor.getShape();
  return shape.empty() || !llvm::any_of(shape.drop_front(), [](int64_t size) {
           return ShapedType::isDynamic(size);
         });
}

LogicalResult verifyTypes(Operation &op) {
  for (auto [kind, types] :
       {std::pair<StringRef, TypeRange>("operand", op.getOperandTypes()),
        std::pair<StringRef, TypeRange>("result", op.getResultTypes())})
    for (auto [index, type] : llvm::enumerate(types))
      if (!hasPlannableType(type))
        return op.emitOpError()
               << "expected " << kind << " #" << index
               << " to be a handle or a ranked tensor with no dynamic "
                  "dimension but the first, but found "
               << type;
  return success();
}

LogicalResult verifyOperation(Operation &op) {
  if (isa_and_nonnull<plan::PlanDialect>(op.getDialect()) &&
      !isa<plan::FetchOp>(op))
    return op.emitOpError("is planned already");
  if (op.getNumRegions() != 0)
    return op.emitOpError() << "expected no regions in ordered form, but found "
                            << op.getNumRegions();
  if (!isa<MemoryEffectOpInterface>(op))
    return op.emitOpError("expected its memory effects to be known");
  return verifyTypes(op);
}

LogicalResult verifyFunction(func::FuncOp function) {
  if (function.isExternal())
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitOpError() << "expected one block, but found "
                                  << llvm::range_size(function.getBody());
  if (function.getNumResults() != 0)
    return function.emitOpError()
           << "expected no results, but found " << function.getNumResults();
  Operation *loss = nullptr;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (failed(verifyOperation(op)))
      return failure();
    auto rule = dyn_cast<DifferentiableOpInterface>(op);
    if (!rule || !rule.isLoss())
      continue;
    if (loss) {
      InFlightDiagnostic error = op.emitOpError("is a second loss");
      error.attachNote(loss->getLoc()) << "the first loss is here";
      return error;
    }
    loss = &op;
  }
  return success();
}

struct VerifyOrdered : impl::VerifyOrderedPassBase<VerifyOrdered> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verifyOrdered(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult verifyOrdered(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(verifyFunction(function)))
      return failure();
  return success();
}

} // namespace neap
