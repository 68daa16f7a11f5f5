#include "compiler/Spec/PlainText.h"

#include <cstdint>
#include <cstdio>

namespace neap {

/// A character at the front of a text.
struct Character {
  size_t bytes;
  bool isPlain; ///< well-formed and no control character
};

/// Overlong forms, surrogates and values past U+10FFFF are not UTF-8.
static Character readCharacter(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80)
    return {1, first >= 0x20 && first != 0x7f};
  size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes)
    return {1, false};
  uint32_t code = first & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80)
      return {1, false};
    code = code << 6 | (next & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0x80, 0x800, 0x10000};
  if (code < kSmallest[bytes - 2] || code > 0x10ffff ||
      (code >= 0xd800 && code < 0xe000))
    return {1, false};
  return {bytes, code >= 0xa0};
}

bool isPlainText(std::string_view text) {
  while (!text.empty()) {
    Character character = readCharacter(text);
    if (!character.isPlain)
      return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

std::string maskText(std::string_view text, bool keepLines) {
  std::string masked;
  while (!text.empty()) {
    Character character = readCharacter(text);
    std::string_view bytes = text.substr(0, character.bytes);
    text.remove_prefix(character.bytes);
    if (character.isPlain || (keepLines && bytes == "\n")) {
      masked += bytes;
      continue;
    }
    for (char byte : bytes) {
      char shown[5];
      std::snprintf(shown, sizeof shown, "\\x%02x",
                    static_cast<unsigned char>(byte));
      masked += shown;
    }
  }
  return masked;
}

} // namespace neap
