#include "compiler/Import/InputBinding.h"

#include <algorithm>

namespace neap::onnx {

static bool contains(const std::string &name, const char *part) {
  return name.find(part) != std::string::npos;
}

static bool isInteger(ElementType type) {
  return type == ElementType::Int64 || type == ElementType::Int32;
}

/// Whether the value selects rows of a float matrix, as an embedding does.
static bool indexesTable(const GraphIndex &index, ValueId id) {
  for (const NodeEntry &entry : index.nodes()) {
    if (entry.node->opType != "Gather" || entry.inputs.size() < 2 ||
        entry.inputs[1] == kNoValue)
      continue;
    const ValueEntry &table = index.value(entry.inputs[0]);
    bool isMatrix =
        (table.initializer && isFloatType(table.initializer->type) &&
         table.initializer->shape.size() == 2) ||
        (table.input && isFloatType(table.input->type) &&
         table.input->shape.size() == 2);
    ValueId at = entry.inputs[1];
    while (const NodeEntry *producer = index.producer(at)) {
      static const char *const kept[] = {"Cast", "Identity", "Reshape"};
      if (std::none_of(
              std::begin(kept), std::end(kept),
              [&](const char *op) { return producer->node->opType == op; }) ||
          producer->inputs.empty() || producer->inputs[0] == kNoValue)
        break;
      at = producer->inputs[0];
    }
    if (isMatrix && at == id)
      return true;
  }
  return false;
}

std::optional<InputError> InputBinding::findTokens(const GraphIndex &index) {
  std::vector<ValueId> candidates;
  for (const ValueInfo &info : index.model().graph.inputs) {
    ValueId id = index.find(info.name);
    bool named = contains(info.name, "position") ||
                 contains(info.name, "mask") || contains(info.name, "type") ||
                 contains(info.name, "cache");
    if (!index.value(id).input || !isInteger(info.type) || info.shape.empty() ||
        info.shape.size() > 2 || named)
      continue;
    if (info.name == "input_ids") {
      tokenIds = id;
      return std::nullopt;
    }
    if (indexesTable(index, id))
      candidates.push_back(id);
  }
  if (candidates.size() == 1) {
    tokenIds = candidates[0];
    return std::nullopt;
  }
  return InputError{
      index.model().path, "",
      candidates.empty()
          ? "no input holds token ids: expected 'input_ids', or an integer "
            "input of shape [batch, tokens] that selects rows of an embedding"
          : "inputs '" + index.value(candidates[0]).name + "' and '" +
                index.value(candidates[1]).name +
                "' both select rows of a table"};
}

std::optional<InputError> InputBinding::assign(const GraphIndex &index,
                                               ValueId id) {
  const ValueInfo &info = *index.value(id).input;
  const std::string &name = info.name;
  bool fixed = std::all_of(
      info.shape.begin(), info.shape.end(),
      [](const Dimension &dimension) { return dimension.value.has_value(); });
  auto refuse = [&](const std::string &message) {
    return InputError{index.model().path, "input '" + name + "'", message};
  };
  if (elementBytes(info.type) == 0 || !info.hasShape)
    return refuse("expected a tensor of known type and rank");
  bool isVector = info.shape.size() == 1 || info.shape.size() == 2;
  bool rowShaped = info.shape.size() == 2 && fixed && fixedSize &&
                   *info.shape[0].value == batchSize &&
                   *info.shape[1].value == *fixedSize;
  if (contains(name, "past") || contains(name, "cache.") ||
      contains(name, "key_cache")) {
    bool empty = std::any_of(
        info.shape.begin(), info.shape.end(),
        [](const Dimension &dimension) { return dimension.value == 0; });
    if (fixed && !empty)
      return refuse(
          "cached keys and values of a fixed length are not supported");
    inputRoles[id] = InputRole::Past;
  } else if (contains(name, "mask") && info.shape.size() == 2)
    inputRoles[id] = InputRole::Mask;
  else if (isInteger(info.type) && isVector && contains(name, "position"))
    inputRoles[id] = InputRole::Positions;
  else if (contains(name, "token_type"))
    return refuse("token types are not supported");
  else if (isFloatType(info.type) && rowShaped)
    inputRoles[id] = InputRole::Mask;
  else if (isInteger(info.type) && rowShaped)
    inputRoles[id] = InputRole::Positions;
  else if (isFloatType(info.type) && fixed)
    inputRoles[id] = InputRole::Weight;
  else
    return refuse("not token ids, an attention mask, positions or cached keys "
                  "and values");
  return std::nullopt;
}

InputOr<InputBinding> InputBinding::analyse(const GraphIndex &index) {
  InputBinding binding;
  if (std::optional<InputError> error = binding.findTokens(index))
    return *error;
  const std::vector<Dimension> &shape =
      index.value(binding.tokenIds).input->shape;
  binding.inputRoles[binding.tokenIds] = InputRole::Tokens;
  binding.fixedSize = shape.back().value;
  binding.tokenSymbol = shape.back().symbol;
  if (shape.size() == 2) {
    binding.batchSize = shape[0].value.value_or(1);
    binding.batchSymbol = shape[0].symbol;
  }
  if (binding.batchSize < 1 || (binding.fixedSize && *binding.fixedSize < 1))
    return InputError{index.model().path, index.value(binding.tokenIds).name,
                      "the token ids have an empty shape"};
  for (const ValueInfo &info : index.model().graph.inputs) {
    ValueId id = index.find(info.name);
    // An unused input needs no meaning.
    if (id == binding.tokenIds || !index.value(id).input ||
        index.value(id).uses == 0)
      continue;
    if (std::optional<InputError> error = binding.assign(index, id))
      return *error;
  }
  return binding;
}

std::map<ValueId, Array> InputBinding::bind(const GraphIndex &index,
                                            int64_t count) const {
  std::map<ValueId, Array> arrays;
  for (auto [id, role] : inputRoles) {
    const ValueInfo &info = *index.value(id).input;
    std::vector<int64_t> shape;
    for (size_t i = 0; i < info.shape.size(); ++i) {
      const Dimension &dimension = info.shape[i];
      bool isRow = role == InputRole::Tokens || role == InputRole::Mask ||
                   role == InputRole::Positions;
      if (dimension.value)
        shape.push_back(*dimension.value);
      else if (isRow)
        shape.push_back(i + 1 == info.shape.size() ? count : batchSize);
      else if (!dimension.symbol.empty() && dimension.symbol == tokenSymbol)
        shape.push_back(count);
      else if (dimension.symbol.empty() ? i == 0
                                        : dimension.symbol == batchSymbol)
        shape.push_back(batchSize);
      else
        shape.push_back(0);
    }
    Array array = Array::unknown(info.type, shape);
    if (role == InputRole::Mask || role == InputRole::Positions ||
        role == InputRole::Past)
      array.allocate();
    std::fill(array.floats.begin(), array.floats.end(), 1.0);
    for (size_t k = 0; k < array.ints.size(); ++k)
      array.ints[k] = role == InputRole::Mask
                          ? 1
                          : int64_t(k) % std::max<int64_t>(shape.back(), 1);
    arrays.emplace(id, std::move(array));
  }
  return arrays;
}

} // namespace neap::onnx
