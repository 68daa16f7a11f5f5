// Reverse-mode rules of the graph dialect; the formulas are in GraphOps.td.
#include "dialects/Graph/GraphDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace neap::graph;

using Gradients = MutableArrayRef<Value>;
using Needed = ArrayRef<bool>;

//===----------------------------------------------------------------------===//
// Sources: integers and frozen tables, nothing flows back.
//===----------------------------------------------------------------------===//

#define NEAP_NO_GRADIENT(OP)                                                   \
  bool OP::isOperandDifferentiable(unsigned) { return false; }                 \
  LogicalResult OP::buildAdjoint(OpBuilder &, ValueRange, Needed, Gradients) { \
    return success();                                                          \
  }
NEAP_NO_GRADIENT(EmbeddingOp)
NEAP_NO_GRADIENT(PositionEmbeddingOp)
NEAP_NO_GRADIENT(RopeTableOp)
#undef NEAP_NO_GRADIENT

//===----------------------------------------------------------------------===//
// Linear layers and normalisations
//===----------------------------------------------------------------------===//

bool LinearOp::isOperandDifferentiable(unsigned index) { return index == 0; }
LogicalResult LinearOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                     Needed, Gradients dOperands) {
  dOperands[0] =
      LinearBackwardOp::create(builder, getLoc(), getX().getType(), dResults[0],
                               getWeight(), /*init=*/Value());
  return success();
}

bool RmsNormOp::isOperandDifferentiable(unsigned index) { return index == 0; }
LogicalResult RmsNormOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                      Needed, Gradients dOperands) {
  dOperands[0] = RmsNormBackwardOp::create(builder, getLoc(), getX().getType(),
                                           dResults[0], getX(), getWeight(),
                                           /*init=*/Value(), getEpsilonAttr());
  return success();
}

bool LayerNormOp::isOperandDifferentiable(unsigned index) { return index == 0; }
LogicalResult LayerNormOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                        Needed, Gradients dOperands) {
  dOperands[0] = LayerNormBackwardOp::create(
      builder, getLoc(), getX().getType(), dResults[0], getX(), getWeight(),
      /*init=*/Value(), getEpsilonAttr());
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

bool RopeOp::isOperandDifferentiable(unsigned index) { return index == 0; }
LogicalResult RopeOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                   Needed, Gradients dOperands) {
  dOperands[0] = RopeOp::create(builder, getLoc(), getX().getType(),
                                dResults[0], getTable(), getHeads(),
                                getHeadDim(), getInterleaved(), !getInverse());
  return success();
}

bool AttentionOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult AttentionOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                        Needed needed, Gradients dOperands) {
  if (dResults[1])
    return emitOpError("has no adjoint for a gradient of its logsumexp");
  auto backward = AttentionBackwardOp::create(
      builder, getLoc(),
      TypeRange{getQ().getType(), getK().getType(), getV().getType()},
      ValueRange{getQ(), getK(), getV(), getO(), getLse(), dResults[0]},
      (*this)->getAttrs());
  for (unsigned i = 0; i < 3; ++i)
    if (needed[i])
      dOperands[i] = backward.getResult(i);
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

bool ActivationOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult ActivationOp::buildAdjoint(OpBuilder &builder,
                                         ValueRange dResults, Needed,
                                         Gradients dOperands) {
  dOperands[0] = ActivationBackwardOp::create(builder, getLoc(), dResults[0],
                                              getX(), getKindAttr());
  return success();
}

bool GluOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult GluOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                  Needed needed, Gradients dOperands) {
  auto backward = GluBackwardOp::create(
      builder, getLoc(), TypeRange{getGate().getType(), getUp().getType()},
      dResults[0], getGate(), getUp(), getKindAttr());
  if (needed[0])
    dOperands[0] = backward.getDGate();
  if (needed[1])
    dOperands[1] = backward.getDUp();
  return success();
}

bool AddOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult AddOp::buildAdjoint(OpBuilder &, ValueRange dResults,
                                  Needed needed, Gradients dOperands) {
  for (unsigned i = 0; i < 2; ++i)
    if (needed[i])
      dOperands[i] = dResults[0];
  return success();
}

bool MulOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult MulOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                  Needed needed, Gradients dOperands) {
  for (unsigned i = 0; i < 2; ++i)
    if (needed[i])
      dOperands[i] =
          MulOp::create(builder, getLoc(), dResults[0], getOperand(1 - i));
  return success();
}

bool ScaleOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult ScaleOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                    Needed, Gradients dOperands) {
  dOperands[0] =
      ScaleOp::create(builder, getLoc(), dResults[0], getFactorAttr());
  return success();
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

bool SliceColumnsOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult SliceColumnsOp::buildAdjoint(OpBuilder &builder,
                                           ValueRange dResults, Needed,
                                           Gradients dOperands) {
  dOperands[0] = PadColumnsOp::create(builder, getLoc(), getX().getType(),
                                      dResults[0], getOffsetAttr());
  return success();
}

bool ConcatColumnsOp::isOperandDifferentiable(unsigned) { return true; }
LogicalResult ConcatColumnsOp::buildAdjoint(OpBuilder &builder,
                                            ValueRange dResults, Needed needed,
                                            Gradients dOperands) {
  int64_t offset = 0;
  for (auto [index, x] : llvm::enumerate(getXs())) {
    if (needed[index])
      dOperands[index] =
          SliceColumnsOp::create(builder, getLoc(), x.getType(), dResults[0],
                                 builder.getI64IntegerAttr(offset));
    offset += getColumns(x);
  }
  return success();
}
