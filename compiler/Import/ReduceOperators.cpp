// Operators that sum: reductions, products of matrices, normalisations.
#include "compiler/Import/Operators.h"

#include <cmath>

namespace neap::onnx {
namespace {

enum class Reduction { Sum, Mean, Max, Min, Product };

double start(Reduction kind) {
  switch (kind) {
  case Reduction::Max:
    return -INFINITY;
  case Reduction::Min:
    return INFINITY;
  case Reduction::Product:
    return 1;
  default:
    return 0;
  }
}

double combine(Reduction kind, double total, double x) {
  switch (kind) {
  case Reduction::Max:
    return std::fmax(total, x);
  case Reduction::Min:
    return std::fmin(total, x);
  case Reduction::Product:
    return total * x;
  default:
    return total + x;
  }
}

/// Which axes are reduced; nothing if they are unknown or out of range.
std::optional<std::vector<bool>> reducedAxes(const Application &app,
                                             const Array &x) {
  auto axes = app.integers(1, "axes");
  if (app.input(1) && !axes)
    return std::nullopt;
  bool all =
      (!axes || axes->empty()) && !app.node.integer("noop_with_empty_axes", 0);
  std::vector<bool> reduced(x.rank(), all);
  for (int64_t axis : axes.value_or(std::vector<int64_t>())) {
    auto at = resolveAxis(axis, x.rank());
    if (!at)
      return std::nullopt;
    reduced[*at] = true;
  }
  return reduced;
}

template <Reduction kind> bool reduce(Application &app) {
  const Array *x = app.input(0);
  auto reduced = x ? reducedAxes(app, *x) : std::nullopt;
  if (!reduced)
    return app.fail("expected an array and known axes");
  bool keep = app.node.integer("keepdims", 1) != 0;
  std::vector<int64_t> shape, kept = x->shape;
  for (int64_t i = 0; i < x->rank(); ++i) {
    if ((*reduced)[i])
      kept[i] = 1;
    if (keep || !(*reduced)[i])
      shape.push_back(kept[i]);
  }
  Array *y = app.addResult(x->type, std::move(shape));
  if (!y || !app.wantElements)
    return y;
  std::vector<double> totals(y->size(), start(kind));
  StridedIterator to(x->shape, broadcastStrides(kept, x->shape));
  for (int64_t k = 0, end = x->size(); k < end; ++k, to.advance())
    totals[to.offset()] = combine(kind, totals[to.offset()], x->at(k));
  double count = kind == Reduction::Mean && y->size()
                     ? double(x->size()) / double(y->size())
                     : 1;
  for (size_t i = 0; i < totals.size(); ++i) {
    if (y->isFloat())
      y->floats[i] = roundTo(y->type, totals[i] / count);
    else
      y->ints[i] = static_cast<int64_t>(totals[i] / count);
  }
  return true;
}

/// NumPy's matmul of arrays of rank 2 and more, or vectors.
bool matMul(Application &app) {
  const Array *a = app.input(0), *b = app.input(1);
  if (!a || !b || a->rank() == 0 || b->rank() == 0)
    return app.fail("expected two matrices");
  std::vector<int64_t> left = a->shape, right = b->shape;
  bool leftVector = left.size() == 1, rightVector = right.size() == 1;
  if (leftVector)
    left.insert(left.begin(), 1);
  if (rightVector)
    right.push_back(1);
  int64_t rows = left[left.size() - 2], inner = left.back(),
          columns = right.back();
  auto batch = broadcastShapes({left.begin(), left.end() - 2},
                               {right.begin(), right.end() - 2});
  if (!batch || right[right.size() - 2] != inner)
    return app.fail("shapes " + shapeText(a->shape) + " and " +
                    shapeText(b->shape) + " cannot be multiplied");
  std::vector<int64_t> shape = *batch;
  if (!leftVector)
    shape.push_back(rows);
  if (!rightVector)
    shape.push_back(columns);
  Array *y = app.addResult(a->type, std::move(shape));
  if (!y || !app.wantElements)
    return y;
  StridedIterator i(*batch,
                    broadcastStrides({left.begin(), left.end() - 2}, *batch));
  StridedIterator j(*batch,
                    broadcastStrides({right.begin(), right.end() - 2}, *batch));
  int64_t block = rows * columns;
  for (int64_t base = 0; base < y->size();
       base += block, i.advance(), j.advance())
    for (int64_t k = 0; k < block; ++k) {
      double total = 0;
      for (int64_t m = 0; m < inner; ++m)
        total += a->at((i.offset() * rows + k / columns) * inner + m) *
                 b->at((j.offset() * inner + m) * columns + k % columns);
      if (y->isFloat())
        y->floats[base + k] = roundTo(y->type, total);
      else
        y->ints[base + k] = static_cast<int64_t>(total);
    }
  return true;
}

/// Shapes only: a Gemm on constants does not occur.
bool gemm(Application &app) {
  const Array *a = app.input(0), *b = app.input(1);
  if (!a || !b || a->rank() != 2 || b->rank() != 2 || app.wantElements)
    return app.fail("expected two matrices that depend on the tokens");
  bool transposeA = app.node.integer("transA", 0),
       transposeB = app.node.integer("transB", 0);
  if (a->shape[!transposeA] != b->shape[transposeB])
    return app.fail("shapes " + shapeText(a->shape) + " and " +
                    shapeText(b->shape) + " cannot be multiplied");
  return app.addResult(a->type, {a->shape[transposeA], b->shape[!transposeB]});
}

/// Outer products of torch.einsum, `i,j->ij`, as old rotary code exports them.
bool einsum(Application &app) {
  const Array *a = app.input(0), *b = app.input(1);
  const Attribute *equation = app.node.find("equation");
  std::string text;
  for (char c : equation && equation->text ? *equation->text : std::string())
    if (c != ' ')
      text += c;
  bool isOuter = text.size() == 7 && text[1] == ',' &&
                 text.substr(3, 2) == "->" && text[5] == text[0] &&
                 text[6] == text[2] && text[0] != text[2];
  if (!a || !b || !isOuter || a->rank() != 1 || b->rank() != 1 ||
      a->isFloat() != b->isFloat())
    return app.fail("only outer products of two vectors are supported");
  Array *y = app.addResult(a->type, {a->shape[0], b->shape[0]});
  for (int64_t k = 0; y && app.wantElements && k < y->size(); ++k) {
    double product = a->at(k / b->shape[0]) * b->at(k % b->shape[0]);
    if (y->isFloat())
      y->floats[k] = roundTo(y->type, product);
    else
      y->ints[k] = static_cast<int64_t>(product);
  }
  return y;
}

bool softmax(Application &app) {
  const Array *x = app.input(0);
  if (!x || app.wantElements)
    return app.fail("expected an input that depends on the tokens");
  return app.addResult(x->type, x->shape);
}

/// Y of a normalisation; its other outputs (mean, deviation) are training aids.
bool normalise(Application &app) {
  const Array *x = app.input(0);
  if (!x || app.wantElements)
    return app.fail("expected an input that depends on the tokens");
  return app.addResult(x->type, x->shape);
}

} // namespace

const std::vector<NamedOperator> &reduceOperators() {
  static const std::vector<NamedOperator> table = {
      {"ReduceSum", {reduce<Reduction::Sum>, 1 << 1}},
      {"ReduceMean", {reduce<Reduction::Mean>, 1 << 1}},
      {"ReduceMax", {reduce<Reduction::Max>, 1 << 1}},
      {"ReduceMin", {reduce<Reduction::Min>, 1 << 1}},
      {"ReduceProd", {reduce<Reduction::Product>, 1 << 1}},
      {"MatMul", {matMul}},
      {"Gemm", {gemm}},
      {"Einsum", {einsum}},
      {"Softmax", {softmax}},
      {"LayerNormalization", {normalise}},
      {"SimplifiedLayerNormalization", {normalise}},
      {"RMSNormalization", {normalise}},
  };
  return table;
}

} // namespace neap::onnx
