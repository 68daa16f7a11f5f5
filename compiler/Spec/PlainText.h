// Text from files that others made, before it reaches a terminal.
#ifndef NEAP_COMPILER_SPEC_PLAINTEXT_H
#define NEAP_COMPILER_SPEC_PLAINTEXT_H

#include <string>
#include <string_view>

namespace neap {

/// Whether `text` is UTF-8 without control characters (C0, DEL, C1), so that it
/// can be a C string, stand in JSON and be shown.
bool isPlainText(std::string_view text);

/// `text` with `\xNN` for each byte of a control character and each byte that
/// is not UTF-8; line feeds stay where `keepLines`.
std::string maskText(std::string_view text, bool keepLines = false);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_PLAINTEXT_H
