// The part of a device profile that shapes kernels. Plain data, so that an
// interface method can take it without seeing the plan dialect.
#ifndef NEAP_DIALECTS_INTERFACES_KERNELTARGET_H
#define NEAP_DIALECTS_INTERFACES_KERNELTARGET_H

#include <cstdint>

namespace neap {

/// Tile sizes and widths a kernel is emitted for. None of them may change a
/// result except `vectorFloats` and `contractionBlock`, which fix the order of
/// sums and depend on the ISA only, never on the budget.
struct KernelTarget {
  int64_t vectorFloats = 16;      ///< f32 lanes of one vector register
  int64_t tileRows = 8;           ///< MR: token rows of the register tile
  int64_t tileVectors = 2;        ///< NR / vectorFloats: vectors per tile row
  int64_t contractionBlock = 512; ///< KC: contraction elements per packed panel
  int64_t panelGroup = 8;         ///< NB: packed panels shared by a row tile
  int64_t maxThreads = 1;         ///< threads the plan reserves scratch for
  int64_t maxTokens = 1;          ///< longest row the plan holds

  int64_t panelColumns() const { return vectorFloats * tileVectors; }
};

/// Scratch a kernel takes from the arena, bytes. `perThread` is multiplied by
/// `maxThreads`; scratch is live only while the op runs.
struct KernelScratch {
  int64_t sharedBytes = 0;
  int64_t perThreadBytes = 0;
  int64_t total(const KernelTarget &target) const {
    return sharedBytes + perThreadBytes * target.maxThreads;
  }
};

} // namespace neap
#endif
