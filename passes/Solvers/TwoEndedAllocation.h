//===- TwoEndedAllocation.h - A stack below, transients above ---*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_TWOENDEDALLOCATION_H
#define NEAP_PASSES_SOLVERS_TWOENDEDALLOCATION_H

#include "passes/Solvers/Allocation.h"

#include <vector>

namespace neap {

/// The allocation for a training step. Buffers that cross one *turning point*
/// (saved by the forward pass for the backward pass, or resident) are stacked
/// from offset 0; where their lifetimes nest, the stack has no hole at any
/// step. All others hang from the top of the arena:
///
///   offset
///   height |==|===|==|==|=  =|==|===|==|     transients, one component of
///          |      |==|           |==|        overlapping lifetimes at a time
///          |            .-----.
///          |        .---'     '---.
///          |    .---'             '---.
///        0 |----'    saved buffers    '---  -> step
///
/// Components with the same shape (sizes, alignments and relative lifetimes)
/// are solved once, so the transients of repeated blocks get identical offsets
/// whatever the stack below them holds. The height is the fullest section's
/// stack top + depth of transients, not the sum of both maxima.
///
/// Where blocks are recomputed inside of recomputed blocks, lifetimes cross the
/// turning points of others: saved are then all buffers that live at least so
/// long, placed as low as possible one by one.
///
/// Tries a few turning points and lifetimes and keeps the lowest answer, of
/// equals the one that repeats itself most; while it is above
/// `goodEnough`, exact search repacks the shapes that reach too deep, under the
/// stack top of their most crowded instance. Spends at most options.nodeLimit
/// nodes. Returns no offsets if a buffer's offset is fixed or the alignments'
/// least common multiple exceeds 1 MiB.
struct TwoEndedResult {
  std::vector<int64_t> offsets;
  int64_t heightBytes = 0;
  int64_t nodes = 0;
};
TwoEndedResult placeTwoEnded(const std::vector<Buffer> &buffers,
                             int64_t goodEnough,
                             const AllocationOptions &options);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_TWOENDEDALLOCATION_H
