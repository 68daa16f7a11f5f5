#include "compiler/Import/Weights.h"

#include <algorithm>
#include <cstring>

using namespace mlir;

namespace neap::onnx {

/// Largest computed constant that is stored inside the module.
static constexpr int64_t kMaximumInlineElements = int64_t(1) << 24;

bool sameElements(std::string_view a, std::string_view b, int64_t rows,
                  int64_t columns, int64_t width, bool transposed) {
  if (a.size() != b.size() || int64_t(a.size()) != rows * columns * width)
    return false;
  if (!transposed)
    return a == b;
  // Square blocks keep both sides in cache; a first difference ends it.
  constexpr int64_t kBlock = 64;
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock)
    for (int64_t c0 = 0; c0 < columns; c0 += kBlock)
      for (int64_t r = r0; r < std::min(r0 + kBlock, rows); ++r)
        for (int64_t c = c0; c < std::min(c0 + kBlock, columns); ++c)
          if (std::memcmp(a.data() + (r * columns + c) * width,
                          b.data() + (c * rows + r) * width, width) != 0)
            return false;
  return true;
}

std::optional<TracedWeight> WeightTable::tracedOrInput(ValueId id) {
  const ValueEntry &value = matching.index.value(id);
  if (value.initializer)
    return TracedWeight{value.initializer, false};
  if (!value.input)
    return std::nullopt;
  const Array *shape = matching.structure.shape(id);
  if (!shape || !shape->isFloat() || shape->known)
    return std::nullopt;
  Tensor &tensor = inputTensors[id];
  tensor.name = value.name;
  tensor.type = shape->type;
  tensor.shape = shape->shape;
  tensor.file = matching.index.model().file;
  tensor.bytes = shape->size() * elementBytes(shape->type);
  tensor.absent = true;
  return TracedWeight{&tensor, false};
}

std::optional<TracedWeight> WeightTable::trace(ValueId id) {
  bool transposed = false;
  while (const NodeEntry *producer = matching.index.producer(id)) {
    const std::string &op = producer->node->opType;
    const Array *from =
        producer->inputs.empty() || producer->inputs[0] == kNoValue
            ? nullptr
            : matching.structure.shape(producer->inputs[0]);
    const Array *to = matching.structure.shape(id);
    if (!from || !to || !from->isFloat() || !to->isFloat())
      return std::nullopt;
    bool isVector = std::count_if(from->shape.begin(), from->shape.end(),
                                  [](int64_t size) { return size != 1; }) <= 1;
    if (op == "Transpose" && from->rank() == 2) {
      const Attribute *order = producer->node->find("perm");
      transposed ^= !order || order->integers == std::vector<int64_t>{1, 0};
    } else if (op == "Reshape" || op == "Unsqueeze" || op == "Squeeze") {
      if (!isVector && from->shape != to->shape)
        return std::nullopt;
    } else if (op != "Cast" && op != "Identity")
      return std::nullopt;
    id = producer->inputs[0];
  }
  std::optional<TracedWeight> traced = tracedOrInput(id);
  if (traced)
    traced->transposed = transposed;
  return traced;
}

static Type elementTypeOf(MLIRContext *context, ElementType type) {
  switch (type) {
  case ElementType::Float:
    return Float32Type::get(context);
  case ElementType::Float16:
    return Float16Type::get(context);
  case ElementType::BFloat16:
    return BFloat16Type::get(context);
  default:
    return {};
  }
}

/// The bytes of a tensor whose values are not in the file as they would lie
/// there, in the canonical order.
static ElementsAttr inlineElements(const Tensor &tensor, graph::WeightType type,
                                   int64_t skip, bool transposed) {
  auto shaped = RankedTensorType::get(type.getShape(), type.getElementType());
  std::string bytes = tensor.inlineBytes.substr(skip, type.getStorageBytes());
  if (transposed) {
    int64_t width = elementBytes(tensor.type), rows = type.getShape()[0],
            columns = type.getShape()[1];
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        std::memcpy(&bytes[(r * columns + c) * width],
                    &tensor.inlineBytes[(c * rows + r) * width], width);
  }
  return DenseElementsAttr::getFromRawBuffer(
      shaped, llvm::ArrayRef(bytes.data(), bytes.size()));
}

