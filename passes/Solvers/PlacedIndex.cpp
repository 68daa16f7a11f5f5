//===- PlacedIndex.cpp - Placed buffers by time and offset ----------------===//

#include "passes/Solvers/PlacedIndex.h"

#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <limits>

namespace neap {

PlacedIndex::PlacedIndex(int32_t sectionCount) {
  while (sections < sectionCount)
    sections *= 2;
  nodes.resize(2 * static_cast<size_t>(sections));
}

void PlacedIndex::add(Union &taken, Interval interval) {
  // The intervals that overlap or touch the new one become one with it.
  auto from = std::lower_bound(
      taken.begin(), taken.end(), interval.bottom,
      [](const Interval &other, int64_t bottom) { return other.top < bottom; });
  auto to = from;
  for (; to != taken.end() && to->bottom <= interval.top; ++to) {
    interval.bottom = std::min(interval.bottom, to->bottom);
    interval.top = std::max(interval.top, to->top);
  }
  if (from == to) {
    taken.insert(from, interval);
    return;
  }
  *from = interval;
  taken.erase(from + 1, to);
}

template <typename Whole, typename Part>
void PlacedIndex::visit(int32_t first, int32_t last, Whole whole, Part part) {
  int32_t width = 1;
  int32_t left = first + sections, right = last - 1 + sections;
  // Whole nodes at this level lie in [begin, end).
  int32_t begin = left, end = right + 1;
  for (; left > 0; left /= 2, right /= 2, begin /= 2, end /= 2, width *= 2) {
    if (begin < end) {
      if (begin % 2 == 1)
        whole(nodes[begin++]);
      if (begin < end && end % 2 == 1)
        whole(nodes[--end]);
    }
    auto isPart = [&](int32_t node) {
      int64_t from = (int64_t(node) - sections / width) * width;
      return from < first || from + width > last;
    };
    if (isPart(left))
      part(nodes[left]);
    if (right != left && isPart(right))
      part(nodes[right]);
  }
}

void PlacedIndex::insert(int32_t first, int32_t last, int64_t bottom,
                         int64_t top) {
  Interval interval{bottom, top};
  visit(
      first, last,
      [&](Node &node) {
        add(node.whole, interval);
        add(node.all, interval);
      },
      [&](Node &node) { add(node.all, interval); });
}

void PlacedIndex::open(const Union &taken) {
  if (!taken.empty())
    cursors.push_back({taken.data(), taken.data() + taken.size()});
}

int64_t PlacedIndex::findOffset(int32_t first, int32_t last, int64_t size,
                                int64_t alignment, Placement placement,
                                int64_t &steps) {
  cursors.clear();
  visit(
      first, last, [&](Node &node) { open(node.all); },
      [&](Node &node) { open(node.whole); });
  int64_t offset = 0, bestOffset = -1;
  int64_t bestGap = std::numeric_limits<int64_t>::max();
  for (;;) {
    // Raise the offset until a whole turn of the cursors finds nothing in
    // [offset, offset + size).
    size_t quiet = 0;
    for (size_t c = 0; quiet < cursors.size();
         c = c + 1 == cursors.size() ? 0 : c + 1, ++quiet) {
      Cursor &cursor = cursors[c];
      ++steps;
      for (; cursor.next != cursor.end; ++cursor.next, ++steps) {
        if (cursor.next->top <= offset)
          continue;
        if (cursor.next->bottom >= offset + size)
          break;
        offset = alignUp(cursor.next->top, alignment);
        quiet = 0;
      }
    }
    if (placement == Placement::FirstGap)
      return offset;
    int64_t gapEnd = std::numeric_limits<int64_t>::max();
    for (const Cursor &cursor : cursors)
      if (cursor.next != cursor.end)
        gapEnd = std::min(gapEnd, cursor.next->bottom);
    if (gapEnd == std::numeric_limits<int64_t>::max())
      return bestOffset >= 0 ? bestOffset : offset;
    if (gapEnd - offset < bestGap) {
      bestGap = gapEnd - offset;
      bestOffset = offset;
      if (bestGap == size)
        return offset;
    }
    offset = gapEnd;
  }
}

} // namespace neap
