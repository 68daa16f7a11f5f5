// Costs and buffer rules of the graph dialect.
#include "dialects/Graph/GraphDialect.h"

using namespace mlir;
using namespace neap::graph;

//===----------------------------------------------------------------------===//
// Floating point operations
//===----------------------------------------------------------------------===//

static double elements(Value activation, int64_t tokens) {
  return double(tokens) * double(getColumns(activation));
}

// Weights of elementwise work, in operations per element: an exponential costs
// about ten multiply-adds in the vector code.
static constexpr double kCopy = 1, kSimple = 2, kNorm = 6, kTranscendental = 24;

#define NEAP_ELEMENTWISE_COST(OP, VALUE, PER_ELEMENT)                          \
  double OP::getFlops(int64_t tokens) {                                        \
    return PER_ELEMENT * elements(VALUE, tokens);                              \
  }
NEAP_ELEMENTWISE_COST(EmbeddingOp, getY(), kCopy)
NEAP_ELEMENTWISE_COST(PositionEmbeddingOp, getY(), kCopy)
NEAP_ELEMENTWISE_COST(RopeTableOp, getY(), kTranscendental)
NEAP_ELEMENTWISE_COST(RmsNormOp, getX(), kNorm)
NEAP_ELEMENTWISE_COST(RmsNormBackwardOp, getX(), 2 * kNorm)
NEAP_ELEMENTWISE_COST(LayerNormOp, getX(), kNorm)
NEAP_ELEMENTWISE_COST(LayerNormBackwardOp, getX(), 2 * kNorm)
NEAP_ELEMENTWISE_COST(RopeOp, getX(), 2 * kSimple)
NEAP_ELEMENTWISE_COST(ActivationOp, getX(), kTranscendental)
NEAP_ELEMENTWISE_COST(ActivationBackwardOp, getX(), kTranscendental)
NEAP_ELEMENTWISE_COST(GluOp, getGate(), kTranscendental)
NEAP_ELEMENTWISE_COST(GluBackwardOp, getGate(), kTranscendental)
NEAP_ELEMENTWISE_COST(AddOp, getA(), kSimple)
NEAP_ELEMENTWISE_COST(MulOp, getA(), kSimple)
NEAP_ELEMENTWISE_COST(ScaleOp, getX(), kSimple)
NEAP_ELEMENTWISE_COST(SliceColumnsOp, getY(), kCopy)
NEAP_ELEMENTWISE_COST(PadColumnsOp, getY(), kCopy)
NEAP_ELEMENTWISE_COST(ConcatColumnsOp, getY(), kCopy)
#undef NEAP_ELEMENTWISE_COST

double LinearOp::getFlops(int64_t tokens) {
  return 2 * elements(getX(), tokens) * double(getColumns(getY()));
}
double LinearBackwardOp::getFlops(int64_t tokens) {
  return 2 * elements(getDy(), tokens) * double(getColumns(getDx()));
}

// Two products over the lower triangle forward, five backward.
static double attentionFlops(int64_t products, int64_t heads, int64_t headDim,
                             int64_t tokens) {
  double pairs = 0.5 * double(tokens) * double(tokens + 1);
  return double(heads) * pairs *
         (2.0 * products * double(headDim) + kTranscendental);
}
double AttentionOp::getFlops(int64_t tokens) {
  return attentionFlops(2, getHeads(), getHeadDim(), tokens);
}
double AttentionBackwardOp::getFlops(int64_t tokens) {
  return attentionFlops(5, getHeads(), getHeadDim(), tokens);
}

//===----------------------------------------------------------------------===//
// Results that may overwrite an operand
//===----------------------------------------------------------------------===//

using OperandIndex = std::optional<unsigned>;

/// The operand number of the accumulator, else `fallback`.
static OperandIndex accumulatorOr(Operation *op, Value init,
                                  OperandIndex fallback) {
  if (!init)
    return fallback;
  for (OpOperand &operand : op->getOpOperands())
    if (operand.get() == init)
      return operand.getOperandNumber();
  return fallback;
}

OperandIndex LinearBackwardOp::getInPlaceOperand(unsigned) {
  return accumulatorOr(*this, getInit(), std::nullopt);
}
OperandIndex RmsNormOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex RmsNormBackwardOp::getInPlaceOperand(unsigned) {
  return accumulatorOr(*this, getInit(), 0);
}
OperandIndex LayerNormOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex LayerNormBackwardOp::getInPlaceOperand(unsigned) {
  return accumulatorOr(*this, getInit(), 0);
}
OperandIndex RopeOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex ActivationOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex ActivationBackwardOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex GluOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex GluBackwardOp::getInPlaceOperand(unsigned result) {
  return result == 0 ? 1 : 2;
}
OperandIndex AddOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex MulOp::getInPlaceOperand(unsigned) { return 0; }
OperandIndex ScaleOp::getInPlaceOperand(unsigned) { return 0; }

//===----------------------------------------------------------------------===//
// Accumulators
//===----------------------------------------------------------------------===//

#define NEAP_ACCUMULATOR(OP)                                                   \
  Value OP::getAccumulator() { return getInit(); }                             \
  void OP::setAccumulator(Value init) { getInitMutable().assign(init); }
NEAP_ACCUMULATOR(LinearBackwardOp)
NEAP_ACCUMULATOR(RmsNormBackwardOp)
NEAP_ACCUMULATOR(LayerNormBackwardOp)
#undef NEAP_ACCUMULATOR
