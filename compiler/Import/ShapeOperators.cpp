// Operators that make shapes and constants or only re-arrange elements.
#include "compiler/Import/Operators.h"

#include <algorithm>
#include <cmath>

namespace neap::onnx {
namespace {

bool constant(Application &app) {
  const Attribute *found = nullptr;
  for (const char *name :
       {"value", "value_int", "value_ints", "value_float", "value_floats"})
    if (!found)
      found = app.node.find(name);
  if (!found)
    return app.fail("a constant of an unsupported kind");
  if (found->tensor) {
    const Tensor &tensor = *found->tensor;
    if (elementBytes(tensor.type) == 0 || tensor.absent)
      return app.fail("a constant of type " + elementTypeName(tensor.type) +
                      " or without data");
    app.results.push_back(
        decodeArray(tensor.type, tensor.shape, tensor.data()));
  } else if (found->name == "value_int" && found->integer)
    app.results.push_back(Array::integers({}, {*found->integer}));
  else if (found->name == "value_float" && found->number)
    app.results.push_back(Array::numbers({}, {*found->number}));
  else if (found->name == "value_ints")
    app.results.push_back(
        Array::integers({int64_t(found->integers.size())}, found->integers));
  else
    app.results.push_back(
        Array::numbers({int64_t(found->numbers.size())},
                       {found->numbers.begin(), found->numbers.end()}));
  return true;
}

bool shapeOf(Application &app) {
  const Array *x = app.input(0);
  if (!x)
    return app.fail("expected one input");
  int64_t rank = x->rank();
  auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t begin = clamp(app.node.integer("start", 0));
  int64_t end = std::max(begin, clamp(app.node.integer("end", rank)));
  std::vector<int64_t> dims(x->shape.begin() + begin, x->shape.begin() + end);
  int64_t count = static_cast<int64_t>(dims.size());
  app.results.push_back(Array::integers({count}, std::move(dims)));
  return true;
}

bool sizeOf(Application &app) {
  if (!app.input(0))
    return app.fail("expected one input");
  app.results.push_back(Array::integers({}, {app.input(0)->size()}));
  return true;
}

/// Adds the elements of input 0 under another shape of as many elements.
bool reinterpret(Application &app, std::vector<int64_t> shape) {
  const Array &x = *app.input(0);
  std::optional<int64_t> count = elementCount(shape);
  if (!count || *count != x.size())
    return app.fail("cannot reshape " + shapeText(x.shape) + " to " +
                    shapeText(shape));
  if (app.wantElements) {
    app.results.push_back(x);
    app.results.back().shape = std::move(shape);
    return true;
  }
  return app.addResult(x.type, std::move(shape));
}

bool reshape(Application &app) {
  const Array *x = app.input(0);
  auto target = app.integers(1, "shape");
  if (!x || !target)
    return app.fail("expected an array and a known shape");
  std::vector<int64_t> shape = *target;
  bool zeroIsZero = app.node.integer("allowzero", 0) != 0;
  int64_t rest = -1, product = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zeroIsZero && int64_t(i) < x->rank())
      shape[i] = x->shape[i];
    if (shape[i] == -1)
      rest = static_cast<int64_t>(i);
    else if (shape[i] < 0 ||
             __builtin_mul_overflow(product, shape[i], &product))
      return app.fail("the shape " + shapeText(*target) + " is not valid");
  }
  if (rest >= 0)
    shape[rest] = product > 0 ? x->size() / product : 0;
  return reinterpret(app, std::move(shape));
}

bool flatten(Application &app) {
  const Array *x = app.input(0);
  int64_t axis = app.node.integer("axis", 1);
  if (!x || axis < -x->rank() || axis > x->rank())
    return app.fail("axis out of range");
  axis += axis < 0 ? x->rank() : 0;
  auto head = elementCount({x->shape.begin(), x->shape.begin() + axis});
  auto tail = elementCount({x->shape.begin() + axis, x->shape.end()});
  return reinterpret(app, {head.value_or(0), tail.value_or(0)});
}

bool unsqueeze(Application &app) {
  const Array *x = app.input(0);
  auto axes = app.integers(1, "axes");
  if (!x || !axes)
    return app.fail("expected an array and known axes");
  int64_t rank = x->rank() + static_cast<int64_t>(axes->size());
  std::vector<bool> added(rank, false);
  for (int64_t axis : *axes) {
    auto at = resolveAxis(axis, rank);
    if (!at || added[*at])
      return app.fail("axes " + shapeText(*axes) + " are not valid");
    added[*at] = true;
  }
  std::vector<int64_t> shape;
  for (size_t i = 0, next = 0; i < added.size(); ++i)
    shape.push_back(added[i] ? 1 : x->shape[next++]);
  return reinterpret(app, std::move(shape));
}

