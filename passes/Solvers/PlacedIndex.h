//===- PlacedIndex.h - Placed buffers by time and offset --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_PLACEDINDEX_H
#define NEAP_PASSES_SOLVERS_PLACEDINDEX_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neap {

/// Where a buffer goes among the buffers placed before it that overlap its
/// lifetime.
enum class Placement {
  FirstGap, ///< The lowest offset that fits.
  BestFit   ///< The smallest gap that fits; without one, above them all.
};

/// The bytes taken by placed buffers, found by lifetime.
///
/// A binary tree over the sections. A lifetime is the disjoint union of at most
/// two *whole* nodes per level; at most two more per level overlap it in
/// *part*:
///
///   part     |---------------|
///   part     |-------|-------|         lifetime of c: sections [1, 4)
///   whole        |---|
///   whole      |-|
///
/// A node knows the bytes of the buffers that have it as a whole node, and of
/// all that overlap it at or below it. Both are kept as unions: over many
/// sections, most bytes have been taken at some time or other, so that long
/// lists melt into few intervals.
class PlacedIndex {
public:
  explicit PlacedIndex(int32_t sectionCount);

  /// Takes the bytes [bottom, top) during the sections [first, last).
  void insert(int32_t first, int32_t last, int64_t bottom, int64_t top);

  /// The offset for `size` bytes during the sections [first, last). Adds the
  /// number of intervals looked at to `steps`.
  int64_t findOffset(int32_t first, int32_t last, int64_t size,
                     int64_t alignment, Placement placement, int64_t &steps);

private:
  struct Interval {
    int64_t bottom;
    int64_t top;
  };
  /// Disjoint, not even touching, ascending.
  using Union = std::vector<Interval>;
  struct Node {
    Union whole;
    Union all;
  };
  struct Cursor {
    const Interval *next;
    const Interval *end;
  };

  static void add(Union &taken, Interval interval);
  template <typename Whole, typename Part>
  void visit(int32_t first, int32_t last, Whole whole, Part part);
  void open(const Union &taken);

  /// Sections in the tree, a power of two; node 1 is the root, and section s is
  /// node sections + s.
  int32_t sections = 1;
  std::vector<Node> nodes;
  /// Scratch of findOffset.
  std::vector<Cursor> cursors;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_PLACEDINDEX_H
