// Reverse-mode rules, costs and buffer rules of the train dialect.
#include "dialects/Train/TrainDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace neap::train;
using neap::graph::getColumns;

using Gradients = MutableArrayRef<Value>;
using Needed = ArrayRef<bool>;

/// gradient(factor) += scale * h^T x, if `factor` is a parameter's value.
static LogicalResult accumulate(OpBuilder &builder, Operation *op, Value factor,
                                Value h, Value x, FloatAttr scale) {
  auto value = factor.getDefiningOp<neap::TrainableHandleOpInterface>();
  if (!value)
    return op->emitOpError(
        "expected its factor to come from a trainable handle");
  Value gradient = GradientOp::create(builder, op->getLoc(), factor.getType(),
                                      value.getParameterSymbol());
  AccumulateOuterOp::create(builder, op->getLoc(), h, x, gradient, scale);
  return success();
}

bool LoraDownOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult LoraDownOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                       Needed needed, Gradients dOperands) {
  if (needed[0])
    dOperands[0] =
        LoraUpOp::create(builder, getLoc(), getX().getType(), dResults[0],
                         getFactor(), /*base=*/Value(), getScaleAttr());
  return needed[1] ? accumulate(builder, *this, getFactor(), dResults[0],
                                getX(), getScaleAttr())
                   : success();
}

bool LoraUpOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult LoraUpOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                     Needed needed, Gradients dOperands) {
  if (needed[0])
    dOperands[0] = LoraDownOp::create(builder, getLoc(), getH().getType(),
                                      dResults[0], getFactor(), getScaleAttr());
  if (getBase() && needed[2])
    dOperands[2] = dResults[0];
  return needed[1] ? accumulate(builder, *this, getFactor(), getH(),
                                dResults[0], getScaleAttr())
                   : success();
}

bool DropoutOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult DropoutOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                      Needed, Gradients dOperands) {
  dOperands[0] = DropoutOp::create(builder, getLoc(), dResults[0],
                                   getProbabilityAttr(), getStreamAttr());
  return success();
}

bool LinearCrossEntropyOp::isOperandDifferentiable(unsigned index) {
  return index == 0;
}
bool LinearCrossEntropyOp::isLoss() { return true; }
LogicalResult LinearCrossEntropyOp::buildAdjoint(OpBuilder &, ValueRange,
                                                 Needed, Gradients dOperands) {
  dOperands[0] = getDX();
  return success();
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

double LoraDownOp::getFlops(int64_t tokens) {
  return 2.0 * double(tokens) * double(getColumns(getX())) *
         double(getColumns(getH()));
}
double LoraUpOp::getFlops(int64_t tokens) {
  return 2.0 * double(tokens) * double(getColumns(getY())) *
         double(getColumns(getH()));
}
double DropoutOp::getFlops(int64_t tokens) {
  return 10.0 * double(tokens) * double(getColumns(getX()));
}
double AccumulateOuterOp::getFlops(int64_t tokens) {
  return 2.0 * double(tokens) * double(getColumns(getX())) *
         double(getColumns(getH()));
}
bool AccumulateOuterOp::isRecomputable() { return false; }

// Logits once, their gradient's product once: two products with the weight.
double LinearCrossEntropyOp::getFlops(int64_t tokens) {
  auto weight = cast<neap::graph::WeightType>(getWeight().getType());
  double products = getDX() ? 2 : 1;
  return 2.0 * products * double(tokens) * double(weight.getShape()[0]) *
         double(weight.getShape()[1]);
}
bool LinearCrossEntropyOp::isRecomputable() { return false; }

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

std::optional<unsigned> LoraUpOp::getInPlaceOperand(unsigned) {
  if (!getBase())
    return std::nullopt;
  return 2;
}
Value LoraUpOp::getAccumulator() { return getBase(); }
void LoraUpOp::setAccumulator(Value init) { getBaseMutable().assign(init); }

std::optional<unsigned> DropoutOp::getInPlaceOperand(unsigned) { return 0; }