bool squeeze(Application &app) {
  const Array *x = app.input(0);
  if (!x)
    return app.fail("expected an array");
  auto axes = app.integers(1, "axes");
  std::vector<bool> dropped(x->rank(), false);
  for (int64_t i = 0; i < x->rank() && !axes; ++i)
    dropped[i] = x->shape[i] == 1;
  for (int64_t axis : axes.value_or(std::vector<int64_t>())) {
    auto at = resolveAxis(axis, x->rank());
    if (!at || x->shape[*at] != 1)
      return app.fail("cannot squeeze axis " + std::to_string(axis) + " of " +
                      shapeText(x->shape));
    dropped[*at] = true;
  }
  std::vector<int64_t> shape;
  for (int64_t i = 0; i < x->rank(); ++i)
    if (!dropped[i])
      shape.push_back(x->shape[i]);
  return reinterpret(app, std::move(shape));
}

/// Fills result elements in row-major order from input 0 under `strides`.
void copyStrided(const Array &x, Array &y, std::vector<int64_t> strides) {
  StridedIterator i(y.shape, std::move(strides));
  for (int64_t k = 0, end = y.size(); k < end; ++k, i.advance()) {
    if (y.isFloat())
      y.floats[k] = x.floats[i.offset()];
    else
      y.ints[k] = x.ints[i.offset()];
  }
}

bool transpose(Application &app) {
  const Array *x = app.input(0);
  if (!x)
    return app.fail("expected an array");
  std::vector<int64_t> order;
  if (const Attribute *given = app.node.find("perm"))
    order = given->integers;
  else
    for (int64_t i = x->rank(); i-- > 0;)
      order.push_back(i);
  std::vector<int64_t> sorted = order, shape, strides,
                       own = rowMajorStrides(x->shape);
  std::sort(sorted.begin(), sorted.end());
  bool valid = int64_t(order.size()) == x->rank();
  for (size_t i = 0; valid && i < sorted.size(); ++i)
    valid = sorted[i] == int64_t(i);
  if (!valid)
    return app.fail("'perm' does not permute " + shapeText(x->shape));
  for (int64_t axis : order) {
    shape.push_back(x->shape[axis]);
    strides.push_back(own[axis]);
  }
  Array *y = app.addResult(x->type, std::move(shape));
  if (y && app.wantElements)
    copyStrided(*x, *y, std::move(strides));
  return y;
}

bool expand(Application &app) {
  const Array *x = app.input(0);
  auto target = app.integers(1, "shape");
  auto shape = x && target ? broadcastShapes(x->shape, *target) : std::nullopt;
  if (!shape)
    return app.fail("the input cannot be expanded to the given shape");
  Array *y = app.addResult(x->type, *shape);
  if (y && app.wantElements)
    copyStrided(*x, *y, broadcastStrides(x->shape, *shape));
  return y;
}

bool tile(Application &app) {
  const Array *x = app.input(0);
  auto repeats = app.integers(1, "repeats");
  if (!x || !repeats || int64_t(repeats->size()) != x->rank())
    return app.fail("expected one known repeat count per axis");
  std::vector<int64_t> shape;
  for (int64_t i = 0; i < x->rank(); ++i) {
    int64_t size = 0;
    if ((*repeats)[i] < 0 ||
        __builtin_mul_overflow(x->shape[i], (*repeats)[i], &size))
      return app.fail("repeats " + shapeText(*repeats) + " are not valid");
    shape.push_back(size);
  }
  Array *y = app.addResult(x->type, shape);
  if (!y || !app.wantElements)
    return y;
  // Split every axis into (repeat, size): the repeat has stride zero.
  std::vector<int64_t> pairs, strides, own = rowMajorStrides(x->shape);
  for (int64_t i = 0; i < x->rank(); ++i) {
    pairs.insert(pairs.end(), {(*repeats)[i], x->shape[i]});
    strides.insert(strides.end(), {0, own[i]});
  }
  y->shape = pairs;
  copyStrided(*x, *y, std::move(strides));
  y->shape = std::move(shape);
  return true;
}

bool constantOfShape(Application &app) {
  auto shape = app.integers(0, "");
  if (!shape)
    return app.fail("expected a known shape");
  Array value = Array::numbers({1}, {0});
  if (const Attribute *given = app.node.find("value"); given && given->tensor) {
    if (elementBytes(given->tensor->type) == 0 || given->tensor->bytes == 0 ||
        given->tensor->absent)
      return app.fail("'value' has no element of a supported type");
    value = decodeArray(given->tensor->type, given->tensor->shape,
                        given->tensor->data());
  }
  Array *y = app.addResult(value.type, *shape);
  if (!y || !app.wantElements)
    return y;
  if (y->isFloat())
    std::fill(y->floats.begin(), y->floats.end(), value.floats[0]);
  else
    std::fill(y->ints.begin(), y->ints.end(), value.ints[0]);
  return true;
}

