#include "test/Interpret/Rules.h"

#include <cmath>

using namespace mlir;
using namespace neap::graph;

namespace neap::test {

//===----------------------------------------------------------------------===//
// Shared by several rules
//===----------------------------------------------------------------------===//

double activate(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::Silu:
    return x / (1 + std::exp(-x));
  case ActivationKind::Gelu:
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  case ActivationKind::GeluTanh:
    return x *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) /
           2;
  case ActivationKind::Relu:
    return std::max(x, 0.0);
  }
  llvm_unreachable("every kind is listed");
}

Matrix multiplyTransposed(const Matrix &x, const Matrix &w) {
  return generate(x.rows, w.rows, [&](int64_t t, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < x.columns; ++k)
      sum += x.at(t, k) * w.at(n, k);
    return sum;
  });
}

Matrix multiply(const Matrix &x, const Matrix &w) {
  return generate(x.rows, w.columns, [&](int64_t t, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < x.columns; ++k)
      sum += x.at(t, k) * w.at(k, n);
    return sum;
  });
}

void addBias(Matrix &y, Value bias, Operands get) {
  if (bias)
    for (int64_t t = 0; t < y.rows; ++t)
      for (int64_t n = 0; n < y.columns; ++n)
        y.at(t, n) += get(bias).at(0, n);
}

void addTerm(Matrix &y, Value term, Operands get) {
  if (term)
    for (size_t i = 0; i < y.data.size(); ++i)
      y.data[i] += get(term).data[i];
}

/// y[t, n] = f(inputs[t, n]...)
template <typename F, typename... Inputs>
static Matrix map(F f, const Matrix &first, const Inputs &...others) {
  return generate(first.rows, first.columns, [&](int64_t t, int64_t n) {
    return f(first.at(t, n), others.at(t, n)...);
  });
}

//===----------------------------------------------------------------------===//
// Token inputs
//===----------------------------------------------------------------------===//

Results compute(EmbeddingOp op, Operands get) {
  const Matrix &ids = get(op.getIds()), &table = get(op.getTable());
  return {generate(ids.rows, table.columns, [&](int64_t t, int64_t n) {
    return table.at(int64_t(ids.at(t, 0)), n);
  })};
}

Results compute(PositionEmbeddingOp op, Operands get) {
  const Matrix &table = get(op.getTable());
  return {generate(get(op.getIds()).rows, table.columns,
                   [&](int64_t t, int64_t n) { return table.at(t, n); })};
}

Results compute(RopeTableOp op, Operands get) {
  llvm::ArrayRef<float> frequencies = op.getFrequencies();
  auto count = static_cast<int64_t>(frequencies.size());
  double scale = op.getScale().convertToFloat();
  return {generate(get(op.getIds()).rows, 2 * count, [&](int64_t t, int64_t n) {
    double angle =
        static_cast<float>(t) * frequencies[n % count]; // the f32 product
    return scale * (n < count ? std::cos(angle) : std::sin(angle));
  })};
}

//===----------------------------------------------------------------------===//
// Linear layers and normalisations
//===----------------------------------------------------------------------===//

Results compute(LinearOp op, Operands get) {
  Matrix y = multiplyTransposed(get(op.getX()), get(op.getWeight()));
  addBias(y, op.getBias(), get);
  return {std::move(y)};
}

static Matrix normalise(const Matrix &x, bool centred, double epsilon,
                        const Matrix &weight) {
  Matrix y(x.rows, x.columns);
  for (int64_t t = 0; t < x.rows; ++t) {
    double mean = 0, square = 0;
    for (int64_t n = 0; centred && n < x.columns; ++n)
      mean += x.at(t, n) / double(x.columns);
    for (int64_t n = 0; n < x.columns; ++n)
      square += std::pow(x.at(t, n) - mean, 2) / double(x.columns);
    double r = 1 / std::sqrt(square + epsilon);
    for (int64_t n = 0; n < x.columns; ++n)
      y.at(t, n) = (x.at(t, n) - mean) * r * weight.at(0, n);
  }
  return y;
}

Results compute(RmsNormOp op, Operands get) {
  return {normalise(get(op.getX()), false, op.getEpsilon().convertToFloat(),
                    get(op.getWeight()))};
}

