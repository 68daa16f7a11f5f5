// Field numbers are those of onnx.proto (onnx/onnx, version 1.23).
#include "compiler/Import/OnnxReader.h"

#include "compiler/Import/TensorReader.h"
#include "compiler/Import/WireReader.h"
#include "compiler/Spec/PlainText.h"

namespace neap::onnx {
namespace {

/// Graphs nest in If and Loop nodes only; real models stay below three.
constexpr int kMaximumDepth = 8;

class Reader {
public:
  Reader(Model &model, TensorReader &tensors)
      : model(model), tensors(tensors) {}

  bool readModel(std::string_view message);
  const std::optional<InputError> &getError() const {
    return tensors.getError() ? tensors.getError() : error;
  }

private:
  bool fail(const std::string &place, const std::string &message) {
    if (!error)
      error = InputError{model.path, place, message};
    return false;
  }
  /// The end of a message: false if it was cut or broken.
  bool finish(const WireReader &reader, const char *what) {
    return !reader.failed() || fail("", std::string("malformed ") + what +
                                            ": not an ONNX file, or cut short");
  }

  /// Names end up in C strings, in JSON and on terminals.
  bool checkText(const std::string &place, const char *what,
                 std::string_view text) {
    return isPlainText(text) ||
           fail(place, std::string("expected ") + what +
                           " in UTF-8 without control characters, but found '" +
                           maskText(text) + "'");
  }
  bool checkNames(const Node &node);

  bool readOpset(std::string_view message);
  bool readGraph(std::string_view message, Graph &graph, int depth);
  bool readNode(std::string_view message, Node &node, int depth);
  bool readAttribute(std::string_view message, Attribute &attribute, int depth);
  bool readNumbers(const WireReader &reader, Attribute &attribute);
  bool readValueInfo(std::string_view message, ValueInfo &info);
  bool readTensorType(std::string_view message, ValueInfo &info);
  bool readShape(std::string_view message, ValueInfo &info);
  bool readEntry(std::string_view message,
                 std::map<std::string, std::string> &entries);

  Model &model;
  TensorReader &tensors;
  std::optional<InputError> error;
};

bool Reader::readModel(std::string_view message) {
  bool hasGraph = false;
  WireReader reader(message);
  while (reader.next()) {
    bool isMessage = reader.type() == WireReader::Type::Bytes;
    if (reader.field() == 2 && isMessage)
      model.producer = reader.bytes();
    else if (reader.field() == 7 && isMessage && !hasGraph) {
      hasGraph = true;
      if (!readGraph(reader.bytes(), model.graph, 0))
        return false;
    } else if (reader.field() == 8 && isMessage && !readOpset(reader.bytes()))
      return false;
  }
  if (!finish(reader, "model"))
    return false;
  if (!hasGraph)
    return fail("", "not an ONNX file: it holds no graph");
  if (model.opset < 1)
    return fail("", "the model names no version of the default operator set");
  return true;
}

bool Reader::readOpset(std::string_view message) {
  std::string domain;
  int64_t version = 0;
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      domain = reader.bytes();
    else if (reader.field() == 2)
      version = static_cast<int64_t>(reader.scalar());
  }
  if (domain.empty() || domain == "ai.onnx")
    model.opset = version;
  return finish(reader, "operator set");
}

bool Reader::readGraph(std::string_view message, Graph &graph, int depth) {
  if (depth > kMaximumDepth)
    return fail("", "graphs nested more than " + std::to_string(kMaximumDepth) +
                        " deep");
  WireReader reader(message);
  while (reader.next()) {
    if (reader.type() != WireReader::Type::Bytes)
      continue;
    bool good = true;
    switch (reader.field()) {
    case 1:
      good = readNode(reader.bytes(), graph.nodes.emplace_back(), depth);
      break;
    case 5:
      good = tensors.read(reader.bytes(), graph.initializers.emplace_back());
      break;
    case 11:
      good = readValueInfo(reader.bytes(), graph.inputs.emplace_back());
      break;
    case 12:
      good = readValueInfo(reader.bytes(), graph.outputs.emplace_back());
      break;
    case 15:
      good = fail("", "sparse initializers are not supported");
      break;
    }
    if (!good)
      return false;
  }
  return finish(reader, "graph");
}

bool Reader::readNode(std::string_view message, Node &node, int depth) {
  WireReader reader(message);
  while (reader.next()) {
    if (reader.type() != WireReader::Type::Bytes)
      continue;
    std::string_view bytes = reader.bytes();
    bool good = true;
    switch (reader.field()) {
    case 1:
      node.inputs.emplace_back(bytes);
      break;
    case 2:
      node.outputs.emplace_back(bytes);
      break;
    case 3:
      node.name = bytes;
      break;
    case 4:
      node.opType = bytes;
      break;
    case 5:
      good = readAttribute(bytes, node.attributes.emplace_back(), depth);
      break;
    case 7:
      node.domain = bytes == "ai.onnx" ? std::string_view() : bytes;
      break;
    case 9:
      good = readEntry(bytes, node.metadata);
      break;
    }
    if (!good)
      return false;
  }
  if (!finish(reader, "node"))
    return false;
  if (!checkNames(node))
    return false;
  return !node.opType.empty() || fail(node.name, "a node has no operator type");
}

bool Reader::checkNames(const Node &node) {
  if (!checkText("", "the name of a node", node.name) ||
      !checkText(node.name, "an operator type", node.opType) ||
      !checkText(node.name, "a domain", node.domain))
    return false;
  for (const std::string &input : node.inputs)
    if (!checkText(node.name, "the name of an input", input))
      return false;
  for (const std::string &output : node.outputs)
    if (!checkText(node.name, "the name of an output", output))
      return false;
  for (const Attribute &attribute : node.attributes)
    if (!checkText(node.name, "the name of an attribute", attribute.name))
      return false;
  // Other metadata are not read, and stack traces among them have lines.
  auto scopes = node.metadata.find("pkg.torch.onnx.name_scopes");
  return scopes == node.metadata.end() ||
         checkText(node.name, "the names of modules", scopes->second);
}

/// Repeated numbers come packed into one field or one per field.
bool Reader::readNumbers(const WireReader &reader, Attribute &attribute) {
  bool packed = reader.type() == WireReader::Type::Bytes;
  std::string_view bytes = packed ? reader.bytes() : std::string_view();
  if (!packed && reader.field() == 8)
    attribute.integers.push_back(static_cast<int64_t>(reader.scalar()));
  if (!packed && reader.field() == 7) {
    uint32_t word = static_cast<uint32_t>(reader.scalar());
    float number;
    __builtin_memcpy(&number, &word, sizeof number);
    attribute.numbers.push_back(number);
  }
  while (!bytes.empty()) {
    uint64_t integer = 0;
    float number = 0;
    if (reader.field() == 8 ? !WireReader::takeVarint(bytes, integer)
                            : !WireReader::takeFixed(bytes, number))
      return fail(attribute.name, "malformed attribute");
    if (reader.field() == 8)
      attribute.integers.push_back(static_cast<int64_t>(integer));
    else
      attribute.numbers.push_back(number);
  }
  return true;
}

bool Reader::readAttribute(std::string_view message, Attribute &attribute,
                           int depth) {
  uint64_t kind = 0;
  WireReader reader(message);
  while (reader.next()) {
    bool isBytes = reader.type() == WireReader::Type::Bytes;
    bool good = true;
    switch (reader.field()) {
    case 1:
      attribute.name = reader.bytes();
      break;
    case 2: {
      uint32_t word = static_cast<uint32_t>(reader.scalar());
      __builtin_memcpy(&attribute.number.emplace(), &word, sizeof word);
      break;
    }
    case 3:
      attribute.integer = static_cast<int64_t>(reader.scalar());
      break;
    case 4:
      attribute.text = std::string(reader.bytes());
      break;
    case 5:
      attribute.tensor = std::make_shared<Tensor>();
      good = isBytes && tensors.read(reader.bytes(), *attribute.tensor);
      break;
    case 6:
      attribute.graph = std::make_shared<Graph>();
      good = isBytes && readGraph(reader.bytes(), *attribute.graph, depth + 1);
      break;
    case 7:
    case 8:
      good = readNumbers(reader, attribute);
      break;
    case 20:
      kind = reader.scalar();
      break;
    }
    if (!good)
      return fail(attribute.name, "malformed attribute");
  }
  // Writers that drop zeros leave only the kind: 1 is a float, 2 an integer.
  if (kind == 1 && !attribute.number)
    attribute.number = 0.0f;
  if (kind == 2 && !attribute.integer)
    attribute.integer = 0;
  return finish(reader, "attribute");
}

bool Reader::readValueInfo(std::string_view message, ValueInfo &info) {
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      info.name = reader.bytes();
    else if (reader.field() == 2 && reader.type() == WireReader::Type::Bytes) {
      WireReader type(reader.bytes());
      while (type.next())
        if (type.field() == 1 && type.type() == WireReader::Type::Bytes &&
            !readTensorType(type.bytes(), info))
          return false;
      if (!finish(type, "type"))
        return false;
    }
  }
  if (!checkText("", "the name of a graph's input or output", info.name))
    return false;
  for (const Dimension &dimension : info.shape)
    if (!checkText(info.name, "the name of a dimension", dimension.symbol))
      return false;
  return finish(reader, "value");
}

