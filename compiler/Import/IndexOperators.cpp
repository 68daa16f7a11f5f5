// Operators that select or place elements by index.
#include "compiler/Import/Operators.h"

#include <algorithm>

namespace neap::onnx {
namespace {

void copyElement(const Array &x, int64_t from, Array &y, int64_t to) {
  if (y.isFloat())
    y.floats[to] = x.floats[from];
  else
    y.ints[to] = x.ints[from];
}

bool outOfRange(Application &app, int64_t index, int64_t size) {
  return app.fail("index " + std::to_string(index) + " is outside an axis of " +
                  std::to_string(size));
}

bool gather(Application &app) {
  const Array *x = app.input(0), *indices = app.input(1);
  auto axis =
      x ? resolveAxis(app.node.integer("axis", 0), x->rank()) : std::nullopt;
  if (!axis || !indices || indices->isFloat())
    return app.fail("expected an array with the given axis, and indices");
  std::vector<int64_t> shape(x->shape.begin(), x->shape.begin() + *axis);
  shape.insert(shape.end(), indices->shape.begin(), indices->shape.end());
  shape.insert(shape.end(), x->shape.begin() + *axis + 1, x->shape.end());
  int64_t size = x->shape[*axis], inner = rowMajorStrides(x->shape)[*axis];
  Array *y = app.addResult(x->type, std::move(shape));
  if (!y || !app.wantElements)
    return y;
  for (int64_t index : indices->ints)
    if (index < -size || index >= size)
      return outOfRange(app, index, size);
  int64_t count = indices->size(), total = y->size();
  for (int64_t k = 0; k < total; ++k) {
    int64_t index = indices->ints[k / inner % count];
    int64_t row =
        k / (inner * count) * size + (index < 0 ? index + size : index);
    copyElement(*x, row * inner + k % inner, *y, k);
  }
  return true;
}

bool gatherElements(Application &app) {
  const Array *x = app.input(0), *indices = app.input(1);
  auto axis =
      x ? resolveAxis(app.node.integer("axis", 0), x->rank()) : std::nullopt;
  if (!axis || !indices || indices->isFloat() || indices->rank() != x->rank())
    return app.fail("expected an array and indices of the same rank");
  for (int64_t i = 0; i < x->rank(); ++i)
    if (i != *axis && indices->shape[i] > x->shape[i])
      return app.fail("the indices are larger than the array");
  Array *y = app.addResult(x->type, indices->shape);
  if (!y || !app.wantElements)
    return y;
  std::vector<int64_t> strides = rowMajorStrides(x->shape);
  int64_t step = strides[*axis], size = x->shape[*axis];
  strides[*axis] = 0;
  StridedIterator i(y->shape, std::move(strides));
  for (int64_t k = 0, end = y->size(); k < end; ++k, i.advance()) {
    int64_t index = indices->ints[k];
    if (index < -size || index >= size)
      return outOfRange(app, index, size);
    copyElement(*x, i.offset() + (index < 0 ? index + size : index) * step, *y,
                k);
  }
  return true;
}

/// Offset of the slice that row `row` of `indices` names, or nothing.
std::optional<int64_t> sliceOffset(const Array &x, const Array &indices,
                                   int64_t row) {
  std::vector<int64_t> strides = rowMajorStrides(x.shape);
  int64_t depth = indices.shape.back(), offset = 0;
  for (int64_t i = 0; i < depth; ++i) {
    int64_t index = indices.ints[row * depth + i], size = x.shape[i];
    if (index < -size || index >= size)
      return std::nullopt;
    offset += (index < 0 ? index + size : index) * strides[i];
  }
  return offset;
}

bool indexesSlices(const Array *x, const Array *indices) {
  return x && indices && !indices->isFloat() && indices->rank() > 0 &&
         indices->shape.back() > 0 && indices->shape.back() <= x->rank();
}

bool gatherNd(Application &app) {
  const Array *x = app.input(0), *indices = app.input(1);
  if (!indexesSlices(x, indices) || app.node.integer("batch_dims", 0) != 0)
    return app.fail(
        "expected an array and indices into it, without batch dimensions");
  int64_t depth = indices->shape.back();
  std::vector<int64_t> shape(indices->shape.begin(), indices->shape.end() - 1);
  shape.insert(shape.end(), x->shape.begin() + depth, x->shape.end());
  int64_t inner = rowMajorStrides(x->shape)[depth - 1];
  Array *y = app.addResult(x->type, std::move(shape));
  for (int64_t row = 0; y && app.wantElements && row < indices->size() / depth;
       ++row) {
    std::optional<int64_t> offset = sliceOffset(*x, *indices, row);
    if (!offset)
      return app.fail("an index is outside the array");
    for (int64_t i = 0; i < inner; ++i)
      copyElement(*x, *offset + i, *y, row * inner + i);
  }
  return y;
}

bool scatterNd(Application &app) {
  const Array *x = app.input(0), *indices = app.input(1),
              *updates = app.input(2);
  const Attribute *reduction = app.node.find("reduction");
  if (!indexesSlices(x, indices) || !updates ||
      updates->isFloat() != x->isFloat() ||
      (reduction && reduction->text && *reduction->text != "none"))
    return app.fail(
        "expected an array, indices into it and updates, without a reduction");
  int64_t depth = indices->shape.back(), rows = indices->size() / depth;
  int64_t inner = rowMajorStrides(x->shape)[depth - 1];
  if (updates->size() != rows * inner)
    return app.fail("the updates do not fit the indices");
  Array *y = app.addResult(x->type, x->shape);
  if (!y || !app.wantElements)
    return y;
  *y = *x;
  for (int64_t row = 0; row < rows; ++row) {
    std::optional<int64_t> offset = sliceOffset(*x, *indices, row);
    if (!offset)
      return app.fail("an index is outside the array");
    for (int64_t i = 0; i < inner; ++i)
      copyElement(*updates, row * inner + i, *y, *offset + i);
  }
  return true;
}

SliceRange resolveSlice(int64_t start, int64_t end, int64_t step,
                        int64_t size) {
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  // Bounds below -size, such as INT64_MIN, mean "before the first element".
  auto clamp = [&](int64_t at) {
    return at < -size ? low : std::clamp(at < 0 ? at + size : at, low, high);
  };
  SliceRange range;
  range.begin = clamp(start);
  range.step = step;
  int64_t stop = clamp(end),
          span = step > 0 ? stop - range.begin : range.begin - stop;
  int64_t stride = step > 0 ? step : step == INT64_MIN ? INT64_MAX : -step;
  range.count = span > 0 ? (span - 1) / stride + 1 : 0;
  return range;
}

bool slice(Application &app) {
  const Array *x = app.input(0);
  auto ranges = x ? sliceRanges(app, x->shape) : std::nullopt;
  if (!ranges)
    return app.fail("expected an array with known and valid bounds");
  std::vector<int64_t> shape = x->shape, strides = rowMajorStrides(shape);
  int64_t offset = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const SliceRange &range = (*ranges)[axis];
    shape[axis] = range.count;
    offset += range.count ? range.begin * strides[axis] : 0;
    strides[axis] = range.count > 1 ? strides[axis] * range.step : 0;
  }
  Array *y = app.addResult(x->type, std::move(shape));
  if (!y || !app.wantElements)
    return y;
  StridedIterator i(y->shape, std::move(strides));
  for (int64_t k = 0, end = y->size(); k < end; ++k, i.advance())
    copyElement(*x, offset + i.offset(), *y, k);
  return true;
}

bool trilu(Application &app) {
  const Array *x = app.input(0), *diagonal = app.input(1);
  if (!x || x->rank() < 2 ||
      (diagonal && (diagonal->size() != 1 || diagonal->isFloat())))
    return app.fail("expected a matrix and an optional diagonal");
  bool upper = app.node.integer("upper", 1) != 0;
  Array *y = app.addResult(x->type, x->shape);
  if (!y || !app.wantElements)
    return y;
  int64_t shift = diagonal ? diagonal->ints[0] : 0;
  int64_t rows = x->shape[x->rank() - 2], columns = x->shape.back();
  for (int64_t k = 0, end = y->size(); k < end; ++k) {
    int64_t row = k / columns % rows, column = k % columns;
    if (upper ? column - row >= shift : column - row <= shift)
      copyElement(*x, k, *y, k);
  }
  return true;
}

bool cumSum(Application &app) {
  const Array *x = app.input(0), *axisInput = app.input(1);
  if (!x || !axisInput || !axisInput->known || axisInput->size() != 1 ||
      axisInput->isFloat())
    return app.fail("expected an array and a known axis");
  auto axis = resolveAxis(axisInput->ints[0], x->rank());
  if (!axis || app.node.integer("exclusive", 0) ||
      app.node.integer("reverse", 0))
    return app.fail("only the inclusive forward sum is supported");
  Array *y = app.addResult(x->type, x->shape);
  if (!y || !app.wantElements)
    return y;
  int64_t step = rowMajorStrides(x->shape)[*axis], size = x->shape[*axis];
  *y = *x;
  for (int64_t k = 0, end = y->size(); k < end; ++k) {
    if (k / step % size == 0)
      continue;
    if (y->isFloat())
      y->floats[k] = roundTo(y->type, y->floats[k] + y->floats[k - step]);
    else
      y->ints[k] = uint64_t(y->ints[k]) + uint64_t(y->ints[k - step]);
  }
  return true;
}

bool nonZero(Application &app) {
  const Array *x = app.input(0);
  if (!x || !x->known)
    return app.fail("expected a known array");
  std::vector<int64_t> found, strides = rowMajorStrides(x->shape);
  for (int64_t k = 0, end = x->size(); k < end; ++k)
    if (x->at(k) != 0)
      found.push_back(k);
  int64_t count = static_cast<int64_t>(found.size());
  Array y = Array::integers({x->rank(), count}, {});
  for (int64_t axis = 0; axis < x->rank(); ++axis)
    for (int64_t k : found)
      y.ints.push_back(k / strides[axis] % x->shape[axis]);
  app.results.push_back(std::move(y));
  return true;
}

} // namespace