Results compute(LayerNormOp op, Operands get) {
  Matrix y = normalise(get(op.getX()), true, op.getEpsilon().convertToFloat(),
                       get(op.getWeight()));
  addBias(y, op.getBias(), get);
  return {std::move(y)};
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Results compute(RopeOp op, Operands get) {
  const Matrix &x = get(op.getX()), &table = get(op.getTable());
  Matrix y = x;
  int64_t frequencies = table.columns / 2, dim = op.getHeadDim();
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t h = 0; h < int64_t(op.getHeads()); ++h)
      for (int64_t f = 0; f < frequencies; ++f) {
        int64_t first = h * dim + (op.getInterleaved() ? 2 * f : f);
        int64_t second =
            h * dim + (op.getInterleaved() ? 2 * f + 1 : frequencies + f);
        double c = table.at(t, f), s = table.at(t, frequencies + f);
        s = op.getInverse() ? -s : s;
        double a = x.at(t, first), b = x.at(t, second);
        y.at(t, first) = a * c - b * s;
        y.at(t, second) = b * c + a * s;
      }
  return {std::move(y)};
}

Results compute(AttentionOp op, Operands get) {
  const Matrix &q = get(op.getQ()), &k = get(op.getK()), &v = get(op.getV());
  int64_t heads = op.getHeads(), dim = op.getHeadDim(),
          group = heads / op.getKvHeads();
  double scale = op.getScale().convertToFloat();
  Matrix o(q.rows, q.columns), lse(q.rows, heads);
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t t = 0; t < q.rows; ++t) {
      int64_t g = h / group;
      std::vector<double> scores(t + 1);
      double largest = -INFINITY, total = 0;
      for (int64_t s = 0; s <= t; ++s) {
        for (int64_t d = 0; d < dim; ++d)
          scores[s] += scale * q.at(t, h * dim + d) * k.at(s, g * dim + d);
        largest = std::max(largest, scores[s]);
      }
      for (double &score : scores)
        total += score = std::exp(score - largest);
      for (int64_t s = 0; s <= t; ++s)
        for (int64_t d = 0; d < dim; ++d)
          o.at(t, h * dim + d) += scores[s] / total * v.at(s, g * dim + d);
      lse.at(t, h) = largest + std::log(total);
    }
  return {std::move(o), std::move(lse)};
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

Results compute(ActivationOp op, Operands get) {
  return {
      map([&](double x) { return activate(op.getKind(), x); }, get(op.getX()))};
}

Results compute(GluOp op, Operands get) {
  return {map(
      [&](double gate, double up) { return activate(op.getKind(), gate) * up; },
      get(op.getGate()), get(op.getUp()))};
}

Results compute(AddOp op, Operands get) {
  return {map(std::plus<double>(), get(op.getA()), get(op.getB()))};
}

Results compute(MulOp op, Operands get) {
  return {map(std::multiplies<double>(), get(op.getA()), get(op.getB()))};
}

Results compute(ScaleOp op, Operands get) {
  double factor = op.getFactor().convertToFloat();
  return {map([&](double x) { return factor * x; }, get(op.getX()))};
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

Results compute(SliceColumnsOp op, Operands get) {
  const Matrix &x = get(op.getX());
  return {generate(x.rows, getColumns(op.getY()), [&](int64_t t, int64_t n) {
    return x.at(t, op.getOffset() + n);
  })};
}

Results compute(PadColumnsOp op, Operands get) {
  const Matrix &x = get(op.getX());
  Matrix y(x.rows, getColumns(op.getY()));
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t n = 0; n < x.columns; ++n)
      y.at(t, op.getOffset() + n) = x.at(t, n);
  return {std::move(y)};
}

Results compute(ConcatColumnsOp op, Operands get) {
  Matrix y(get(op.getXs().front()).rows, getColumns(op.getY()));
  int64_t begin = 0;
  for (Value part : op.getXs()) {
    const Matrix &x = get(part);
    for (int64_t t = 0; t < y.rows; ++t)
      for (int64_t n = 0; n < x.columns; ++n)
        y.at(t, begin + n) = x.at(t, n);
    begin += x.columns;
  }
  return {std::move(y)};
}

} // namespace neap::test
