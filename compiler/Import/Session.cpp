#include "compiler/Import/Session.h"

#include <queue>

namespace neap::onnx {

/// Largest initializer that the evaluator decodes: cached rotary tables and
/// masks of long contexts, not weight matrices.
static constexpr int64_t kMaximumDecodedBytes = int64_t(256) << 20;

std::vector<bool> findTokenDependent(const GraphIndex &index, ValueId tokens) {
  std::vector<bool> dependent(index.values().size(), false);
  dependent[tokens] = true;
  for (const NodeEntry &entry : index.nodes()) {
    const Operator *op = findOperator(*entry.node);
    bool depends = false;
    for (ValueId input : entry.inputs)
      depends |= input != kNoValue && dependent[input];
    for (ValueId output : entry.outputs)
      if (output != kNoValue)
        dependent[output] = depends && !(op && op->readsShapeOnly);
  }
  return dependent;
}

/// Whether input `i` must be known to compute what is wanted of the node.
static bool needsElements(const Operator &op, size_t i, bool elements) {
  if (op.readsShapeOnly)
    return false;
  return elements || (i < 32 && (op.shapeInputs >> i & 1));
}

const Array *Session::get(ValueId id, bool elements) {
  if (satisfied(id, elements))
    return &*slots[id];
  // Nodes leave the queue after all their users, so what is wanted of them is
  // settled by then. Value of the map: whether elements are wanted.
  std::map<int, bool> wanted;
  std::priority_queue<int> pending;
  auto want = [&](ValueId value, bool itsElements) {
    int node = index.value(value).node;
    if (satisfied(value, itsElements))
      return true;
    if (node < 0)
      return load(value, itsElements);
    auto [entry, added] = wanted.emplace(node, itsElements);
    entry->second |= itsElements;
    if (added)
      pending.push(node);
    return true;
  };
  if (!want(id, elements))
    return nullptr;
  while (!pending.empty()) {
    int node = pending.top();
    pending.pop();
    const NodeEntry &entry = index.nodes()[node];
    const Operator *op = findOperator(*entry.node);
    if (!op)
      return fail(entry.node->label(),
                  "operator '" + entry.node->opType + "' is not supported"),
             nullptr;
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      if (entry.inputs[i] != kNoValue &&
          !want(entry.inputs[i], needsElements(*op, i, wanted[node])))
        return nullptr;
  }
  for (auto [node, itsElements] : wanted)
    if (!run(node, itsElements))
      return nullptr;
  if (!satisfied(id, elements))
    return fail(index.value(id).name,
                "this output of its operator is not supported"),
           nullptr;
  return &*slots[id];
}

bool Session::load(ValueId id, bool elements) {
  const ValueEntry &value = index.value(id);
  if (value.input) {
    auto bound = inputs.find(id);
    if (bound == inputs.end())
      return fail(value.name, "the graph input has no value at import");
    slots[id] = bound->second;
    return slots[id]->known || !elements ||
           fail(value.name, "its contents are needed at import, but are known "
                            "at run time only");
  }
  const Tensor &tensor = *value.initializer;
  if (!elements) {
    slots[id] = Array::unknown(tensor.type, tensor.shape);
    return true;
  }
  if (tensor.absent)
    return fail(value.name, "its data are needed at import, but '" +
                                tensor.file + "' does not exist");
  if (elementBytes(tensor.type) == 0 || tensor.bytes > kMaximumDecodedBytes)
    return fail(value.name,
                "a constant of type " + elementTypeName(tensor.type) +
                    shapeText(tensor.shape) + " cannot be evaluated at import");
  slots[id] = decodeArray(tensor.type, tensor.shape, tensor.data());
  return true;
}

bool Session::run(int node, bool elements) {
  const NodeEntry &entry = index.nodes()[node];
  const Operator *op = findOperator(*entry.node);
  Application app{
      *entry.node, index.model().opset, {}, elements, /*exact=*/false, {}, {}};
  for (ValueId input : entry.inputs)
    app.inputs.push_back(input == kNoValue ? nullptr : &*slots[input]);
  if (!op->apply(app))
    return fail(entry.node->label(), entry.node->opType + ": " + app.error);
  for (size_t i = 0; i < entry.outputs.size() && i < app.results.size(); ++i)
    if (entry.outputs[i] != kNoValue)
      slots[entry.outputs[i]] = std::move(app.results[i]);
  return true;
}

/// Floats become doubles, so that no operation rounds.
static Array widened(Array array) {
  if (array.isFloat())
    array.type = ElementType::Double;
  return array;
}

std::optional<Array> evaluate(const GraphIndex &index, Session &session,
                              const Region &region,
                              const std::map<ValueId, Array> &given) {
  std::map<ValueId, Array> results;
  for (const auto &[id, array] : given)
    results.emplace(id, widened(array));
  for (ValueId id : region.constants) {
    const Array *array = results.count(id) ? nullptr : session.elements(id);
    if (array)
      results.emplace(id, widened(*array));
    else if (!results.count(id))
      return std::nullopt;
  }
  for (int node : region.nodes) {
    const NodeEntry &entry = index.nodes()[node];
    const Operator *op = findOperator(*entry.node);
    Application app{*entry.node,
                    index.model().opset,
                    {},
                    /*wantElements=*/true,
                    /*exact=*/true,
                    {},
                    {}};
    for (ValueId input : entry.inputs)
      app.inputs.push_back(input == kNoValue ? nullptr : &results.at(input));
    if (!op || !op->apply(app))
      return std::nullopt;
    for (size_t i = 0; i < entry.outputs.size() && i < app.results.size(); ++i)
      if (entry.outputs[i] != kNoValue)
        results.insert_or_assign(entry.outputs[i], std::move(app.results[i]));
  }
  auto found = results.find(region.output);
  return found == results.end()
             ? std::nullopt
             : std::optional<Array>(std::move(found->second));
}

} // namespace neap::onnx
