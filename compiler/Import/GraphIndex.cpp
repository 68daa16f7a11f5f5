#include "compiler/Import/GraphIndex.h"

#include <algorithm>
#include <queue>

namespace neap::onnx {

ValueId GraphIndex::find(const std::string &name) const {
  auto found = names.find(name);
  return found == names.end() ? kNoValue : found->second;
}

ValueId GraphIndex::intern(const std::string &name) {
  if (name.empty())
    return kNoValue;
  auto [found, added] =
      names.emplace(name, static_cast<ValueId>(entries.size()));
  if (added)
    entries.emplace_back().name = name;
  return found->second;
}

std::optional<InputError> GraphIndex::define(const Model &model) {
  for (const Tensor &tensor : model.graph.initializers) {
    ValueId id = intern(tensor.name);
    if (id == kNoValue || entries[id].initializer)
      return InputError{model.path, tensor.name,
                        "an initializer without a name of its own"};
    entries[id].initializer = &tensor;
  }
  for (const ValueInfo &info : model.graph.inputs) {
    ValueId id = intern(info.name);
    if (id == kNoValue || entries[id].input)
      return InputError{model.path, info.name,
                        "a graph input without a name of its own"};
    // Older files list initializers among the inputs: those are defaults that
    // no caller of ours overrides.
    if (!entries[id].initializer)
      entries[id].input = &info;
  }
  return std::nullopt;
}

std::optional<InputError>
GraphIndex::sort(const std::vector<NodeEntry> &unsorted) {
  std::vector<int> missing(unsorted.size(), 0);
  std::vector<std::vector<int>> users(entries.size());
  // Ready nodes leave in file order, so that a sorted file stays as it is.
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (size_t i = 0; i < unsorted.size(); ++i) {
    for (ValueId input : unsorted[i].inputs)
      if (input != kNoValue && entries[input].node >= 0) {
        users[input].push_back(static_cast<int>(i));
        ++missing[i];
      }
    if (missing[i] == 0)
      ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  while (!ready.empty()) {
    int next = ready.top();
    ready.pop();
    order.push_back(next);
    for (ValueId output : unsorted[next].outputs)
      if (output != kNoValue)
        for (int user : users[output])
          if (--missing[user] == 0)
            ready.push(user);
  }
  for (size_t i = 0; i < unsorted.size(); ++i)
    if (missing[i] > 0)
      return InputError{source->path, unsorted[i].node->label(),
                        "the node depends on itself"};
  for (size_t at = 0; at < order.size(); ++at) {
    sortedNodes.push_back(unsorted[order[at]]);
    for (ValueId output : sortedNodes.back().outputs)
      if (output != kNoValue)
        entries[output].node = static_cast<int>(at);
  }
  return std::nullopt;
}

InputOr<GraphIndex> GraphIndex::build(const Model &model) {
  GraphIndex index;
  index.source = &model;
  if (std::optional<InputError> error = index.define(model))
    return *error;
  std::vector<NodeEntry> unsorted;
  for (const Node &node : model.graph.nodes) {
    NodeEntry entry;
    entry.node = &node;
    for (const std::string &name : node.outputs) {
      ValueId id = index.intern(name);
      entry.outputs.push_back(id);
      if (id == kNoValue)
        continue;
      ValueEntry &value = index.entries[id];
      if (value.node >= 0 || value.initializer || value.input)
        return InputError{model.path, node.label(),
                          "value '" + name + "' is defined twice"};
      value.node = static_cast<int>(unsorted.size());
      value.output = static_cast<int>(entry.outputs.size()) - 1;
    }
    unsorted.push_back(std::move(entry));
  }
  for (NodeEntry &entry : unsorted)
    for (const std::string &name : entry.node->inputs) {
      ValueId id = index.intern(name);
      entry.inputs.push_back(id);
      if (id == kNoValue)
        continue;
      ValueEntry &value = index.entries[id];
      if (value.node < 0 && !value.initializer && !value.input)
        return InputError{model.path, entry.node->label(),
                          "input '" + name + "' is not defined anywhere"};
      ++value.uses;
    }
  for (const ValueInfo &output : model.graph.outputs) {
    ValueId id = index.find(output.name);
    if (id == kNoValue)
      return InputError{model.path, output.name,
                        "the graph output is not defined anywhere"};
    ++index.entries[id].uses;
  }
  if (std::optional<InputError> error = index.sort(unsorted))
    return *error;
  return index;
}

std::vector<int> GraphIndex::ancestors(ValueId id) const {
  std::vector<int> found, pending;
  std::vector<bool> seen(sortedNodes.size(), false);
  auto visit = [&](ValueId value) {
    int node = value == kNoValue ? -1 : entries[value].node;
    if (node < 0 || seen[node])
      return;
    seen[node] = true;
    pending.push_back(node);
  };
  visit(id);
  while (!pending.empty()) {
    int node = pending.back();
    pending.pop_back();
    found.push_back(node);
    for (ValueId input : sortedNodes[node].inputs)
      visit(input);
  }
  std::sort(found.begin(), found.end());
  return found;
}

} // namespace neap::onnx
