// Byte counts as people write them.
#ifndef NEAP_COMPILER_SPEC_BYTESIZE_H
#define NEAP_COMPILER_SPEC_BYTESIZE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neap {

/// A plain count or a decimal number with a unit: B, KB, MB, GB, TB (powers of
/// 1000), KiB, MiB, GiB, TiB (powers of 1024); case and one space before the
/// unit do not matter. The bytes are rounded down. Nothing for other text, a
/// negative or a too large value. A bare "K" or "M" is refused as ambiguous.
std::optional<int64_t> parseByteSize(std::string_view text);

/// What parseByteSize expects, for messages.
inline constexpr const char *byteSizeExpectation =
    "a size such as 1048576, 512MiB or 1.5GB";

/// At least three significant digits in binary units, e.g. `1.50 GiB`.
std::string formatByteSize(int64_t bytes);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_BYTESIZE_H
