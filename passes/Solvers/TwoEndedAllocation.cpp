//===- TwoEndedAllocation.cpp - A stack below, transients above -----------===//

#include "passes/Solvers/TwoEndedAllocation.h"

#include "passes/Solvers/GreedyAllocation.h"
#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace neap {
namespace {

constexpr int64_t maxCommonAlignment = int64_t(1) << 20;
/// Greedy steps per shape of component.
constexpr int64_t componentStepLimit = 50'000'000;

/// Every alignment divides the result; 0 if it would be too large.
int64_t commonAlignment(const std::vector<Buffer> &buffers) {
  int64_t common = 1;
  for (const Buffer &buffer : buffers) {
    if (buffer.alignment > maxCommonAlignment)
      return 0;
    common = std::lcm(common, buffer.alignment);
    if (common > maxCommonAlignment)
      return 0;
  }
  return common;
}

/// Sections that may separate forward from backward: the one crossed by the
/// largest sum of lifetimes, by the most bytes x lifetime, by the most bytes,
/// and by the most buffers.
std::vector<int32_t> turningPoints(const std::vector<Buffer> &buffers,
                                   const Timeline &timeline) {
  std::vector<std::vector<int64_t>> measures(4);
  // Scaled so that bytes x lifetime, summed, stays below 2^62.
  int64_t span = timeline.boundaries.back() - timeline.boundaries.front();
  for (const Buffer &buffer : buffers) {
    int64_t lifetime = buffer.end - buffer.start;
    auto share = static_cast<double>(lifetime) / static_cast<double>(span);
    measures[0].push_back(static_cast<int64_t>(share * 1e6));
    measures[1].push_back(
        static_cast<int64_t>(share * static_cast<double>(buffer.sizeBytes)));
    measures[2].push_back(buffer.sizeBytes);
    measures[3].push_back(1);
  }
  std::vector<int32_t> points;
  for (const std::vector<int64_t> &measure : measures) {
    std::vector<int64_t> loads = timeline.loads(measure);
    auto point = static_cast<int32_t>(
        std::max_element(loads.begin(), loads.end()) - loads.begin());
    if (std::find(points.begin(), points.end(), point) == points.end())
      points.push_back(point);
  }
  return points;
}

/// Stacks `saved` from 0 in the given order.
void stackUp(const std::vector<Buffer> &buffers,
             const std::vector<size_t> &saved, std::vector<int64_t> &offsets) {
  int64_t top = 0;
  for (size_t i : saved) {
    offsets[i] = alignUp(top, buffers[i].alignment);
    top = offsets[i] + buffers[i].sizeBytes;
  }
}

/// Per section, the largest offset + size of the live `members`.
std::vector<int64_t> topsOf(const std::vector<Buffer> &buffers,
                            const Timeline &timeline,
                            const std::vector<size_t> &members,
                            const std::vector<int64_t> &offsets) {
  // Highest first, so that each section is written once: next[s] is the first
  // section from s on that has no top yet.
  std::vector<size_t> sorted = members;
  std::sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) {
    return offsets[a] + buffers[a].sizeBytes >
           offsets[b] + buffers[b].sizeBytes;
  });
  std::vector<int64_t> tops(timeline.sectionCount(), 0);
  std::vector<int32_t> next(timeline.sectionCount() + 1);
  std::iota(next.begin(), next.end(), 0);
  auto find = [&](int32_t s) {
    while (next[s] != s)
      s = next[s] = next[next[s]];
    return s;
  };
  for (size_t i : sorted)
    for (int32_t s = find(timeline.first[i]); s < timeline.last[i];
         s = find(s)) {
      tops[s] = offsets[i] + buffers[i].sizeBytes;
      next[s] = s + 1;
    }
  return tops;
}

/// Splits `members` where no lifetime crosses; in order of start.
std::vector<std::vector<size_t>>
splitIntoComponents(const std::vector<Buffer> &buffers,
                    std::vector<size_t> members) {
  std::sort(members.begin(), members.end(), [&](size_t a, size_t b) {
    return std::make_pair(buffers[a].start, a) <
           std::make_pair(buffers[b].start, b);
  });
  std::vector<std::vector<size_t>> components;
  int64_t reach = 0;
  for (size_t i : members) {
    if (components.empty() || buffers[i].start >= reach)
      components.emplace_back();
    components.back().push_back(i);
    reach = std::max(reach, buffers[i].end);
  }
  return components;
}

