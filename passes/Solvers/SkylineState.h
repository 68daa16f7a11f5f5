//===- SkylineState.h - A partial allocation, from below --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_SKYLINESTATE_H
#define NEAP_PASSES_SOLVERS_SKYLINESTATE_H

#include "passes/Solvers/Allocation.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace neap {

/// The state of the exact search: buffers are placed from below, each on top of
/// what lies under it. Per section the *floor* is an offset below which no
/// unplaced buffer can lie any more; per unplaced buffer `lowest` is the
/// lowest offset still possible. Both are kept at the fixpoint of
///
///   lowest[b] = the largest floor in b's lifetime, aligned (or b's fixed
///               offset)
///   floor[s]  = the smallest lowest[b] of the unplaced b alive in s
///
/// (the section inference of MiniMalloc). A change reports false as soon as a
/// buffer no longer fits under its ceiling or a section's unplaced buffers,
/// stacked without a gap, no longer fit above its floor.
///
/// Sections are the maximal ones only: a step whose live set is contained in a
/// neighbour's adds no conflict.
class SkylineState {
public:
  /// The floor of a section with nothing left to place.
  static constexpr int64_t emptyFloor = std::numeric_limits<int64_t>::max() / 4;

  /// Requires buffers of non-zero size. Sizes are rounded up to the greatest
  /// common divisor of the alignments, which loses nothing but the padding of
  /// a buffer with nothing above it; ceilings judge the true size.
  explicit SkylineState(const std::vector<Buffer> &buffers);

  /// Empties the state and sets for each buffer the largest offset + size that
  /// it may have. Returns false if that is already impossible.
  bool reset(const std::vector<int64_t> &ceilings);

  /// Places `buffer` at lowest[buffer].
  bool place(int32_t buffer);
  /// States that nothing unplaced in `section` lies below `level`.
  bool raiseFloor(int32_t section, int64_t level);

  /// A point to go back to; marks are undone in reverse order.
  struct Mark {
    size_t floors, offsets, placements;
  };
  Mark mark() const;
  void undo(const Mark &mark);

  int32_t bufferCount() const { return static_cast<int32_t>(first.size()); }
  int32_t sectionCount() const { return static_cast<int32_t>(members.size()); }
  bool isPlaced(int32_t buffer) const { return placed[buffer]; }
  /// Where a placed buffer lies, or how low an unplaced one may.
  int64_t lowest(int32_t buffer) const { return lowestOffsets[buffer]; }
  int64_t floor(int32_t section) const { return floors[section]; }
  /// Size for stacking.
  int64_t size(int32_t buffer) const { return sizes[buffer]; }
  int32_t firstSection(int32_t buffer) const { return first[buffer]; }
  int32_t lastSection(int32_t buffer) const { return last[buffer]; }
  /// All buffers alive in `section`, placed ones included.
  const std::vector<int32_t> &membersOf(int32_t section) const {
    return members[section];
  }
  /// What is left above `level` once all unplaced buffers are stacked on it;
  /// negative if they do not fit.
  int64_t slackAbove(int32_t section, int64_t level) const {
    return capacities[section] - level - unplacedBytes[section];
  }
  /// Neither can be told from the other: only one of them need be tried.
  bool areTwins(int32_t a, int32_t b) const;

private:
  void buildSections(const std::vector<Buffer> &buffers);
  bool setFloor(int32_t section, int64_t level);
  bool raiseLowest(int32_t buffer, int64_t level);
  void touch(int32_t section);
  bool propagate();

  // The problem.
  std::vector<int32_t> first, last;
  std::vector<int64_t> sizes, trueSizes, alignments, fixedOffsets;
  std::vector<std::vector<int32_t>> members;
  std::vector<int64_t> ceilings, capacities;

  // The state, and what undoes it.
  std::vector<int64_t> floors, unplacedBytes, lowestOffsets;
  std::vector<int32_t> unplacedCounts;
  std::vector<uint8_t> placed;
  struct Change {
    int32_t index;
    int64_t before;
  };
  std::vector<Change> floorTrail, lowestTrail;
  std::vector<int32_t> placementTrail;

  // Sections whose floor may have to rise.
  std::vector<int32_t> touched;
  std::vector<uint8_t> isTouched;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_SKYLINESTATE_H
