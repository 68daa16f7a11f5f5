//===- AllocationParts.h - Independent parts of a problem -------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ALLOCATIONPARTS_H
#define NEAP_PASSES_SOLVERS_ALLOCATIONPARTS_H

#include "passes/Solvers/Allocation.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neap {

/// Buffers that have nothing to do with the rest, above a floor made of
/// buffers that overlap all of them.
struct AllocationPart {
  /// The buffers of the first occurrence, in the problem's order.
  std::vector<Buffer> buffers;
  /// Where the part occurs in the problem: the same sizes, alignments, fixed
  /// offsets and order of births and deaths each time. The part must fit above
  /// the largest of these bases.
  struct Occurrence {
    int64_t baseBytes;
    /// Per buffer, its index in the problem; ascending.
    std::vector<size_t> members;
  };
  std::vector<Occurrence> occurrences;
  int64_t maxBaseBytes = 0;
};

/// A problem taken apart without loss: an allocation of least height of each
/// part above its base, with the bases' buffers below, is one of the whole.
///
///   offset
///     |  |=part 0=|  |==part 1==|
///     | |====base====|==========|  |=part 2=|
///   0 +-------------------------------------------> step
///
/// 1. Time is cut wherever no buffer crosses.
/// 2. A buffer that overlaps all others of its component goes to the bottom:
///    in any allocation, what lies below it can move up by its size. That needs
///    a size which is a multiple of all alignments, and no fixed offsets.
/// 3. What remains is cut again, and so on. Where it never can be, nothing is
///    moved: the buffers below would only be out of the search's reach.
///
/// Buffers of size 0 are in no part.
struct AllocationParts {
  explicit AllocationParts(const std::vector<Buffer> &buffers);

  std::vector<AllocationPart> parts;
  /// Offsets of all buffers that are in no part; 0 for the others.
  std::vector<int64_t> baseOffsets;
  /// The largest base + size of a buffer that is in no part.
  int64_t baseHeightBytes = 0;

  /// Whether the whole problem is one part.
  bool isWhole() const {
    return parts.size() == 1 && parts.front().occurrences.size() == 1 &&
           parts.front().maxBaseBytes == 0;
  }
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_ALLOCATIONPARTS_H
