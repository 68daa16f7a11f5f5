// Rules for operators that move elements without computing.
#include "compiler/Import/Raiser.h"

using namespace mlir;

namespace neap::onnx {

/// More pieces than this are no packing of projections.
static constexpr size_t kMaximumPieces = 512;

bool Raiser::raiseSame(const NodeEntry &entry, View &view) {
  const View *x = get(entry.inputs[0]);
  if (!x)
    return false;
  bool isIds = x->base == ids;
  const Array *from = shapeOf(entry.inputs[0]), *to = shapeOf(entry.outputs[0]);
  if (from->isFloat() != to->isFloat())
    return fail(entry, isIds ? "token ids are used as numbers"
                             : "activations are cast to integers");
  view = *x;
  return true;
}

bool Raiser::raiseReshape(const NodeEntry &entry, View &view) {
  const View *x = get(entry.inputs[0]);
  if (!x)
    return false;
  const Array *shape = shapeOf(entry.outputs[0]);
  auto layout = x->layout.reshaped(shape->shape);
  if (!layout)
    return fail(entry, "cannot follow a reshape to " + shapeText(shape->shape));
  view = *x;
  view.layout = *layout;
  return true;
}

bool Raiser::raiseTranspose(const NodeEntry &entry, View &view) {
  const View *x = get(entry.inputs[0]);
  if (!x)
    return false;
  std::vector<int64_t> order;
  if (const Attribute *given = entry.node->find("perm"))
    order = given->integers;
  else
    for (int64_t i = int64_t(x->layout.axes.size()); i-- > 0;)
      order.push_back(i);
  view = *x;
  view.layout = x->layout.transposed(order);
  return true;
}

bool Raiser::raiseExpand(const NodeEntry &entry, View &view) {
  if (!isToken(entry.inputs[0]))
    return fail(entry, "a shape depends on the token ids");
  const View *x = get(entry.inputs[0]);
  if (!x)
    return false;
  auto layout = x->layout.expanded(shapeOf(entry.outputs[0])->shape);
  if (!layout)
    return fail(entry, "cannot follow an expansion");
  view = *x;
  view.layout = *layout;
  return true;
}

/// Tile(x, r) on an axis of size 1 is an expansion; on another the copies lie
/// around the axis.
bool Raiser::raiseTile(const NodeEntry &entry, View &view) {
  if (!isToken(entry.inputs[0]))
    return fail(entry, "a shape depends on the token ids");
  const View *x = get(entry.inputs[0]);
  if (!x)
    return false;
  const std::vector<int64_t> &shape = shapeOf(entry.outputs[0])->shape;
  view = *x;
  for (size_t i = 0; i < shape.size(); ++i) {
    Axis &axis = view.layout.axes[i];
    int64_t copies = shape[i] / std::max<int64_t>(axisSize(axis), 1);
    if (copies > 1)
      axis.insert(axis.begin(), {AtomKind::Repeat, copies, 0});
  }
  return true;
}

bool Raiser::raiseSlice(const NodeEntry &entry, View &view) {
  if (!isToken(entry.inputs[0]))
    return fail(entry, "the bounds of a slice depend on the token ids");
  const View *x = get(entry.inputs[0]);
  if (!x)
    return false;
  Application app{
      *entry.node, matching.index.model().opset, {}, false, false, {}, {}};
  for (ValueId input : entry.inputs)
    app.inputs.push_back(input == kNoValue ? nullptr
                         : isToken(input) ? shapeOf(input)
                                          : matching.structure.elements(input));
  view = *x;
  auto ranges = sliceRanges(app, view.layout.shape());
  for (size_t axis = 0; ranges && axis < ranges->size(); ++axis) {
    const SliceRange &range = (*ranges)[axis];
    auto layout = range.step < 1 ? std::nullopt
                                 : view.layout.sliced(axis, range.begin,
                                                      range.step, range.count);
    if (!layout)
      return fail(entry, "a slice is supported along features only");
    view.layout = *layout;
  }
  return ranges || fail(entry, "the bounds of a slice are not known");
}

/// The whole input: raiseNode() takes the part.
bool Raiser::raiseSplit(const NodeEntry &entry, View &view) {
  const View *x = get(entry.inputs[0]);
  if (x)
    view = *x;
  return x;
}

bool Raiser::raiseConcat(const NodeEntry &entry, View &view) {
  if (auto raised = tryRope(entry, view))
    return *raised;
  // Cached keys and values are empty: what is left may be a single part.
  std::vector<ValueId> parts;
  size_t axis = *resolveAxis(entry.node->integer("axis", 0),
                             shapeOf(entry.outputs[0])->rank());
  for (ValueId input : entry.inputs)
    if (shapeOf(input)->shape[axis] != 0)
      parts.push_back(input);
  std::vector<Value> bases;
  for (ValueId part : parts) {
    if (!isToken(part))
      return fail(entry, "a constant is concatenated with activations");
    const View *x = get(part);
    if (!x)
      return false;
    view = *x;
    if (parts.size() == 1)
      return true;
    if (!settle(entry, view))
      return false;
    bool lastOnly = axis + 1 == view.layout.axes.size();
    for (size_t i = 0; i < axis && lastOnly; ++i)
      lastOnly = !view.layout.axes[i].empty()
                     ? view.layout.axes[i][0].kind != AtomKind::Column
                     : true;
    if (!lastOnly)
      return fail(entry, "a concatenation is supported along features only");
    bases.push_back(view.base);
  }
  int64_t columns = 0;
  for (Value base : bases)
    columns += graph::getColumns(base);
  view.base = graph::ConcatColumnsOp::create(builder, location(entry),
                                             activation(columns), bases);
  view.layout.axes.back() = {{AtomKind::Column, columns, 1}};
  return true;
}

bool Raiser::materialise(const NodeEntry &entry, View &view) {
  if (view.base == ids)
    return fail(entry, "token ids are used as numbers");
  std::optional<std::vector<int64_t>> columns = view.layout.columns();
  if (!columns)
    return fail(entry,
                "repeated columns are supported as keys and values only");
  std::vector<std::pair<int64_t, int64_t>> runs; // begin, count
  for (int64_t column : *columns) {
    if (!runs.empty() && runs.back().first + runs.back().second == column)
      ++runs.back().second;
    else
      runs.push_back({column, 1});
  }
  if (runs.size() > kMaximumPieces)
    return fail(entry, "columns are taken in " + std::to_string(runs.size()) +
                           " pieces, more than " +
                           std::to_string(kMaximumPieces));
  Location loc = location(entry);
  std::vector<Value> pieces;
  for (auto [begin, count] : runs) {
    bool whole = begin == 0 && count == graph::getColumns(view.base);
    pieces.push_back(whole ? view.base
                           : graph::SliceColumnsOp::create(
                                 builder, loc, activation(count), view.base,
                                 builder.getI64IntegerAttr(begin)));
  }
  if (pieces.size() == 1)
    view.base = pieces[0];
  else
    view.base = graph::ConcatColumnsOp::create(
        builder, loc, activation(static_cast<int64_t>(columns->size())),
        pieces);
  view.layout = view.layout.rebased();
  return true;
}

bool Raiser::settle(const NodeEntry &entry, View &view) {
  if (!materialise(entry, view))
    return false;
  if (view.scale != 1)
    view.base = graph::ScaleOp::create(
        builder, location(entry), view.base.getType(), view.base,
        builder.getF32FloatAttr(static_cast<float>(view.scale)));
  view.scale = 1;
  return true;
}

} // namespace neap::onnx
