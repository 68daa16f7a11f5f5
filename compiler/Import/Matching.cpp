#include "compiler/Import/Matching.h"

#include <algorithm>
#include <cmath>

namespace neap::onnx {

RegionGrower::RegionGrower(const Matching &matching, ValueId output,
                           Filter allowed, int maximumNodes)
    : matching(matching), allowed(std::move(allowed)),
      maximumNodes(maximumNodes) {
  current.output = output;
  frontier.insert({matching.index.value(output).node, output});
}

/// Replaces the latest value of the frontier by its producer's inputs.
bool RegionGrower::expand() {
  int node = frontier.rbegin()->first;
  if (node < 0 || current.nodes.size() >= maximumNodes)
    return false;
  const NodeEntry &entry = matching.index.nodes()[node];
  if (!allowed(entry))
    return false;
  while (!frontier.empty() && frontier.rbegin()->first == node)
    frontier.erase(std::prev(frontier.end()));
  current.nodes.insert(current.nodes.begin(), node);
  for (ValueId input : entry.inputs) {
    if (input == kNoValue)
      continue;
    if (matching.tokenDependent[input])
      frontier.insert({matching.index.value(input).node, input});
    else if (std::find(current.constants.begin(), current.constants.end(),
                       input) == current.constants.end())
      current.constants.push_back(input);
  }
  return !frontier.empty();
}

bool RegionGrower::grow() {
  do
    if (!expand())
      return false;
  while (frontier.size() != 1);
  current.source = frontier.begin()->second;
  return true;
}

RegionGrower::Filter allowOperators(std::set<std::string> names) {
  return [names = std::move(names)](const NodeEntry &entry) {
    const Node &node = *entry.node;
    return names.count(node.domain.empty()
                           ? node.opType
                           : node.domain + "::" + node.opType) > 0;
  };
}

Array probeArray(std::vector<int64_t> shape, unsigned seed) {
  Array array = Array::unknown(ElementType::Double, std::move(shape));
  array.allocate();
  // Multiples of the golden ratio modulo 1: evenly spread and never repeating.
  for (size_t i = 0; i < array.floats.size(); ++i) {
    double turn =
        0.6180339887498949 * double(i + 1) + 0.7548776662466927 * seed;
    array.floats[i] = 2 * (turn - std::floor(turn)) - 1;
  }
  return array;
}

} // namespace neap::onnx
