#include "compiler/Spec/ByteSize.h"
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace neap {

namespace {

/// 0 where the unit is unknown.
double unitFactor(std::string_view unit) {
  std::string lower;
  for (char c : unit)
    lower += tolower(static_cast<unsigned char>(c));
  if (lower.empty() || lower == "b")
    return 1;
  const std::string prefixes = "kmgt";
  size_t power = prefixes.find(lower[0]);
  if (power == std::string::npos)
    return 0;
  std::string rest = lower.substr(1);
  if (rest == "b")
    return std::pow(1000.0, power + 1);
  return rest == "ib" ? std::pow(1024.0, power + 1) : 0;
}

} // namespace

std::optional<int64_t> parseByteSize(std::string_view text) {
  int64_t plain = 0;
  const char *end = text.data() + text.size();
  auto whole = std::from_chars(text.data(), end, plain);
  if (whole.ec == std::errc() && whole.ptr == end && plain >= 0)
    return plain;

  size_t digits = text.find_first_not_of("0123456789.");
  std::string_view number = text.substr(0, digits);
  if (digits == std::string_view::npos || number.empty() || number[0] == '.')
    return std::nullopt;
  double value = 0;
  auto parsed =
      std::from_chars(number.data(), number.data() + number.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size())
    return std::nullopt;
  std::string_view unit = text.substr(digits);
  if (unit.size() > 1 && unit[0] == ' ')
    unit.remove_prefix(1);
  double bytes = value * unitFactor(unit);
  // Beyond 2^53 a double no longer counts bytes.
  if (unitFactor(unit) == 0 || bytes > double(int64_t(1) << 53))
    return std::nullopt;
  return int64_t(bytes);
}

std::string formatByteSize(int64_t bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (std::llabs(bytes) < 1024)
    return std::to_string(bytes) + " B";
  double value = double(bytes);
  size_t unit = 0;
  for (value /= 1024; std::abs(value) >= 1024 && unit < 3; ++unit)
    value /= 1024;
  int decimals = std::abs(value) < 10 ? 2 : std::abs(value) < 100 ? 1 : 0;
  char buffer[64];
  snprintf(buffer, sizeof(buffer), "%.*f %s", decimals, value, units[unit]);
  return buffer;
}

} // namespace neap
