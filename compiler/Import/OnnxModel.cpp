#include "compiler/Import/OnnxModel.h"

namespace neap::onnx {

bool isFloatType(ElementType type) {
  return type == ElementType::Float || type == ElementType::Double ||
         type == ElementType::Float16 || type == ElementType::BFloat16;
}

int64_t elementBytes(ElementType type) {
  switch (type) {
  case ElementType::Uint8:
  case ElementType::Int8:
  case ElementType::Bool:
    return 1;
  case ElementType::Uint16:
  case ElementType::Int16:
  case ElementType::Float16:
  case ElementType::BFloat16:
    return 2;
  case ElementType::Float:
  case ElementType::Int32:
  case ElementType::Uint32:
    return 4;
  case ElementType::Int64:
  case ElementType::Double:
  case ElementType::Uint64:
    return 8;
  case ElementType::Undefined:
  case ElementType::String:
    break;
  }
  return 0;
}

std::string elementTypeName(ElementType type) {
  static const char *const names[] = {
      "UNDEFINED", "FLOAT",  "UINT8",     "INT8",       "UINT16",  "INT16",
      "INT32",     "INT64",  "STRING",    "BOOL",       "FLOAT16", "DOUBLE",
      "UINT32",    "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"};
  int index = static_cast<int>(type);
  if (index >= 0 && index < int(std::size(names)))
    return names[index];
  return "type " + std::to_string(index);
}

std::optional<int64_t> elementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t dim : shape)
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count))
      return std::nullopt;
  return count;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string_view Tensor::data() const {
  return mapping ? mapping->bytes().substr(offset, bytes)
                 : std::string_view(inlineBytes);
}

const Attribute *Node::find(std::string_view attribute) const {
  for (const Attribute &candidate : attributes)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

int64_t Node::integer(std::string_view attribute, int64_t otherwise) const {
  const Attribute *found = find(attribute);
  return found && found->integer ? *found->integer : otherwise;
}

double Node::number(std::string_view attribute, double otherwise) const {
  const Attribute *found = find(attribute);
  return found && found->number ? *found->number : otherwise;
}

std::string opsetRemark(const Model &model) {
  if (model.opset >= kFirstTestedOpset && model.opset <= kLastTestedOpset)
    return "";
  return model.path + ": opset " + std::to_string(model.opset) +
         " is outside the tested versions " +
         std::to_string(kFirstTestedOpset) + " to " +
         std::to_string(kLastTestedOpset) +
         "; its operators are read as in the nearest of them";
}

std::string Node::label() const {
  if (!name.empty())
    return name;
  return opType + " '" + (outputs.empty() ? std::string() : outputs.front()) +
         "'";
}

} // namespace neap::onnx
