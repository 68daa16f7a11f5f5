#include "compiler/Import/WireReader.h"

namespace neap::onnx {

bool WireReader::takeVarint(std::string_view &bytes, uint64_t &value) {
  value = 0;
  for (unsigned i = 0; i < 10 && i < bytes.size(); ++i) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    value |= uint64_t(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool WireReader::next() {
  if (malformed || rest.empty())
    return false;
  uint64_t tag = 0;
  malformed =
      !takeVarint(rest, tag) || (tag >> 3) == 0 || (tag >> 3) > 0x1fffffff;
  if (malformed)
    return false;
  number = static_cast<uint32_t>(tag >> 3);
  wireType = static_cast<Type>(tag & 7);
  malformed = !readValue();
  return !malformed;
}

bool WireReader::readValue() {
  switch (wireType) {
  case Type::Varint:
    return takeVarint(rest, value);
  case Type::Fixed64:
    return takeFixed(rest, value);
  case Type::Fixed32: {
    uint32_t word = 0;
    bool taken = takeFixed(rest, word);
    value = word;
    return taken;
  }
  case Type::Bytes: {
    uint64_t size = 0;
    if (!takeVarint(rest, size) || size > rest.size())
      return false;
    contents = rest.substr(0, size);
    rest.remove_prefix(size);
    return true;
  }
  }
  return false; // groups (3, 4) are not used by ONNX
}

} // namespace neap::onnx
