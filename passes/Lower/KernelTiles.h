// Tile sizes per instruction set. docs/kernels-gemm.md holds the measurements.
#ifndef NEAP_PASSES_LOWER_KERNELTILES_H
#define NEAP_PASSES_LOWER_KERNELTILES_H

#include "dialects/Interfaces/KernelTarget.h"

namespace neap {

/// A target for vectors of `vectorFloats` f32 lanes (16: AVX-512, 8: AVX2, 4:
/// NEON and SSE). A pure function of the instruction set: the contraction block
/// is part of the result's bits. Threads and tokens are left at 1.
KernelTarget getDefaultTiles(int64_t vectorFloats);

} // namespace neap
#endif
