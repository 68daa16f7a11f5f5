#include "test/Interpret/Rules.h"

#include <cmath>

using namespace mlir;
using namespace neap::train;

namespace neap::test {

static void scaleBy(Matrix &y, const llvm::APFloat &factor) {
  for (double &value : y.data)
    value *= factor.convertToFloat();
}

Results compute(LoraDownOp op, Operands get) {
  Matrix h = multiplyTransposed(get(op.getX()), get(op.getFactor()));
  scaleBy(h, op.getScale());
  return {std::move(h)};
}

Results compute(LoraUpOp op, Operands get) {
  Matrix y = multiply(get(op.getH()), get(op.getFactor()));
  scaleBy(y, op.getScale());
  addTerm(y, op.getBase(), get);
  return {std::move(y)};
}

Results compute(AccumulateOuterOp op, Operands get, RowState &state) {
  auto handle = op.getGradient().getDefiningOp<GradientOp>();
  const Matrix &h = get(op.getH()), &x = get(op.getX());
  Matrix &gradient = state.gradients[handle.getParameter().str()];
  if (gradient.data.empty())
    gradient = Matrix(h.columns, x.columns);
  double scale = op.getScale().convertToFloat();
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t r = 0; r < h.columns; ++r)
      for (int64_t n = 0; n < x.columns; ++n)
        gradient.at(r, n) += scale * h.at(t, r) * x.at(t, n);
  return {};
}

//===----------------------------------------------------------------------===//
// Dropout: the hash of passes/Lower/Kernels/ElementwiseDropout.cpp
//===----------------------------------------------------------------------===//

static uint64_t absorb(uint64_t state, uint64_t value) {
  uint64_t z = state + value + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint32_t finish(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

Results compute(DropoutOp op, Operands get, RowState &state) {
  const Matrix &x = get(op.getX());
  double probability = op.getProbability().convertToFloat();
  auto threshold = uint64_t(std::llround(std::ldexp(probability, 32)));
  uint64_t row = absorb(absorb(absorb(0, state.dropoutSeed), state.rowCounter),
                        op.getStream());
  return {generate(x.rows, x.columns, [&](int64_t t, int64_t n) {
    uint64_t key = absorb(row, t);
    uint32_t low = finish(uint32_t(n) * 0x9e3779b1u + uint32_t(key));
    bool dropped = finish(low ^ uint32_t(key >> 32)) < threshold;
    return dropped ? 0 : x.at(t, n) / (1 - probability);
  })};
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

/// Replaces logits by their softmax and returns their logsumexp.
static double softmax(Matrix &z, int64_t t) {
  double largest = -INFINITY, total = 0;
  for (int64_t v = 0; v < z.columns; ++v)
    largest = std::max(largest, z.at(t, v));
  for (int64_t v = 0; v < z.columns; ++v)
    total += z.at(t, v) = std::exp(z.at(t, v) - largest);
  for (int64_t v = 0; v < z.columns; ++v)
    z.at(t, v) /= total;
  return largest + std::log(total);
}

Results compute(LinearCrossEntropyOp op, Operands get, RowState &state) {
  const Matrix &labels = get(op.getLabels()), &weight = get(op.getWeight());
  Matrix z = multiplyTransposed(get(op.getX()), weight);
  addBias(z, op.getBias(), get);
  for (int64_t t = 0; t < z.rows; ++t) {
    auto label = int64_t(labels.at(t, 0));
    if (label == -100) {
      for (int64_t v = 0; v < z.columns; ++v)
        z.at(t, v) = 0;
      continue;
    }
    double own = z.at(t, label);
    state.lossSum += softmax(z, t) - own;
    z.at(t, label) -= 1;
  }
  if (!op.getDX())
    return {};
  Matrix dx = multiply(z, weight);
  for (double &value : dx.data)
    value *= state.lossScale;
  return {std::move(dx)};
}

} // namespace neap::test