bool range(Application &app) {
  for (size_t i = 0; i < 3; ++i)
    if (!app.input(i) || !app.input(i)->known || app.input(i)->size() != 1 ||
        app.input(i)->isFloat() != app.input(0)->isFloat())
      return app.fail("expected a known start, limit and delta");
  const Array &first = *app.input(0);
  double start = first.at(0), limit = app.input(1)->at(0),
         delta = app.input(2)->at(0);
  double count =
      delta == 0 ? -1 : std::max(0.0, std::ceil((limit - start) / delta));
  if (!(count >= 0 && count <= double(kMaximumElements)))
    return app.fail("the range is not valid");
  Array *y = app.addResult(first.type, {static_cast<int64_t>(count)});
  for (int64_t i = 0; y && app.wantElements && i < y->size(); ++i) {
    if (y->isFloat())
      y->floats[i] = roundTo(y->type, start + double(i) * delta);
    else
      y->ints[i] = uint64_t(first.ints[0]) +
                   uint64_t(i) * uint64_t(app.input(2)->ints[0]);
  }
  return y;
}

/// Copies the block of `part` into `whole` at `begin` along `axis`, or back.
void copyBlock(Array &whole, int64_t axis, int64_t begin, Array &part,
               bool intoWhole) {
  int64_t inner = 1;
  for (int64_t i = axis + 1; i < whole.rank(); ++i)
    inner *= whole.shape[i];
  int64_t rows = part.shape[axis] * inner, stride = whole.shape[axis] * inner;
  int64_t outer = stride == 0 || rows == 0 ? 0 : part.size() / rows;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < rows; ++i) {
      int64_t at = o * stride + begin * inner + i, from = o * rows + i;
      if (whole.isFloat())
        (intoWhole ? whole.floats[at] : part.floats[from]) =
            intoWhole ? part.floats[from] : whole.floats[at];
      else
        (intoWhole ? whole.ints[at] : part.ints[from]) =
            intoWhole ? part.ints[from] : whole.ints[at];
    }
}

bool concat(Application &app) {
  const Array *first = app.input(0);
  auto axis = first ? resolveAxis(app.node.integer("axis", 0), first->rank())
                    : std::nullopt;
  if (!axis)
    return app.fail("axis out of range");
  std::vector<int64_t> shape = first->shape;
  shape[*axis] = 0;
  for (const Array *part : app.inputs) {
    if (!part || part->rank() != first->rank() ||
        part->isFloat() != first->isFloat())
      return app.fail("the inputs differ in rank or type");
    for (int64_t i = 0; i < part->rank(); ++i)
      if (i != *axis && part->shape[i] != shape[i])
        return app.fail("shapes " + shapeText(first->shape) + " and " +
                        shapeText(part->shape) +
                        " cannot be concatenated along axis " +
                        std::to_string(*axis));
    shape[*axis] += part->shape[*axis];
  }
  Array *y = app.addResult(first->type, std::move(shape));
  int64_t begin = 0;
  for (const Array *part : app.inputs) {
    if (!y || !app.wantElements)
      break;
    copyBlock(*y, *axis, begin, const_cast<Array &>(*part), /*intoWhole=*/true);
    begin += part->shape[*axis];
  }
  return y;
}

bool split(Application &app) {
  const Array *x = app.input(0);
  auto axis =
      x ? resolveAxis(app.node.integer("axis", 0), x->rank()) : std::nullopt;
  if (!axis)
    return app.fail("axis out of range");
  int64_t parts = static_cast<int64_t>(app.node.outputs.size()),
          size = x->shape[*axis];
  std::vector<int64_t> sizes;
  if (auto given = app.integers(1, "split"))
    sizes = *given;
  else
    for (int64_t i = 0,
                 chunk = (size + parts - 1) / std::max<int64_t>(parts, 1);
         i < parts; ++i)
      sizes.push_back(std::clamp<int64_t>(size - i * chunk, 0, chunk));
  int64_t total = 0;
  for (int64_t part : sizes)
    total = part < 0 ? -1 : total + part;
  if (total != size || int64_t(sizes.size()) != parts)
    return app.fail("cannot split axis of size " + std::to_string(size) +
                    " into " + shapeText(sizes));
  int64_t begin = 0;
  for (int64_t part : sizes) {
    std::vector<int64_t> shape = x->shape;
    shape[*axis] = part;
    Array *y = app.addResult(x->type, std::move(shape));
    if (!y)
      return false;
    if (app.wantElements)
      copyBlock(const_cast<Array &>(*x), *axis, begin, *y, /*intoWhole=*/false);
    begin += part;
  }
  return true;
}

} // namespace

const std::vector<NamedOperator> &shapeOperators() {
  static const std::vector<NamedOperator> table = {
      {"Constant", {constant}},
      {"Shape", {shapeOf, 0, true}},
      {"Size", {sizeOf, 0, true}},
      {"Reshape", {reshape, 1 << 1}},
      {"Flatten", {flatten}},
      {"Unsqueeze", {unsqueeze, 1 << 1}},
      {"Squeeze", {squeeze, 1 << 1}},
      {"Transpose", {transpose}},
      {"Expand", {expand, 1 << 1}},
      {"Tile", {tile, 1 << 1}},
      {"ConstantOfShape", {constantOfShape, 1 << 0}},
      {"Range", {range, 7}},
      {"Concat", {concat}},
      {"Split", {split, 1 << 1}},
  };
  return table;
}

} // namespace neap::onnx
