// Tile sizes per instruction set. docs/kernels-gemm.md holds the measurements.
#ifndef NEAP_PASSES_LOWER_KERNELTILES_H
#define NEAP_PASSES_LOWER_KERNELTILES_H

#include "dialects/Interfaces/KernelTarget.h"

namespace neap {

/// A target for vectors of `vectorFloats` f32 lanes (16: AVX-512, 8: AVX2, 4:
/// NEON and SSE). A pure function of the instruction set: the contraction block
/// is part of the result's bits. Threads and tokens are left at 1.
inline KernelTarget getDefaultTiles(int64_t vectorFloats) {
  KernelTarget target;
  target.vectorFloats = vectorFloats;
  // Accumulators take half of the 32 registers of AVX-512 and NEON, and 12 of
  // the 16 of AVX2; the rest hold the panel's row and one broadcast.
  target.tileRows = vectorFloats == 8 ? 6 : 8;
  target.tileVectors = 2;
  target.contractionBlock = 512;
  // A row tile that stays in L1 over more columns reads x less often from L2;
  // narrow panels need more of them.
  target.panelGroup = vectorFloats == 16 ? 2 : 8;
  return target;
}

} // namespace neap
#endif
