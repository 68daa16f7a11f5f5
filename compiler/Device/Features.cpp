#include "compiler/Device/Features.h"
#include <algorithm>

namespace neap {

Architecture architectureOf(const std::string &triple) {
  std::string name = triple.substr(0, triple.find('-'));
  if (name == "x86_64")
    return Architecture::X86_64;
  if (name == "aarch64" || name == "arm64")
    return Architecture::AArch64;
  return Architecture::Unsupported;
}

const std::vector<std::string> &knownFeatures(Architecture architecture) {
  static const std::vector<std::string> x86 = {
      "avx",      "avx2",    "avx512bf16", "avx512bw", "avx512cd",
      "avx512dq", "avx512f", "avx512vbmi", "avx512vl", "avx512vnni",
      "bmi",      "bmi2",    "f16c",       "fma",      "lzcnt",
      "movbe",    "popcnt",  "sse3",       "sse4.1",   "sse4.2",
      "ssse3"};
  static const std::vector<std::string> arm = {
      "aes",     "bf16",     "crc",  "dotprod", "fp-armv8",
      "fp16fml", "fullfp16", "i8mm", "lse",     "neon",
      "rcpc",    "rdm",      "sha2", "sve",     "sve2"};
  static const std::vector<std::string> none;
  switch (architecture) {
  case Architecture::X86_64:
    return x86;
  case Architecture::AArch64:
    return arm;
  case Architecture::Unsupported:
    return none;
  }
  return none;
}

int vectorFloats(Architecture architecture,
                 const std::vector<std::string> &features) {
  auto has = [&](const char *name) {
    return std::find(features.begin(), features.end(), name) != features.end();
  };
  if (architecture == Architecture::AArch64)
    return has("neon") ? 4 : 1;
  if (architecture == Architecture::Unsupported)
    return 1;
  if (has("avx512f"))
    return 16;
  return has("avx2") && has("fma") ? 8 : 4;
}

} // namespace neap