/// The component as a problem of its own in the frame that hangs from the top:
/// time in its own sections (steps at which nothing of it is born or dies do
/// not count), sizes rounded so that mirrored offsets stay aligned.
std::vector<Buffer> shapeOf(const std::vector<Buffer> &buffers,
                            const std::vector<size_t> &component) {
  std::vector<Buffer> shape;
  for (size_t i : component)
    shape.push_back(buffers[i]);
  Timeline timeline(shape);
  for (size_t k = 0; k < shape.size(); ++k) {
    shape[k].start = timeline.first[k];
    shape[k].end = timeline.last[k];
    shape[k].sizeBytes = alignUp(shape[k].sizeBytes, shape[k].alignment);
  }
  return shape;
}

/// Answers for shapes already seen.
class ShapeCache {
public:
  /// Distances of the members' upper ends from the top of the arena.
  const std::vector<int64_t> &depths(const std::vector<Buffer> &shape) {
    std::vector<int64_t> key;
    for (const Buffer &buffer : shape)
      key.insert(key.end(), {buffer.start, buffer.end, buffer.sizeBytes,
                             buffer.alignment});
    auto [entry, isNew] = answers.try_emplace(std::move(key));
    if (isNew) {
      AllocationProblem problem;
      problem.buffers = shape;
      entry->second = placeBestGreedily(shape, allocationLowerBound(problem),
                                        componentStepLimit)
                          .offsets;
    }
    return entry->second;
  }

private:
  std::map<std::vector<int64_t>, std::vector<int64_t>> answers;
};

/// Distances from the top for all `transients`, in units where the top is 0;
/// writes them to `depths`.
void hangTransients(const std::vector<Buffer> &buffers,
                    const std::vector<size_t> &transients, ShapeCache &cache,
                    std::vector<int64_t> &depths) {
  for (const std::vector<size_t> &component :
       splitIntoComponents(buffers, transients)) {
    const std::vector<int64_t> &answer =
        cache.depths(shapeOf(buffers, component));
    for (size_t k = 0; k < component.size(); ++k)
      depths[component[k]] = answer[k];
  }
}

/// Whether a lies below b on the stack.
using StackOrder = bool (*)(const Buffer &a, const Buffer &b);

/// Born first: no hole while the stack grows.
bool bornFirst(const Buffer &a, const Buffer &b) {
  return a.start != b.start ? a.start < b.start : a.end > b.end;
}

/// Dies last: no hole while the stack shrinks.
bool diesLast(const Buffer &a, const Buffer &b) {
  return a.end != b.end ? a.end > b.end : a.start < b.start;
}

} // namespace

TwoEndedResult placeTwoEnded(const std::vector<Buffer> &buffers) {
  TwoEndedResult best;
  int64_t common = commonAlignment(buffers);
  bool anyFixed =
      std::any_of(buffers.begin(), buffers.end(),
                  [](const Buffer &b) { return b.fixedOffset.has_value(); });
  if (buffers.empty() || common == 0 || anyFixed)
    return best;

  Timeline timeline(buffers);
  ShapeCache cache;
  for (int32_t point : turningPoints(buffers, timeline)) {
    std::vector<size_t> saved, transients;
    for (size_t i = 0; i < buffers.size(); ++i) {
      bool crosses = timeline.first[i] <= point && point < timeline.last[i];
      (crosses ? saved : transients).push_back(i);
    }
    std::vector<int64_t> depths(buffers.size(), 0);
    hangTransients(buffers, transients, cache, depths);
    std::vector<Buffer> hanging = buffers;
    for (Buffer &buffer : hanging)
      buffer.sizeBytes = alignUp(buffer.sizeBytes, buffer.alignment);
    std::vector<int64_t> depthTops =
        topsOf(hanging, timeline, transients, depths);

    for (StackOrder order : {bornFirst, diesLast}) {
      std::sort(saved.begin(), saved.end(), [&](size_t a, size_t b) {
        bool below = order(buffers[a], buffers[b]);
        bool above = order(buffers[b], buffers[a]);
        return below != above ? below : a < b;
      });
      std::vector<int64_t> offsets(buffers.size(), 0);
      stackUp(buffers, saved, offsets);
      std::vector<int64_t> stackTops =
          topsOf(buffers, timeline, saved, offsets);
      int64_t top = 0;
      for (int32_t s = 0; s < timeline.sectionCount(); ++s)
        top = std::max(top, stackTops[s] + depthTops[s]);
      top = alignUp(top, common);
      for (size_t i : transients)
        offsets[i] = top - depths[i] - hanging[i].sizeBytes;
      int64_t height = heightOf(buffers, offsets);
      if (best.offsets.empty() || height < best.heightBytes)
        best = {std::move(offsets), height};
    }
  }
  return best;
}

} // namespace neap
