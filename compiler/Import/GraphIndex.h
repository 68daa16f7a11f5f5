// The graph with names resolved, nodes in topological order.
#ifndef NEAP_COMPILER_IMPORT_GRAPHINDEX_H
#define NEAP_COMPILER_IMPORT_GRAPHINDEX_H

#include "compiler/Import/OnnxModel.h"
#include "compiler/Spec/InputError.h"

#include <unordered_map>

namespace neap::onnx {

/// Index of a value: an input, an initializer or a node's output.
using ValueId = int;
constexpr ValueId kNoValue = -1;

struct ValueEntry {
  std::string name;
  int node = -1;  ///< producer, or -1
  int output = 0; ///< which of the producer's outputs
  const Tensor *initializer = nullptr;
  const ValueInfo *input = nullptr; ///< graph input that is no initializer
  int uses = 0;                     ///< by nodes and graph outputs
};

struct NodeEntry {
  const Node *node = nullptr;
  std::vector<ValueId> inputs, outputs; ///< kNoValue where omitted
};

/// Refers into the Model it was built from.
class GraphIndex {
public:
  /// Errors: a value defined twice or used undefined, a cycle.
  static InputOr<GraphIndex> build(const Model &model);

  const Model &model() const { return *source; }
  const std::vector<NodeEntry> &nodes() const { return sortedNodes; }
  const std::vector<ValueEntry> &values() const { return entries; }
  const ValueEntry &value(ValueId id) const { return entries[id]; }
  const NodeEntry *producer(ValueId id) const {
    return entries[id].node < 0 ? nullptr : &sortedNodes[entries[id].node];
  }
  /// The value named so, or kNoValue.
  ValueId find(const std::string &name) const;

  /// Nodes that the value depends on, in topological order.
  std::vector<int> ancestors(ValueId id) const;

private:
  ValueId intern(const std::string &name);
  std::optional<InputError> define(const Model &model);
  std::optional<InputError> sort(const std::vector<NodeEntry> &unsorted);

  const Model *source = nullptr;
  std::vector<NodeEntry> sortedNodes;
  std::vector<ValueEntry> entries;
  std::unordered_map<std::string, ValueId> names;
};

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_GRAPHINDEX_H