bool Reader::readTensorType(std::string_view message, ValueInfo &info) {
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      info.type = static_cast<ElementType>(reader.scalar());
    else if (reader.field() == 2 && reader.type() == WireReader::Type::Bytes &&
             !readShape(reader.bytes(), info))
      return false;
  }
  return finish(reader, "tensor type");
}

bool Reader::readShape(std::string_view message, ValueInfo &info) {
  info.hasShape = true;
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() != 1 || reader.type() != WireReader::Type::Bytes)
      continue;
    Dimension &dimension = info.shape.emplace_back();
    WireReader part(reader.bytes());
    while (part.next()) {
      if (part.field() == 1)
        dimension.value = static_cast<int64_t>(part.scalar());
      else if (part.field() == 2)
        dimension.symbol = part.bytes();
    }
    if (!finish(part, "dimension"))
      return false;
    if (dimension.value && *dimension.value < 0)
      dimension.value.reset(); // some writers mark unknown sizes by -1
  }
  return finish(reader, "shape");
}

bool Reader::readEntry(std::string_view message,
                       std::map<std::string, std::string> &entries) {
  std::string key, value;
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      key = reader.bytes();
    else if (reader.field() == 2)
      value = reader.bytes();
  }
  entries[key] = value;
  return finish(reader, "metadata");
}

} // namespace

InputOr<Model> readModel(const std::string &path, bool allowAbsentData) {
  Model model;
  model.path = path;
  size_t slash = path.rfind('/');
  model.folder = slash == std::string::npos ? "."
                 : slash == 0               ? "/"
                                            : path.substr(0, slash);
  model.file = slash == std::string::npos ? path : path.substr(slash + 1);
  InputOr<std::shared_ptr<const MappedFile>> mapping = MappedFile::open(path);
  if (!mapping)
    return mapping.error();
  TensorReader tensors(model, *mapping, allowAbsentData);
  Reader reader(model, tensors);
  if (!reader.readModel((*mapping)->bytes()))
    return *reader.getError();
  return model;
}

} // namespace neap::onnx
