#include "passes/Build/Passes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_ATTACHLOSSPASS
#include "passes/Build/Passes.h.inc"
} // namespace neap

namespace {

/// Dropout is for training rows alone.
void removeDropout(func::FuncOp program) {
  program.walk([](train::DropoutOp op) {
    op.getY().replaceAllUsesWith(op.getX());
    op.erase();
  });
}

/// Copies @forward as NAME(ids, labels) with the loss in place of the logits.
LogicalResult buildProgram(func::FuncOp forward, StringRef name,
                           bool withGradient) {
  OpBuilder builder(forward);
  func::FuncOp program = forward.clone();
  program.setName(name);
  builder.insert(program);
  if (!withGradient)
    removeDropout(program);

  Block &block = program.getBody().front();
  auto labelsType =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  Value labels = block.addArgument(labelsType, program.getLoc());
  program.setFunctionType(
      builder.getFunctionType(block.getArgumentTypes(), {}));

  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  if (terminator.getNumOperands() != 1)
    return terminator.emitOpError() << "expected the logits alone, but found "
                                    << terminator.getNumOperands() << " values";
  auto head = terminator.getOperand(0).getDefiningOp<graph::LinearOp>();
  if (!head)
    return terminator.emitOpError("expected the logits to come from a frozen "
                                  "linear layer without an adapter");
  builder.setInsertionPoint(terminator);
  train::LinearCrossEntropyOp::create(
      builder, head.getLoc(),
      withGradient ? TypeRange(head.getX().getType()) : TypeRange(),
      head.getX(), head.getWeight(), labels, head.getBias());
  terminator->setOperands({});
  if (head->use_empty())
    head.erase();
  return success();
}

struct AttachLoss : neap::impl::AttachLossPassBase<AttachLoss> {
  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>(kForwardName);
    if (!forward || !forward.getBody().hasOneBlock()) {
      getOperation().emitError()
          << "expected a function '" << kForwardName << "' of one block";
      return signalPassFailure();
    }
    if (failed(buildProgram(forward, kTrainRowName, /*withGradient=*/true)) ||
        failed(buildProgram(forward, kEvalRowName, /*withGradient=*/false)))
      return signalPassFailure();
    forward.erase();
  }
};

} // namespace
