#include "test/Interpret/Rules.h"

#include <cmath>

using namespace mlir;
using namespace neap::graph;

namespace neap::test {

Results compute(LinearBackwardOp op, Operands get) {
  Matrix dx = multiply(get(op.getDy()), get(op.getWeight()));
  addTerm(dx, op.getInit(), get);
  return {std::move(dx)};
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

/// init + r (g - [mean(g)] - h mean(g h)) with g = dy weight,
/// h = (x - [mean(x)]) r and r = 1 / sqrt(mean((x - [mean(x)])^2) + epsilon);
/// what is in brackets is there if `centred`.
template <typename NormBackwardOp>
static Matrix normaliseBackward(NormBackwardOp op, Operands get, bool centred) {
  const Matrix &dy = get(op.getDy()), &x = get(op.getX()),
               &weight = get(op.getWeight());
  double epsilon = op.getEpsilon().convertToFloat();
  auto columns = double(x.columns);
  Matrix dx(x.rows, x.columns);
  for (int64_t t = 0; t < x.rows; ++t) {
    double mean = 0, square = 0, meanG = 0, meanGh = 0;
    for (int64_t n = 0; centred && n < x.columns; ++n)
      mean += x.at(t, n) / columns;
    for (int64_t n = 0; n < x.columns; ++n)
      square += std::pow(x.at(t, n) - mean, 2) / columns;
    double r = 1 / std::sqrt(square + epsilon);
    auto g = [&](int64_t n) { return dy.at(t, n) * weight.at(0, n); };
    auto h = [&](int64_t n) { return (x.at(t, n) - mean) * r; };
    for (int64_t n = 0; n < x.columns; ++n) {
      meanG += centred ? g(n) / columns : 0;
      meanGh += g(n) * h(n) / columns;
    }
    for (int64_t n = 0; n < x.columns; ++n)
      dx.at(t, n) = r * (g(n) - meanG - h(n) * meanGh);
  }
  addTerm(dx, op.getInit(), get);
  return dx;
}

Results compute(RmsNormBackwardOp op, Operands get) {
  return {normaliseBackward(op, get, /*centred=*/false)};
}

Results compute(LayerNormBackwardOp op, Operands get) {
  return {normaliseBackward(op, get, /*centred=*/true)};
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static double dot(const Matrix &a, int64_t aRow, int64_t aColumn,
                  const Matrix &b, int64_t bRow, int64_t bColumn,
                  int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += a.at(aRow, aColumn + i) * b.at(bRow, bColumn + i);
  return sum;
}

Results compute(AttentionBackwardOp op, Operands get) {
  const Matrix &q = get(op.getQ()), &k = get(op.getK()), &v = get(op.getV()),
               &o = get(op.getO()), &lse = get(op.getLse()),
               &dO = get(op.getDO());
  int64_t dim = op.getHeadDim(), group = op.getHeads() / op.getKvHeads();
  double scale = op.getScale().convertToFloat();
  Matrix dq(q.rows, q.columns), dk(k.rows, k.columns), dv(v.rows, v.columns);
  for (int64_t h = 0; h < int64_t(op.getHeads()); ++h) {
    int64_t own = h * dim, shared = h / group * dim;
    for (int64_t t = 0; t < q.rows; ++t)
      for (int64_t s = 0; s <= t; ++s) {
        double score = scale * dot(q, t, own, k, s, shared, dim);
        double p = std::exp(score - lse.at(t, h));
        double ds = p * scale *
                    (dot(dO, t, own, v, s, shared, dim) -
                     dot(dO, t, own, o, t, own, dim));
        for (int64_t d = 0; d < dim; ++d) {
          dv.at(s, shared + d) += p * dO.at(t, own + d);
          dq.at(t, own + d) += ds * k.at(s, shared + d);
          dk.at(s, shared + d) += ds * q.at(t, own + d);
        }
      }
  }
  return {std::move(dq), std::move(dk), std::move(dv)};
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

static double slope(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::Silu: {
    double s = 1 / (1 + std::exp(-x));
    return s * (1 + x * (1 - s));
  }
  case ActivationKind::Gelu:
    return (1 + std::erf(x / std::sqrt(2.0))) / 2 +
           x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
  case ActivationKind::GeluTanh: {
    double c = std::sqrt(2 / M_PI);
    double y = std::tanh(c * (x + 0.044715 * x * x * x));
    return (1 + y) / 2 + x * (1 - y * y) / 2 * c * (1 + 3 * 0.044715 * x * x);
  }
  case ActivationKind::Relu:
    return x > 0;
  }
  llvm_unreachable("every kind is listed");
}

Results compute(ActivationBackwardOp op, Operands get) {
  const Matrix &dy = get(op.getDy()), &x = get(op.getX());
  return {generate(x.rows, x.columns, [&](int64_t t, int64_t n) {
    return dy.at(t, n) * slope(op.getKind(), x.at(t, n));
  })};
}

Results compute(GluBackwardOp op, Operands get) {
  const Matrix &dy = get(op.getDy()), &gate = get(op.getGate()),
               &up = get(op.getUp());
  Matrix dGate = generate(gate.rows, gate.columns, [&](int64_t t, int64_t n) {
    return dy.at(t, n) * up.at(t, n) * slope(op.getKind(), gate.at(t, n));
  });
  Matrix dUp = generate(up.rows, up.columns, [&](int64_t t, int64_t n) {
    return dy.at(t, n) * activate(op.getKind(), gate.at(t, n));
  });
  return {std::move(dGate), std::move(dUp)};
}

} // namespace neap::test
