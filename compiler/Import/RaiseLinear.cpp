// Rules for embeddings and linear layers.
#include "compiler/Import/ModuleNames.h"
#include "compiler/Import/Raiser.h"

#include "dialects/Graph/ModulePath.h"

using namespace mlir;

namespace neap::onnx {

Value Raiser::weightValue(const NodeEntry &entry, graph::WeightDeclOp decl) {
  return graph::WeightOp::create(builder, location(entry), decl.getType(),
                                 FlatSymbolRefAttr::get(decl.getSymNameAttr()));
}

/// A gather is an embedding of the token ids, or picks columns by constants.
bool Raiser::raiseGather(const NodeEntry &entry, View &view) {
  ValueId table = entry.inputs[0], indices = entry.inputs[1];
  size_t axis =
      *resolveAxis(entry.node->integer("axis", 0), shapeOf(table)->rank());
  if (isToken(indices)) {
    const View *at = isToken(table) ? nullptr : get(indices);
    if (!isToken(table) && !at)
      return false;
    if (isToken(table) || axis != 0 || shapeOf(table)->rank() != 2 ||
        at->base != ids)
      return fail(
          entry, "expected an embedding: rows of a constant table by token id");
    graph::WeightDeclOp decl = weights.table(
        table, 0, -1,
        findModulePath(*entry.node, matching.index.value(table).name,
                       /*isShared=*/false) +
            ".weight");
    if (!decl)
      return fail(entry, weights.problem());
    embedding = embedding ? embedding : decl;
    int64_t columns = shapeOf(table)->shape[1];
    view.layout = at->layout;
    view.layout.axes.push_back({{AtomKind::Column, columns, 1}});
    Value handle = weightValue(entry, decl);
    view.base = graph::EmbeddingOp::create(builder, location(entry),
                                           activation(columns), ids, handle);
    return true;
  }
  const Array *picks = matching.structure.elements(indices);
  const View *x = picks ? get(table) : nullptr;
  if (!x)
    return picks ? false : fail(matching.structure.getError());
  view = *x;
  int64_t size = axisSize(view.layout.axes[axis]);
  int64_t first = picks->size() ? picks->ints[0] : 0;
  first += first < 0 ? size : 0;
  for (int64_t i = 0; i < picks->size(); ++i)
    if ((picks->ints[i] < 0 ? picks->ints[i] + size : picks->ints[i]) !=
        first + i)
      return fail(entry, "a gather of features that do not follow each other");
  auto layout = view.layout.sliced(axis, first, 1, picks->size());
  if (!layout)
    return fail(entry, "a gather is supported along features only");
  layout->axes.erase(layout->axes.begin() + axis);
  // The indices' own shape takes the axis's place.
  std::vector<int64_t> shape = shapeOf(entry.outputs[0])->shape;
  auto reshaped = layout->axes.size() == shape.size() ? layout : std::nullopt;
  if (picks->rank() != 0) {
    layout = view.layout.sliced(axis, first, 1, picks->size());
    reshaped = layout->reshaped(shape);
  }
  if (!reshaped)
    return fail(entry, "cannot follow a gather");
  view.layout = *reshaped;
  return true;
}

bool Raiser::raiseMatMul(const NodeEntry &entry, View &view) {
  ValueId left = entry.inputs[0], right = entry.inputs[1];
  if (isToken(left) && isToken(right))
    return raiseAttention(entry, view);
  if (!isToken(left))
    return fail(entry,
                "a product with the activations on the right is not supported");
  return addLinear(entry, left, right, view);
}

bool Raiser::raiseGemm(const NodeEntry &entry, View &view) {
  const Node &node = *entry.node;
  ValueId bias = entry.inputs.size() > 2 ? entry.inputs[2] : kNoValue;
  if (isToken(entry.inputs[1]) || isToken(bias) ||
      node.integer("transA", 0) != 0 || node.number("alpha", 1) != 1 ||
      (bias != kNoValue && node.number("beta", 1) != 1))
    return fail(entry,
                "expected a product of activations and a constant weight with "
                "transA = 0, alpha = beta = 1");
  if (!addLinear(entry, entry.inputs[0], entry.inputs[1], view))
    return false;
  return bias == kNoValue || addBias(entry, bias, view);
}

bool Raiser::addLinear(const NodeEntry &entry, ValueId x, ValueId weight,
                       View &view) {
  const View *source = get(x);
  if (!source)
    return false;
  view = *source;
  if (!settle(entry, view))
    return false;
  bool transposedB =
      entry.node->opType == "Gemm" && entry.node->integer("transB", 0) != 0;
  int64_t in = graph::getColumns(view.base),
          out = shapeOf(entry.outputs[0])->shape.back();
  Axis whole = {{AtomKind::Column, in, 1}};
  bool wholeRow = in == 1 || view.layout.axes.back() == whole;
  if (!wholeRow)
    return fail(entry,
                "a linear layer over part of the features is not supported");
  std::optional<TracedWeight> traced = weights.trace(weight);
  // A tied weight carries the embedding's name.
  bool isShared =
      traced && embedding && weights.tensorOf(embedding) == traced->tensor;
  std::string path =
      findModulePath(*entry.node, traced ? traced->tensor->name : "", isShared);
  if (int uses = pathUses[path]++)
    path += "." + entry.node->opType + "_" + std::to_string(uses);
  if (embedding)
    weights.tie(weight, transposedB, embedding);
  graph::WeightDeclOp decl =
      weights.matrix(weight, transposedB, path + ".weight");
  if (!decl)
    return fail(entry, weights.problem());
  Value handle = weightValue(entry, decl);
  Location loc =
      getNodeLocation(builder.getContext(), entry.node->label(), path);
  auto linear = graph::LinearOp::create(builder, loc, activation(out),
                                        view.base, handle, Value());
  raisedLinears.push_back({linear, path});
  view.base = linear;
  view.layout.axes.back() =
      out == 1 ? Axis() : Axis{{AtomKind::Column, out, 1}};
  return true;
}

/// Rebuilds the linear layer under the view with a bias; the old one dies.
bool Raiser::addBias(const NodeEntry &entry, ValueId bias, View &view) {
  auto linear = view.base.getDefiningOp<graph::LinearOp>();
  int64_t columns = linear ? graph::getColumns(linear) : 0;
  Axis whole = {{AtomKind::Column, columns, 1}};
  if (!linear || linear.getBias() || view.scale != 1 ||
      view.layout.offset != 0 || view.layout.axes.empty() ||
      view.layout.axes.back() != whole)
    return fail(
        entry,
        "a constant is added to something other than a linear layer's output");
  auto raised =
      llvm::find_if(raisedLinears, [&](const RaisedLinear &candidate) {
        return candidate.op == linear;
      });
  graph::WeightDeclOp decl =
      weights.vector(bias, columns, raised->path + ".bias");
  if (!decl)
    return fail(entry, weights.problem());
  Value handle = weightValue(entry, decl);
  auto biased =
      graph::LinearOp::create(builder, linear.getLoc(), linear.getType(),
                              linear.getX(), linear.getWeight(), handle);
  raisedLinears.push_back({biased, raised->path});
  view.base = biased;
  return true;
}

/// x + constant: a bias, or positions that are added to the embedding.
bool Raiser::addConstant(const NodeEntry &entry, ValueId x, ValueId constant,
                         View &view) {
  const View *source = get(x);
  if (!source)
    return false;
  view = *source;
  const std::vector<int64_t> &shape = shapeOf(constant)->shape;
  int64_t size = shapeOf(constant)->size();
  if (!shape.empty() && shape.back() == size)
    return addBias(entry, constant, view);
  if (!settle(entry, view))
    return false;
  Value table = positionTable(entry, constant, view);
  if (!table)
    return false;
  view.base = graph::AddOp::create(builder, location(entry),
                                   view.base.getType(), view.base, table);
  return true;
}

/// A constant [.., tokens, columns] as an activation: rows of a stored table
/// from some first row on, or rows computed at import.
Value Raiser::positionTable(const NodeEntry &entry, ValueId constant,
                            const View &like) {
  const Array *shape = shapeOf(constant);
  int64_t rank = shape->rank(), columns = graph::getColumns(like.base);
  size_t axes = like.layout.axes.size();
  Axis whole = {{AtomKind::Column, columns, 1}};
  bool aligned = rank >= 2 && axes >= 2 && like.layout.axes.back() == whole &&
                 holdsOnly(like.layout.axes[axes - 2], AtomKind::Token) &&
                 shape->shape[rank - 1] == columns &&
                 shape->shape[rank - 2] == matching.structureTokens &&
                 shape->size() % (columns * matching.structureTokens) == 0;
  if (!aligned)
    return fail(entry, "a constant of shape " + shapeText(shape->shape) +
                           " is added to activations: expected a bias or a "
                           "table of positions"),
           Value();
  ValueId at = constant;
  const NodeEntry *producer = matching.index.producer(at);
  while (producer && (producer->node->opType == "Cast" ||
                      producer->node->opType == "Identity" ||
                      producer->node->opType == "Unsqueeze" ||
                      producer->node->opType == "Expand" ||
                      producer->node->opType == "Reshape" ||
                      producer->node->opType == "Squeeze")) {
    at = producer->inputs[0];
    producer = matching.index.producer(at);
  }
  graph::WeightDeclOp decl;
  std::string name = entry.node->label() + ".positions";
  bool gathers = producer && producer->node->opType == "Gather" &&
                 weights.trace(producer->inputs[0]) &&
                 shapeOf(producer->inputs[0])->rank() == 2 &&
                 producer->node->integer("axis", 0) == 0;
  if (gathers) {
    const Array *rows = matching.positions.elements(producer->inputs[1]);
    if (!rows)
      return fail(matching.positions.getError()), Value();
    int64_t first = rows->size() ? rows->ints[0] : 0,
            stored = shapeOf(producer->inputs[0])->shape[0];
    for (int64_t i = 0; i < rows->size(); ++i)
      if (rows->ints[i] != first + i % matching.positionTokens)
        return fail(*producer, "positions do not follow each other"), Value();
    if (first < 0 || stored - first < matching.maxTokens)
      return fail(*producer, "rows of " + std::to_string(matching.maxTokens) +
                                 " tokens are longer than the model's " +
                                 std::to_string(stored - first) + " positions"),
             Value();
    decl = weights.table(producer->inputs[0], first, stored - first, name);
  } else if (const Array *values = matching.positions.elements(constant)) {
    int64_t period = matching.positionTokens * columns;
    for (int64_t k = period; k < values->size(); ++k)
      if (values->floats[k] != values->floats[k - period])
        return fail(entry, "the rows of the batch have different positions"),
               Value();
    decl = weights.inlineArray(
        {matching.positionTokens, columns},
        {values->floats.begin(), values->floats.begin() + period}, name);
  } else
    return fail(matching.positions.getError()), Value();
  if (!decl)
    return fail(entry, weights.problem()), Value();
  Value handle = weightValue(entry, decl);
  return graph::PositionEmbeddingOp::create(builder, location(entry),
                                            activation(columns), ids, handle);
}

} // namespace neap::onnx
