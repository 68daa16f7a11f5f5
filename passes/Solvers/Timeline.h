//===- Timeline.h - Lifetimes in compressed steps ---------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_TIMELINE_H
#define NEAP_PASSES_SOLVERS_TIMELINE_H

#include "passes/Solvers/Allocation.h"

#include <cstdint>
#include <vector>

namespace neap {

/// The time axis cut at every start and end into *sections*, during which the
/// set of live buffers does not change:
///
///   step     0    3    4         9        half-open, empty buffers left out
///   section  | 0  | 1  |    2    |
///
/// Buffer i is alive in the sections [first[i], last[i]).
struct Timeline {
  explicit Timeline(const std::vector<Buffer> &buffers);

  /// Section boundaries, ascending; one more than there are sections.
  std::vector<int64_t> boundaries;
  std::vector<int32_t> first;
  std::vector<int32_t> last;

  int32_t sectionCount() const {
    return boundaries.empty() ? 0 : static_cast<int32_t>(boundaries.size()) - 1;
  }

  /// For s in [0, sectionCount]: the *maximal* sections before s. A section
  /// whose live set is contained in a neighbour's is not maximal; it adds no
  /// conflict. Every lifetime holds a maximal section.
  std::vector<int32_t> maximalUpTo() const;

  /// Per section, the sum of weights[i] over its live buffers.
  std::vector<int64_t> loads(const std::vector<int64_t> &weights) const;
};

/// The largest value in any range, in constant time after O(n log n).
class RangeMax {
public:
  explicit RangeMax(std::vector<int64_t> values);
  /// Over the non-empty range [first, last).
  int64_t max(int32_t first, int32_t last) const;

private:
  /// maxima[k][i]: the largest of the values [i, i + 2^k).
  std::vector<std::vector<int64_t>> maxima;
};

/// `value` rounded up to a multiple of `alignment` (at least 1).
inline int64_t alignUp(int64_t value, int64_t alignment) {
  int64_t remainder = value % alignment;
  return remainder == 0 ? value : value + (alignment - remainder);
}

/// Largest offset + size over buffers of non-zero size.
int64_t heightOf(const std::vector<Buffer> &buffers,
                 const std::vector<int64_t> &offsets);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_TIMELINE_H
