// The instruction set features a profile may name.
#ifndef NEAP_COMPILER_DEVICE_FEATURES_H
#define NEAP_COMPILER_DEVICE_FEATURES_H

#include <string>
#include <vector>

namespace neap {

enum class Architecture { X86_64, AArch64, Unsupported };

/// From the first component of a target triple.
Architecture architectureOf(const std::string &triple);

/// Every feature the code generator can use or require, by LLVM's names,
/// sorted; empty for an unsupported architecture. A profile lists features one
/// by one because a CPU name would imply features a device may lack.
const std::vector<std::string> &knownFeatures(Architecture architecture);

/// Floats in the widest vector register of `features`: 16 with avx512f, 8 with
/// avx2 and fma, 4 with neon or plain x86-64 (SSE2). Scalable vectors count as
/// the 4 floats they have at least.
int vectorFloats(Architecture architecture,
                 const std::vector<std::string> &features);

} // namespace neap

#endif // NEAP_COMPILER_DEVICE_FEATURES_H
