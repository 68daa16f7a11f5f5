//===- ReportFormat.cpp - Numbers for people ------------------------------===//

#include "compiler/Report/ReportFormat.h"

#include "compiler/Spec/Count.h"

namespace neap {

std::string formatBytes(int64_t bytes) {
  auto size = static_cast<double>(bytes);
  if (bytes >= int64_t{1} << 30)
    return format("%.2f GiB", size / (1 << 30));
  if (bytes >= 1 << 20)
    return format("%.1f MiB", size / (1 << 20));
  return bytes == 0 ? "0 B" : format("%.1f KiB", size / 1024);
}

std::string formatExactBytes(int64_t bytes) {
  std::string exact = formatCount(bytes, "byte");
  return bytes < 1024 ? exact : formatBytes(bytes) + " (" + exact + ")";
}

std::string formatShare(double part, double whole) {
  return format("%.1f %%", whole > 0 ? 100 * part / whole : 0.0);
}

} // namespace neap