std::optional<std::vector<SliceRange>>
sliceRanges(const Application &app, const std::vector<int64_t> &shape) {
  auto starts = app.integers(1, "starts"), ends = app.integers(2, "ends");
  auto axes = app.integers(3, "axes"), steps = app.integers(4, "steps");
  if (!starts || !ends || starts->size() != ends->size() ||
      (axes && axes->size() != starts->size()) ||
      (steps && steps->size() != starts->size()))
    return std::nullopt;
  std::vector<SliceRange> ranges;
  for (int64_t size : shape)
    ranges.push_back({0, 1, size});
  for (size_t i = 0; i < starts->size(); ++i) {
    auto axis =
        resolveAxis(axes ? (*axes)[i] : int64_t(i), int64_t(shape.size()));
    int64_t step = steps ? (*steps)[i] : 1;
    if (!axis || step == 0)
      return std::nullopt;
    ranges[*axis] = resolveSlice((*starts)[i], (*ends)[i], step, shape[*axis]);
  }
  return ranges;
}

const std::vector<NamedOperator> &indexOperators() {
  static const std::vector<NamedOperator> table = {
      {"Gather", {gather}},
      {"GatherElements", {gatherElements}},
      {"GatherND", {gatherNd}},
      {"ScatterND", {scatterNd}},
      {"Slice", {slice, (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4)}},
      {"Trilu", {trilu}},
      {"CumSum", {cumSum, 1 << 1}},
      {"NonZero", {nonZero, 1 << 0}},
  };
  return table;
}

} // namespace neap::onnx
