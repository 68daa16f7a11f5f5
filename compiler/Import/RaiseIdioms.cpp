// Rules for norms, activations, gates, rotations and plain arithmetic.
#include "compiler/Import/Raiser.h"

using namespace mlir;

namespace neap::onnx {

static graph::ActivationKind kindOf(Nonlinearity kind) {
  switch (kind) {
  case Nonlinearity::Silu:
    return graph::ActivationKind::Silu;
  case Nonlinearity::Gelu:
    return graph::ActivationKind::Gelu;
  case Nonlinearity::GeluTanh:
    return graph::ActivationKind::GeluTanh;
  case Nonlinearity::Relu:
    break;
  }
  return graph::ActivationKind::Relu;
}

/// Add, Sub, Mul, Div: the last node of an idiom, or arithmetic of its own.
bool Raiser::raiseArithmetic(const NodeEntry &entry, View &view) {
  const std::string &op = entry.node->opType;
  bool isProduct = op == "Mul" || op == "Div";
  if (auto raised = tryNorm(entry, view))
    return *raised;
  // A rotation ends in a sum; a product behind it is the scale of attention.
  if (auto raised = isProduct ? std::nullopt : tryRope(entry, view))
    return *raised;
  if (auto raised = tryActivation(entry, view))
    return *raised;
  ValueId a = entry.inputs[0], b = entry.inputs[1];
  if (isToken(a) && isToken(b))
    return combine(entry, view);
  if (isProduct && isToken(a))
    return scaleBy(entry, a, b, op == "Div", view);
  if (op == "Mul")
    return scaleBy(entry, b, a, false, view);
  if (op == "Add")
    return addConstant(entry, isToken(a) ? a : b, isToken(a) ? b : a, view);
  return fail(entry,
              "no supported idiom ends in this " + op + " with a constant");
}

/// Any other operator may be the last of an activation.
bool Raiser::raiseFunction(const NodeEntry &entry, View &view) {
  if (auto raised = tryActivation(entry, view))
    return *raised;
  return fail(entry, "no supported idiom ends in this " + entry.node->opType);
}

bool Raiser::scaleBy(const NodeEntry &entry, ValueId x, ValueId factor,
                     bool divide, View &view) {
  const Array *known = shapeOf(factor)->size() == 1
                           ? matching.structure.elements(factor)
                           : nullptr;
  if (!known)
    return fail(entry, "activations are multiplied by a constant of shape " +
                           shapeText(shapeOf(factor)->shape) +
                           ", expected a number");
  const View *source = get(x);
  if (!source)
    return false;
  view = *source;
  view.scale *= divide ? 1 / known->at(0) : known->at(0);
  // A number of higher rank than the value adds axes in front.
  auto layout = view.layout.reshaped(shapeOf(entry.outputs[0])->shape);
  if (!layout)
    return fail(entry, "cannot follow a product");
  view.layout = *layout;
  return true;
}

/// a op b of two activations: a sum, a product, or a gated activation.
bool Raiser::combine(const NodeEntry &entry, View &view) {
  const std::string &op = entry.node->opType;
  const View *first = get(entry.inputs[0]),
             *second = first ? get(entry.inputs[1]) : nullptr;
  if (!second)
    return false;
  View a = *first, b = *second;
  if (op == "Sub")
    b.scale = -b.scale;
  if (op == "Mul") { // scales of factors commute with the product
    view.scale = a.scale * b.scale;
    a.scale = b.scale = 1;
  }
  if (op == "Div")
    return fail(entry, "a quotient of two activations is not supported");
  if (!settle(entry, a) || !settle(entry, b))
    return false;
  if (a.layout.axes != b.layout.axes)
    return fail(entry,
                "the operands of this " + op + " are laid out differently");
  view.layout = a.layout;
  Location loc = location(entry);
  Type type = a.base.getType();
  if (op != "Mul") {
    view.base = graph::AddOp::create(builder, loc, type, a.base, b.base);
    return true;
  }
  if (!a.base.getDefiningOp<graph::ActivationOp>())
    std::swap(a, b);
  if (auto gate = a.base.getDefiningOp<graph::ActivationOp>())
    view.base = graph::GluOp::create(builder, loc, type, gate.getX(), b.base,
                                     gate.getKindAttr());
  else
    view.base = graph::MulOp::create(builder, loc, type, a.base, b.base);
  return true;
}

std::optional<bool> Raiser::tryActivation(const NodeEntry &entry, View &view) {
  std::optional<ActivationMatch> match =
      matchActivation(matching, entry.outputs[0]);
  if (!match)
    return std::nullopt;
  const View *source = get(match->source);
  if (!source)
    return false;
  view = *source;
  if (!settle(entry, view))
    return false;
  view.base = graph::ActivationOp::create(
      builder, location(entry), view.base.getType(), view.base,
      graph::ActivationKindAttr::get(builder.getContext(),
                                     kindOf(match->kind)));
  return true;
}

std::optional<bool> Raiser::tryNorm(const NodeEntry &entry, View &view) {
  std::optional<NormMatch> match = matchNorm(matching, entry.outputs[0]);
  return match ? std::optional<bool>(addNorm(entry, *match, view))
               : std::nullopt;
}

bool Raiser::raiseNormOperator(const NodeEntry &entry, View &view) {
  const Node &node = *entry.node;
  NormMatch norm;
  norm.centred = node.opType == "LayerNormalization";
  norm.source = entry.inputs[0];
  norm.weight = entry.inputs.size() > 1 ? entry.inputs[1] : kNoValue;
  norm.bias = entry.inputs.size() > 2 ? entry.inputs[2] : kNoValue;
  norm.epsilon = node.number("epsilon", 1e-5);
  int64_t rank = shapeOf(norm.source)->rank();
  if (resolveAxis(node.integer("axis", -1), rank) != rank - 1)
    return fail(
        entry, "a normalisation over more than the last axis is not supported");
  return addNorm(entry, norm, view);
}

bool Raiser::addNorm(const NodeEntry &entry, const NormMatch &norm,
                     View &view) {
  const View *source = get(norm.source);
  if (!source)
    return false;
  view = *source;
  if (!settle(entry, view))
    return false;
  int64_t columns = graph::getColumns(view.base);
  Axis whole = {{AtomKind::Column, columns, 1}};
  if (view.layout.axes.back() != whole)
    return fail(
        entry,
        "a normalisation over part of the features (such as one head) is not "
        "supported");
  std::string name = entry.node->label();
  graph::WeightDeclOp weight =
      norm.weight == kNoValue
          ? weights.inlineArray({columns}, std::vector<float>(columns, 1),
                                name + ".weight")
          : weights.vector(norm.weight, columns, name + ".weight");
  if (!weight)
    return fail(entry, weights.problem());
  Value weightHandle = weightValue(entry, weight), biasHandle;
  if (norm.bias != kNoValue) {
    graph::WeightDeclOp bias =
        weights.vector(norm.bias, columns, name + ".bias");
    if (!bias)
      return fail(entry, weights.problem());
    biasHandle = weightValue(entry, bias);
  }
  FloatAttr epsilon = builder.getF32FloatAttr(static_cast<float>(norm.epsilon));
  Location loc = location(entry);
  Type type = view.base.getType();
  if (norm.centred)
    view.base = graph::LayerNormOp::create(builder, loc, type, view.base,
                                           weightHandle, biasHandle, epsilon);
  else if (biasHandle)
    return fail(
        entry, "a root mean square normalisation with a bias is not supported");
  else
    view.base = graph::RmsNormOp::create(builder, loc, type, view.base,
                                         weightHandle, epsilon);
  return true;
}

std::optional<bool> Raiser::tryRope(const NodeEntry &entry, View &view) {
  std::string problem;
  std::optional<RopeMatch> match =
      matchRope(matching, entry.outputs[0], problem);
  if (!match)
    return problem.empty() ? std::nullopt
                           : std::optional<bool>(fail(entry, problem));
  const View *source = get(match->source);
  if (!source)
    return false;
  view = *source;
  if (!materialise(entry, view))
    return false;
  bool aligned =
      view.layout.axes.back() == Axis{{AtomKind::Column, match->headDim, 1}};
  for (int i = 0; i + 1 < int(view.layout.axes.size()); ++i) {
    bool isTokens = i == match->tokenAxis;
    for (const Atom &atom : view.layout.axes[i])
      aligned &= (atom.kind == AtomKind::Token) == isTokens;
  }
  if (!aligned)
    return fail(entry, "a rotary embedding over an axis that is not one head");
  Value table = ropeTable(entry, *match);
  if (!table)
    return false;
  int64_t heads = graph::getColumns(view.base) / match->headDim;
  view.base = graph::RopeOp::create(
      builder, location(entry), view.base.getType(), view.base, table,
      builder.getI64IntegerAttr(heads),
      builder.getI64IntegerAttr(match->headDim),
      match->interleaved ? builder.getUnitAttr() : UnitAttr(), UnitAttr());
  auto layout = view.layout.reshaped(shapeOf(entry.outputs[0])->shape);
  if (!layout)
    return fail(entry, "cannot follow a rotary embedding");
  view.layout = *layout;
  return true;
}

/// One table op per distinct table: all layers of a model share it.
Value Raiser::ropeTable(const NodeEntry &entry, const RopeMatch &match) {
  auto bytesOf = [](const std::vector<float> &values) {
    return std::string(reinterpret_cast<const char *>(values.data()),
                       values.size() * sizeof(float));
  };
  std::string key = bytesOf(match.frequencies) + bytesOf(match.table) +
                    bytesOf({match.scale});
  Value &table = ropeTables[key];
  if (table)
    return table;
  Location loc = location(entry);
  if (!match.frequencies.empty())
    return table = graph::RopeTableOp::create(
               builder, loc, activation(match.columns), ids,
               builder.getDenseF32ArrayAttr(match.frequencies),
               builder.getF32FloatAttr(match.scale));
  int64_t rows = static_cast<int64_t>(match.table.size()) / match.columns;
  graph::WeightDeclOp decl =
      weights.inlineArray({rows, match.columns}, match.table,
                          "rope_table_" + std::to_string(ropeTables.size()));
  if (!decl)
    return fail(entry, weights.problem()), Value();
  Value handle = weightValue(entry, decl);
  return table = graph::PositionEmbeddingOp::create(
             builder, loc, activation(match.columns), ids, handle);
}

} // namespace neap::onnx