/// `onnx::MatMul_531` and bare numbers say less than the module's name.
static bool isAnonymous(const std::string &name) {
  return name.find("::") != std::string::npos ||
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

graph::WeightDeclOp WeightTable::declare(const Tensor &tensor,
                                         std::vector<int64_t> shape,
                                         int64_t skip, bool transposed,
                                         const std::string &name) {
  auto found = declared.find({&tensor, skip, transposed});
  if (found != declared.end())
    return found->second;
  MLIRContext *context = module.getContext();
  Type element = elementTypeOf(context, tensor.type);
  if (!element)
    return refuse("weight '" + tensor.name + "' has elements of type " +
                  elementTypeName(tensor.type) + ", which is not supported");
  auto type = graph::WeightType::get(context, shape, element);
  OpBuilder builder(context);
  const std::string &symbol = isAnonymous(tensor.name) ? name : tensor.name;
  Location loc = NameLoc::get(
      builder.getStringAttr(tensor.name.empty() ? name : tensor.name));
  graph::WeightDeclOp decl;
  if (tensor.file.empty())
    decl = graph::WeightDeclOp::create(
        builder, loc, symbol, type, StringAttr(), 0, 0, false,
        inlineElements(tensor, type, skip, transposed));
  else
    decl = graph::WeightDeclOp::create(
        builder, loc, symbol, type, builder.getStringAttr(tensor.file),
        tensor.offset + skip, type.getStorageBytes(), transposed,
        ElementsAttr());
  symbols.insert(decl, std::prev(module.getBody()->end()));
  if (tensor.absent)
    absentNames.insert(tensor.name);
  declared[{&tensor, skip, transposed}] = decl;
  tensors[decl.getSymName().str()] = &tensor;
  return decl;
}

graph::WeightDeclOp WeightTable::matrix(ValueId id, bool outputsFirst,
                                        const std::string &name) {
  std::optional<TracedWeight> traced = trace(id);
  const Array *shape = matching.structure.shape(id);
  if (!shape || shape->rank() != 2)
    return refuse("the weight is not a matrix");
  if (!traced || traced->tensor->shape.size() != 2)
    return refuse("the weight is computed, not stored in the model");
  int64_t outputs = shape->shape[!outputsFirst],
          inputs = shape->shape[outputsFirst];
  return declare(*traced->tensor, {outputs, inputs}, 0,
                 traced->transposed == outputsFirst, name);
}

graph::WeightDeclOp WeightTable::table(ValueId id, int64_t first, int64_t rows,
                                       const std::string &name) {
  std::optional<TracedWeight> traced = trace(id);
  const Array *shape = matching.structure.shape(id);
  if (!traced || !shape || shape->rank() != 2 ||
      traced->tensor->shape.size() != 2)
    return refuse("the table is computed, not stored in the model");
  if (traced->transposed && (first != 0 || rows >= 0))
    return refuse("the table is stored transposed");
  int64_t skip = first * shape->shape[1] * elementBytes(shape->type);
  return declare(*traced->tensor,
                 {rows < 0 ? shape->shape[0] : rows, shape->shape[1]}, skip,
                 traced->transposed, name);
}

graph::WeightDeclOp WeightTable::vector(ValueId id, int64_t size,
                                        const std::string &name) {
  std::optional<TracedWeight> traced = trace(id);
  const Array *shape = matching.structure.shape(id);
  if (!shape || shape->size() != size || shape->shape.back() != size)
    return refuse("expected a vector of " + std::to_string(size) + " elements");
  if (traced)
    return declare(*traced->tensor, {size}, 0, false, name);
  const Array *known = matching.structure.elements(id);
  if (!known)
    return refuse(matching.structure.getError().text());
  return inlineArray({size}, {known->floats.begin(), known->floats.end()},
                     name);
}

graph::WeightDeclOp WeightTable::inlineArray(std::vector<int64_t> shape,
                                             const std::vector<float> &values,
                                             const std::string &name) {
  if (int64_t(values.size()) > kMaximumInlineElements)
    return refuse("a computed constant of " + std::to_string(values.size()) +
                  " elements is too large to store");
  OpBuilder builder(module.getContext());
  auto type =
      graph::WeightType::get(module.getContext(), shape, builder.getF32Type());
  auto data =
      DenseElementsAttr::get(RankedTensorType::get(shape, builder.getF32Type()),
                             llvm::ArrayRef(values));
  auto decl = graph::WeightDeclOp::create(
      builder, NameLoc::get(builder.getStringAttr(name)), name, type,
      StringAttr(), 0, 0, false, ElementsAttr(data));
  symbols.insert(decl, std::prev(module.getBody()->end()));
  return decl;
}

const Tensor *WeightTable::tensorOf(graph::WeightDeclOp decl) const {
  auto found = tensors.find(decl.getSymName().str());
  return found == tensors.end() ? nullptr : found->second;
}

std::string WeightTable::untiedRemark(graph::WeightDeclOp decl) const {
  auto found = untied.find(tensorOf(decl));
  return found == untied.end() ? "" : found->second;
}

void WeightTable::tie(ValueId id, bool outputsFirst,
                      graph::WeightDeclOp embedding) {
  std::optional<TracedWeight> traced = trace(id);
  const Tensor *known = tensorOf(embedding);
  if (!traced || !known || traced->tensor == known)
    return;
  const Tensor &table = *known, &matrix = *traced->tensor;
  auto shape = cast<graph::WeightType>(embedding.getType()).getShape();
  bool transposed = traced->transposed == outputsFirst;
  std::vector<int64_t> stored = {shape[transposed], shape[!transposed]};
  if (matrix.shape != stored || matrix.type != table.type ||
      embedding.getTransposed())
    return;
  if (table.absent || matrix.absent) {
    untied[&matrix] = "'" + matrix.name + "' may be the embedding '" +
                      table.name +
                      "' transposed; without their data it counts twice";
    return;
  }
  if (sameElements(table.data(), matrix.data(), shape[0], shape[1],
                   elementBytes(table.type), transposed))
    declared[{&matrix, 0, transposed}] = embedding;
}

} // namespace neap::onnx
