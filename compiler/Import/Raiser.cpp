#include "compiler/Import/Raiser.h"

using namespace mlir;

namespace neap::onnx {

/// Longest chain of values; importModel gives the stack for it.
static constexpr int kMaximumDepth = 20000;

Raiser::Raiser(func::FuncOp function, const Matching &matching,
               const InputBinding &binding, WeightTable &weights)
    : function(function), builder(function.getContext()), matching(matching),
      binding(binding), weights(weights) {
  Block *body = function.addEntryBlock();
  ids = body->getArgument(0);
  builder.setInsertionPointToStart(body);
  Layout layout;
  for (int64_t size : matching.structure.shape(binding.tokens())->shape)
    layout.axes.push_back(size == 1 ? Axis()
                                    : Axis{{AtomKind::Batch, size, 1}});
  layout.axes.back() = {{AtomKind::Token, matching.structureTokens, 1}};
  views[binding.tokens()] = View{ids, layout, 1};
}

const std::map<std::string, Raiser::Rule> &Raiser::rules() {
  static const std::map<std::string, Rule> table = {
      {"Identity", &Raiser::raiseSame},
      {"Cast", &Raiser::raiseSame},
      {"CastLike", &Raiser::raiseSame},
      {"Dropout", &Raiser::raiseSame},
      {"Reshape", &Raiser::raiseReshape},
      {"Flatten", &Raiser::raiseReshape},
      {"Squeeze", &Raiser::raiseReshape},
      {"Unsqueeze", &Raiser::raiseReshape},
      {"Transpose", &Raiser::raiseTranspose},
      {"Expand", &Raiser::raiseExpand},
      {"Tile", &Raiser::raiseTile},
      {"Slice", &Raiser::raiseSlice},
      {"Split", &Raiser::raiseSplit},
      {"Concat", &Raiser::raiseConcat},
      {"Gather", &Raiser::raiseGather},
      {"MatMul", &Raiser::raiseMatMul},
      {"Gemm", &Raiser::raiseGemm},
      {"Add", &Raiser::raiseArithmetic},
      {"Sub", &Raiser::raiseArithmetic},
      {"Mul", &Raiser::raiseArithmetic},
      {"Div", &Raiser::raiseArithmetic},
      {"LayerNormalization", &Raiser::raiseNormOperator},
      {"SimplifiedLayerNormalization", &Raiser::raiseNormOperator},
      {"RMSNormalization", &Raiser::raiseNormOperator},
  };
  return table;
}

bool Raiser::fail(const NodeEntry &entry, const std::string &message) {
  error = InputError{matching.index.model().path, entry.node->label(), message};
  return false;
}

bool Raiser::fail(const InputError &cause) {
  error = cause;
  return false;
}

Location Raiser::location(const NodeEntry &entry) const {
  return NameLoc::get(builder.getStringAttr(entry.node->label()));
}

const View *Raiser::get(ValueId id) {
  auto found = views.find(id);
  if (found != views.end())
    return &found->second;
  View view;
  ++depth;
  bool raised = raiseNode(id, view);
  --depth;
  return raised ? &views.emplace(id, std::move(view)).first->second : nullptr;
}

bool Raiser::raiseNode(ValueId id, View &view) {
  const NodeEntry *entry = matching.index.producer(id);
  if (!entry || !isToken(id))
    return fail({matching.index.model().path, matching.index.value(id).name,
                 "expected a value that depends on the token ids"});
  if (depth > kMaximumDepth)
    return fail(*entry, "the graph is nested more than " +
                            std::to_string(kMaximumDepth) + " deep");
  if (matching.index.value(id).output != 0 && entry->node->opType != "Split")
    return fail(*entry, "only the first output of " + entry->node->opType +
                            " is supported");
  if (!shapeOf(id))
    return fail(matching.structure.getError());
  auto rule = entry->node->domain.empty() ? rules().find(entry->node->opType)
                                          : rules().end();
  if (rule == rules().end() ? !raiseFunction(*entry, view)
                            : !(this->*rule->second)(*entry, view))
    return false;
  // A split's outputs differ by their slice only.
  if (entry->node->opType == "Split") {
    size_t axis =
        *resolveAxis(entry->node->integer("axis", 0), shapeOf(id)->rank());
    int64_t begin = 0;
    for (int i = 0; i < matching.index.value(id).output; ++i)
      if (entry->outputs[i] != kNoValue)
        begin += shapeOf(entry->outputs[i])->shape[axis];
      else
        return fail(*entry, "a split with omitted outputs is not supported");
    auto layout = view.layout.sliced(axis, begin, 1, shapeOf(id)->shape[axis]);
    if (!layout)
      return fail(*entry, "a split is supported along features only");
    view.layout = *layout;
  }
  return true;
}

bool Raiser::raise(ValueId logits) {
  const View *found = get(logits);
  if (!found)
    return false;
  View view = *found;
  const NodeEntry &entry = *matching.index.producer(logits);
  if (!settle(entry, view))
    return false;
  size_t rank = view.layout.axes.size();
  for (size_t i = 0; i + 1 < rank; ++i)
    if (!holdsOnly(view.layout.axes[i], AtomKind::Token) &&
        !holdsOnly(view.layout.axes[i], AtomKind::Batch))
      return fail(entry,
                  "expected logits of shape [batch, tokens, vocabulary]");
  auto linear = view.base.getDefiningOp<graph::LinearOp>();
  if (!linear)
    return fail(entry, "expected the logits to come from a linear layer");
  int64_t columns = graph::getColumns(view.base);
  int64_t vocabulary =
      embedding ? cast<graph::WeightType>(embedding.getType()).getShape()[0]
                : 0;
  if (!embedding || columns < vocabulary)
    return fail(entry, "expected logits for the " + std::to_string(vocabulary) +
                           " tokens of the embedding, but found " +
                           std::to_string(columns) + " columns");
  func::ReturnOp::create(builder, location(entry), view.base);
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(),
                                                   view.base.getType()));
  // Rules build what an idiom absorbed later (a bias, a gate): drop it.
  std::vector<Operation *> ops;
  for (Operation &op : function.getBody().front().without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty()) {
      llvm::erase_if(raisedLinears, [&](const RaisedLinear &raised) {
        return raised.op == op;
      });
      op->erase();
    }
  return true;
}

std::vector<RaisedLinear> Raiser::linears() const { return raisedLinears; }

} // namespace neap::onnx
