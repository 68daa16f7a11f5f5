//===- PlacedIndex.h - Placed buffers by time and offset --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_PLACEDINDEX_H
#define NEAP_PASSES_SOLVERS_PLACEDINDEX_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neap {

/// A buffer with an offset: sections [first, last), bytes [bottom, top).
struct PlacedBuffer {
  int32_t first;
  int32_t last;
  int64_t bottom;
  int64_t top;
};

/// Placed buffers in order of offset, found by lifetime.
///
/// Time is covered by windows of halving length that overlap by half, each
/// with its own sorted list of the buffers alive in it:
///
///   level 0  |---------------|
///   level 1  |-------|-------|
///                |-------|
///   level 2  |---|---|---|---|
///              |---|---|---|
///
/// A query reads the one list of the shortest window that holds the whole
/// lifetime, so that short buffers never look at the rest of the step.
class PlacedIndex {
public:
  PlacedIndex(int32_t sectionCount, size_t bufferCount);

  void insert(const PlacedBuffer &buffer);

  /// Every placed buffer alive in [first, last), and others, by ascending
  /// offset.
  const std::vector<PlacedBuffer> &candidates(int32_t first,
                                              int32_t last) const;

private:
  struct Level {
    /// Distance between window starts; windows are twice as long.
    int32_t stride;
    std::vector<std::vector<PlacedBuffer>> windows;
  };
  std::vector<Level> levels;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_PLACEDINDEX_H
