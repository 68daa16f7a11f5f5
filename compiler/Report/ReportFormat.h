//===- ReportFormat.h - Numbers for people ----------------------*- C++ -*-===//

#ifndef NEAP_COMPILER_REPORT_REPORTFORMAT_H
#define NEAP_COMPILER_REPORT_REPORTFORMAT_H

#include <cstdint>
#include <cstdio>
#include <string>

namespace neap {

/// As printf.
template <typename... Args>
std::string format(const char *pattern, Args... args) {
  int length = std::snprintf(nullptr, 0, pattern, args...);
  std::string text(static_cast<size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), pattern, args...);
  text.pop_back();
  return text;
}

/// "1.21 GiB", "89.1 MiB", "3.5 KiB" or "0 B".
std::string formatBytes(int64_t bytes);

/// "400.0 MiB (419430400 bytes)"; "1 byte" and the like where they are few.
std::string formatExactBytes(int64_t bytes);

/// "18.2 %"; 0 % of nothing.
std::string formatShare(double part, double whole);

} // namespace neap

#endif // NEAP_COMPILER_REPORT_REPORTFORMAT_H
