//===- Allocation.h - Static offset allocation ------------------*- C++ -*-===//
//
// Offsets for buffers with known lifetimes in one arena ("dynamic storage
// allocation"; NP-hard). docs/offset-allocation.md explains the methods, their
// sources and what is proven.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_ALLOCATION_H
#define NEAP_PASSES_SOLVERS_ALLOCATION_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace neap {

/// One buffer: alive during the steps [start, end), sizeBytes long.
struct Buffer {
  /// The caller's key; the solvers neither read nor require it to be unique.
  int64_t id = 0;
  int64_t start = 0;
  int64_t end = 0;
  /// A buffer of size 0 conflicts with nothing.
  int64_t sizeBytes = 0;
  /// The offset is a multiple of this; at least 1.
  int64_t alignment = 1;
  /// Set: the buffer lies exactly here.
  std::optional<int64_t> fixedOffset;
};

struct AllocationProblem {
  std::vector<Buffer> buffers;
  /// Set: any height up to this one will do, and the search stops there.
  /// Unset: the height is minimised.
  std::optional<int64_t> capacityBytes;
};

struct AllocationSolution {
  /// One per buffer, in the problem's order.
  std::vector<int64_t> offsets;
  /// Largest offset + size; 0 without buffers.
  int64_t heightBytes = 0;
  /// No allocation is lower than this (allocationLowerBound, raised where the
  /// exact search has refuted a height).
  int64_t lowerBoundBytes = 0;
  /// heightBytes == lowerBoundBytes: proven minimal.
  bool optimal = false;
  /// The strategy that found `offsets`, e.g. "two-ended" or "size/first-gap".
  std::string method;
  /// Nodes visited, for all parts together.
  int64_t nodes = 0;
};

struct AllocationOptions {
  /// Per independent part of the problem: nodes the exact search may visit, or,
  /// where a part is too large for it, buffers that iterated greedy passes may
  /// place; 0 leaves both out. The result depends on this number and on nothing
  /// else: no clock is read.
  int64_t nodeLimit = 200000;
  /// Asked now and then; true ends the search with the best answer so far.
  /// Only for tools with a time limit: answers then vary between runs.
  std::function<bool()> shouldStop;
};

/// The first thing wrong with `problem` (empty lifetime, negative size or
/// start, alignment below 1, misaligned or negative fixed offset, two fixed
/// buffers in conflict, sizes whose sum exceeds 2^62), or nothing.
std::optional<std::string> validateProblem(const AllocationProblem &problem);

/// Bytes alive at the fullest step; sizes count rounded up to the greatest
/// common divisor of all alignments, less the padding that the topmost buffer
/// may leave out. Also at least every fixed offset + size.
int64_t allocationLowerBound(const AllocationProblem &problem);

/// A valid allocation, as low as the limits allow. Requires a problem that
/// validateProblem accepts; always returns an answer, which may exceed
/// capacityBytes. Among equally high answers the two-ended one wins: it gives
/// the transients of repeated blocks the same offsets. (Give sizes that are
/// multiples of the alignment, or another answer may win by the padding of the
/// topmost buffer.)
AllocationSolution solveAllocation(const AllocationProblem &problem,
                                   const AllocationOptions &options = {});

/// The first thing wrong with `solution` as an answer to `problem` (count,
/// negative, misaligned or moved offset, overlap, height not the true one,
/// bound above the height, unearned `optimal`), or nothing. Written apart from
/// the solvers; a sweep over time with the live buffers ordered by offset,
/// O(n log n). Does not judge capacityBytes.
std::optional<std::string>
validateAllocation(const AllocationProblem &problem,
                   const AllocationSolution &solution);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_ALLOCATION_H
