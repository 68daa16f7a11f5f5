#include "compiler/Import/TensorReader.h"

#include "compiler/Spec/PlainText.h"

#include <cstring>

namespace neap::onnx {

struct TensorReader::Source {
  std::optional<std::string_view> raw;
  /// One packed float_data or double_data field: the layout of raw data.
  std::optional<std::string_view> packed;
  bool hasValues = false; ///< Tensor::inlineBytes holds typed values
  bool external = false;
  std::map<std::string, std::string> entries; ///< of external_data
};

bool TensorReader::fail(const Tensor &tensor, const std::string &message) {
  if (!error)
    error = InputError{
        model.path,
        tensor.name.empty() ? "" : "tensor '" + maskText(tensor.name) + "'",
        message};
  return false;
}

/// Appends the low bytes of `value`, as int32_data holds every short type.
static void append(Tensor &tensor, uint64_t value, size_t width) {
  tensor.inlineBytes.append(reinterpret_cast<const char *>(&value), width);
}

/// Width of one value in inlineBytes for the typed field `field`. The type may
/// come after the values, so int32_data keeps its full width until place().
static size_t fieldWidth(uint32_t field) {
  return field == 4 || field == 5 ? 4 : 8;
}

bool TensorReader::readValues(const WireReader &reader, Tensor &tensor,
                              Source &source) {
  bool isFloat = reader.field() == 4 || reader.field() == 10;
  size_t width = fieldWidth(reader.field());
  if (reader.type() != WireReader::Type::Bytes) {
    source.hasValues = true;
    append(tensor, reader.scalar(), width);
    return true;
  }
  if (isFloat && !source.packed && !source.hasValues) {
    source.packed = reader.bytes();
    return true;
  }
  source.hasValues = true;
  if (isFloat) {
    tensor.inlineBytes.append(reader.bytes());
    return true;
  }
  std::string_view bytes = reader.bytes();
  while (!bytes.empty()) {
    uint64_t value = 0;
    if (!WireReader::takeVarint(bytes, value))
      return fail(tensor, "malformed values");
    append(tensor, value, width);
  }
  return true;
}

static bool readEntry(std::string_view message,
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
  return !reader.failed();
}

bool TensorReader::read(std::string_view message, Tensor &tensor) {
  Source source;
  WireReader reader(message);
  while (reader.next()) {
    bool isBytes = reader.type() == WireReader::Type::Bytes;
    bool good = true;
    switch (reader.field()) {
    case 1: {
      std::string_view packed = isBytes ? reader.bytes() : std::string_view();
      uint64_t dim = reader.scalar();
      if (!isBytes)
        tensor.shape.push_back(static_cast<int64_t>(dim));
      while (good && !packed.empty()) {
        good = WireReader::takeVarint(packed, dim);
        tensor.shape.push_back(static_cast<int64_t>(dim));
      }
      break;
    }
    case 2:
      tensor.type = static_cast<ElementType>(reader.scalar());
      break;
    case 4:
    case 5:
    case 7:
    case 10:
    case 11:
      good = readValues(reader, tensor, source);
      break;
    case 8:
      tensor.name = reader.bytes();
      break;
    case 9:
      source.raw = reader.bytes();
      break;
    case 13:
      good = isBytes && readEntry(reader.bytes(), source.entries);
      break;
    case 14:
      source.external = reader.scalar() == 1;
      break;
    }
    if (!good)
      return fail(tensor, "malformed tensor");
  }
  if (reader.failed())
    return fail(tensor, "malformed tensor: not an ONNX file, or cut short");
  return place(tensor, source);
}

/// Narrows 4-byte values of int32_data to the element's own width.
static void narrow(Tensor &tensor, size_t width) {
  std::string narrowed;
  for (size_t i = 0; i + 4 <= tensor.inlineBytes.size(); i += 4)
    narrowed.append(tensor.inlineBytes, i, width);
  tensor.inlineBytes = std::move(narrowed);
}

bool TensorReader::place(Tensor &tensor, const Source &source) {
  if (!isPlainText(tensor.name))
    return fail(tensor, "expected a name in UTF-8 without control characters");
  std::optional<int64_t> count = elementCount(tensor.shape);
  int64_t width = elementBytes(tensor.type);
  if (!count)
    return fail(tensor, "shape " + shapeText(tensor.shape) + " is not valid");
  // Strings and sub-byte types may exist unused; a use of them is refused
  // later.
  if (width == 0)
    return true;
  if (__builtin_mul_overflow(*count, width, &tensor.bytes))
    return fail(tensor, "shape " + shapeText(tensor.shape) + " is too large");
  if (source.external)
    return placeExternal(tensor, source);
  if (source.raw)
    return placeInModel(tensor, *source.raw);
  if (source.packed && !source.hasValues)
    return placeInModel(tensor, *source.packed);
  if (source.packed)
    tensor.inlineBytes.insert(0, *source.packed);
  if (width < 4)
    narrow(tensor, width);
  if (int64_t(tensor.inlineBytes.size()) != tensor.bytes)
    return fail(tensor, "expected " + std::to_string(tensor.bytes) +
                            " bytes for " + elementTypeName(tensor.type) +
                            shapeText(tensor.shape) + ", but found " +
                            std::to_string(tensor.inlineBytes.size()));
  return true;
}

bool TensorReader::placeInModel(Tensor &tensor, std::string_view bytes) {
  if (int64_t(bytes.size()) != tensor.bytes)
    return fail(tensor, "expected " + std::to_string(tensor.bytes) +
                            " bytes for " + elementTypeName(tensor.type) +
                            shapeText(tensor.shape) + ", but found " +
                            std::to_string(bytes.size()));
  tensor.inlineBytes.clear();
  tensor.file = model.file;
  tensor.offset = bytes.data() - modelFile->bytes().data();
  tensor.mapping = modelFile;
  return true;
}

/// A decimal number of bytes, or `otherwise` where the key is missing.
static std::optional<int64_t>
entryNumber(const std::map<std::string, std::string> &entries, const char *key,
            int64_t otherwise) {
  auto found = entries.find(key);
  if (found == entries.end())
    return otherwise;
  if (found->second.empty())
    return std::nullopt;
  int64_t value = 0;
  for (char digit : found->second)
    if (digit < '0' || digit > '9' ||
        __builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, digit - '0', &value))
      return std::nullopt;
  return value;
}

