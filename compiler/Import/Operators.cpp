#include "compiler/Import/Operators.h"

#include <map>

namespace neap::onnx {

Array *Application::addResult(ElementType type, std::vector<int64_t> shape) {
  std::optional<int64_t> count = elementCount(shape);
  if (!count) {
    fail("the result's shape " + shapeText(shape) + " is not valid");
    return nullptr;
  }
  Array &result = results.emplace_back(Array::unknown(type, std::move(shape)));
  if (!wantElements)
    return &result;
  if (*count > kMaximumElements) {
    fail("a constant of " + std::to_string(*count) +
         " elements is too large to evaluate");
    return nullptr;
  }
  result.allocate();
  return &result;
}

std::optional<std::vector<int64_t>>
Application::integers(size_t i, std::string_view name) const {
  const Array *array = input(i);
  if (array && array->known && !array->isFloat())
    return array->ints;
  if (array)
    return std::nullopt;
  if (const Attribute *attribute = node.find(name)) {
    if (attribute->integer)
      return std::vector<int64_t>{*attribute->integer};
    return attribute->integers;
  }
  return std::nullopt;
}

std::optional<int64_t> resolveAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

const Operator *findOperator(const Node &node) {
  static const std::map<std::string, Operator> operators = [] {
    std::map<std::string, Operator> all;
    for (const auto *table : {&elementwiseOperators(), &shapeOperators(),
                              &indexOperators(), &reduceOperators()})
      for (const NamedOperator &entry : *table)
        all.emplace(entry.name, entry.op);
    return all;
  }();
  std::string key =
      node.domain.empty() ? node.opType : node.domain + "::" + node.opType;
  auto found = operators.find(key);
  return found == operators.end() ? nullptr : &found->second;
}

} // namespace neap::onnx
