// Protocol Buffers' wire format, read in place and bounds-checked.
#ifndef NEAP_COMPILER_IMPORT_WIREREADER_H
#define NEAP_COMPILER_IMPORT_WIREREADER_H

#include <cstdint>
#include <string_view>

namespace neap::onnx {

/// Iterates over the fields of one message. A malformed message ends the
/// iteration with failed() true; no read leaves the given bytes.
/// Source: protobuf.dev/programming-guides/encoding.
class WireReader {
public:
  enum class Type { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

  explicit WireReader(std::string_view message) : rest(message) {}

  /// Moves to the next field; false at the end or on malformed bytes.
  bool next();
  bool failed() const { return malformed; }

  uint32_t field() const { return number; }
  Type type() const { return wireType; }
  /// The value of a Varint, Fixed32 or Fixed64 field.
  uint64_t scalar() const { return value; }
  /// The contents of a Bytes field.
  std::string_view bytes() const { return contents; }

  /// Reads one varint from the front of `bytes`; false if there is none.
  static bool takeVarint(std::string_view &bytes, uint64_t &value);
  /// Reads a little-endian value from the front of `bytes`.
  template <typename T>
  static bool takeFixed(std::string_view &bytes, T &value) {
    if (bytes.size() < sizeof(T))
      return false;
    __builtin_memcpy(&value, bytes.data(), sizeof(T));
    bytes.remove_prefix(sizeof(T));
    return true;
  }

private:
  bool readValue();

  std::string_view rest, contents;
  uint64_t value = 0;
  uint32_t number = 0;
  Type wireType = Type::Varint;
  bool malformed = false;
};

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_WIREREADER_H