bool TensorReader::placeExternal(Tensor &tensor, const Source &source) {
  auto location = source.entries.find("location");
  if (location == source.entries.end())
    return fail(tensor, "external data without a location");
  std::optional<int64_t> offset = entryNumber(source.entries, "offset", 0);
  std::optional<int64_t> length =
      entryNumber(source.entries, "length", tensor.bytes);
  int64_t end = 0;
  if (!offset || !length || __builtin_add_overflow(*offset, tensor.bytes, &end))
    return fail(tensor, "external data with a malformed offset or length");
  if (*length != tensor.bytes)
    return fail(tensor, "expected external data of " +
                            std::to_string(tensor.bytes) + " bytes for " +
                            elementTypeName(tensor.type) +
                            shapeText(tensor.shape) + ", but found " +
                            std::to_string(*length));
  const std::string &file = location->second;
  if (!isPlainText(file))
    return fail(tensor, "expected the location of external data in UTF-8 "
                        "without control characters, but found '" +
                            maskText(file) + "'");
  auto known = externalFiles.find(file);
  if (known == externalFiles.end()) {
    auto opened = MappedFile::openBelow(model.folder, file);
    if (!opened)
      return fail(tensor,
                  "external data '" + file + "': " + opened.error().message);
    known = externalFiles.emplace(file, *opened).first;
  }
  tensor.inlineBytes.clear();
  tensor.file = file;
  tensor.offset = *offset;
  tensor.mapping = known->second;
  tensor.absent = !tensor.mapping;
  if (tensor.absent)
    return allowAbsentData ||
           fail(tensor, "external data file '" + file + "' does not exist");
  if (end > int64_t(tensor.mapping->bytes().size()))
    return fail(tensor, "external data end at byte " + std::to_string(end) +
                            ", but '" + file + "' has " +
                            std::to_string(tensor.mapping->bytes().size()) +
                            " bytes");
  return true;
}

} // namespace neap::onnx
