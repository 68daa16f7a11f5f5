//===- TwoEndedAllocation.cpp - A stack below, transients above -----------===//

#include "passes/Solvers/TwoEndedAllocation.h"

#include "passes/Solvers/ExactSearch.h"
#include "passes/Solvers/Timeline.h"
#include "passes/Solvers/TransientShapes.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <set>
#include <tuple>

namespace neap {
namespace {

constexpr int64_t maxCommonAlignment = int64_t(1) << 20;
/// Turning points tried.
constexpr size_t maxTurningPoints = 12;
/// Greedy work after which no further turning point, and no further lifetime,
/// is tried.
constexpr int64_t divisionStepLimit = 8'000'000;
/// Each lifetime tried is at most this share of the one before it.
constexpr double lifetimeRatio = 0.8;
/// How hard exact search tries for one arrangement.
struct Effort {
  /// Per shape and height, times the shape's members.
  int64_t nodesPerMember;
  /// Heights tried between the arrangement's bound and the best height.
  int probes;
};
/// Where the exact search will take the whole problem next, and can do better.
constexpr Effort briefEffort{10, 1};
/// Where the problem is too large for that: in turn, while nodes are left.
constexpr Effort fullEfforts[] = {{50, 6}, {400, 6}, {3200, 6}};

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

/// Per boundary, the sum of weights[i] over the buffers alive on both sides.
std::vector<int64_t> crossingLoads(const Timeline &timeline,
                                   const std::vector<int64_t> &weights) {
  std::vector<int64_t> loads(timeline.sectionCount() + 2, 0);
  for (size_t i = 0; i < weights.size(); ++i) {
    loads[timeline.first[i] + 1] += weights[i];
    loads[timeline.last[i]] -= weights[i];
  }
  for (size_t b = 1; b < loads.size(); ++b)
    loads[b] += loads[b - 1];
  return loads;
}

/// Boundaries that may separate forward from backward: those crossed by the
/// largest sum of lifetimes among all that no more buffers cross. The first has
/// the largest sum of all; further ones have fewer transients in it.
std::vector<int32_t> turningPoints(const std::vector<Buffer> &buffers,
                                   const Timeline &timeline) {
  // Sums stay below 2^63: each lifetime counts as a share of the whole span.
  double span = static_cast<double>(timeline.boundaries.back() -
                                    timeline.boundaries.front());
  std::vector<int64_t> shares, ones(buffers.size(), 1);
  for (const Buffer &buffer : buffers) {
    auto lifetime = static_cast<double>(buffer.end - buffer.start);
    shares.push_back(static_cast<int64_t>(lifetime / span * 0x1p30));
  }
  std::vector<int64_t> sums = crossingLoads(timeline, shares);
  std::vector<int64_t> counts = crossingLoads(timeline, ones);
  std::vector<int32_t> ranked(timeline.sectionCount() + 1);
  std::iota(ranked.begin(), ranked.end(), 0);
  std::sort(ranked.begin(), ranked.end(), [&](int32_t a, int32_t b) {
    return std::make_tuple(-sums[a], counts[a], a) <
           std::make_tuple(-sums[b], counts[b], b);
  });
  std::vector<int32_t> points;
  for (int32_t boundary : ranked)
    if (points.size() < maxTurningPoints &&
        (points.empty() || counts[boundary] < counts[points.back()]))
      points.push_back(boundary);
  return points;
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

/// Offsets of `saved`, stacked from 0; 0 for all others.
std::vector<int64_t> stackUp(const std::vector<Buffer> &buffers,
                             std::vector<size_t> saved, StackOrder order) {
  std::sort(saved.begin(), saved.end(), [&](size_t a, size_t b) {
    bool below = order(buffers[a], buffers[b]);
    bool above = order(buffers[b], buffers[a]);
    return below != above ? below : a < b;
  });
  std::vector<int64_t> offsets(buffers.size(), 0);
  int64_t top = 0;
  for (size_t i : saved) {
    offsets[i] = alignUp(top, buffers[i].alignment);
    top = offsets[i] + buffers[i].sizeBytes;
  }
  return offsets;
}

/// The buffers on both sides of one turning point.
struct Division {
  std::vector<size_t> saved, transients;
  std::unique_ptr<TransientShapes> shapes;

  /// Buffers whose places repeat no other's.
  size_t distinctBuffers() const {
    return saved.size() + shapes->distinctMembers();
  }
};

/// The longest-lived of `crossing` whose lifetimes all nest: without buffers
/// that merely happen to be alive at the turning point, and would leave holes
/// in the stack.
std::vector<size_t> nestedAmong(const std::vector<Buffer> &buffers,
                                std::vector<size_t> crossing) {
  auto lifetime = [&](size_t i) { return buffers[i].end - buffers[i].start; };
  std::sort(crossing.begin(), crossing.end(), [&](size_t a, size_t b) {
    return lifetime(a) != lifetime(b) ? lifetime(a) > lifetime(b) : a < b;
  });
  // Ascending starts; ends then never ascend, so that neighbours decide.
  auto bornEarlier = [&](size_t a, size_t b) {
    if (bornFirst(buffers[a], buffers[b]) || bornFirst(buffers[b], buffers[a]))
      return bornFirst(buffers[a], buffers[b]);
    return a < b;
  };
  std::set<size_t, decltype(bornEarlier)> chain(bornEarlier);
  for (size_t i : crossing) {
    auto later = chain.lower_bound(i);
    bool nests =
        (later == chain.end() || buffers[*later].end <= buffers[i].end) &&
        (later == chain.begin() ||
         buffers[*std::prev(later)].end >= buffers[i].end);
    if (nests)
      chain.insert(later, i);
  }
  std::vector<size_t> nested(chain.begin(), chain.end());
  std::sort(nested.begin(), nested.end());
  return nested;
}

Division divide(const std::vector<Buffer> &buffers, std::vector<size_t> saved,
                TransientShapes::Cache &cache) {
  std::vector<uint8_t> isSaved(buffers.size(), 0);
  for (size_t i : saved)
    isSaved[i] = 1;
  Division division;
  division.saved = std::move(saved);
  for (size_t i = 0; i < buffers.size(); ++i)
    if (!isSaved[i])
      division.transients.push_back(i);
  division.shapes =
      std::make_unique<TransientShapes>(buffers, division.transients, cache);
  return division;
}

/// Per turning point, all buffers that cross it are saved; at the first, also
/// only those that nest.
std::vector<Division>
divisionsByTurningPoint(const std::vector<Buffer> &buffers,
                        const Timeline &timeline,
                        const std::function<bool()> &shouldStop) {
  std::vector<Division> divisions;
  TransientShapes::Cache cache;
  cache.effort.shouldStop = shouldStop;
  for (int32_t point : turningPoints(buffers, timeline)) {
    std::vector<size_t> crossing;
    for (size_t i = 0; i < buffers.size(); ++i)
      if (timeline.first[i] < point && point < timeline.last[i])
        crossing.push_back(i);
    if (divisions.empty())
      divisions.push_back(
          divide(buffers, nestedAmong(buffers, crossing), cache));
    if (cache.effort.steps >= divisionStepLimit || (shouldStop && shouldStop()))
      break;
    if (crossing != divisions.front().saved)
      divisions.push_back(divide(buffers, std::move(crossing), cache));
  }
  return divisions;
}

/// Per lifetime, the buffers that live at least as long are saved: where blocks
/// are recomputed inside of recomputed blocks, no turning point separates what
/// lasts from what passes.
std::vector<Division>
divisionsByLifetime(const std::vector<Buffer> &buffers,
                    const std::function<bool()> &shouldStop) {
  std::vector<size_t> ranked(buffers.size());
  std::iota(ranked.begin(), ranked.end(), size_t(0));
  auto lifetime = [&](size_t i) { return buffers[i].end - buffers[i].start; };
  std::sort(ranked.begin(), ranked.end(), [&](size_t a, size_t b) {
    return std::make_pair(-lifetime(a), a) < std::make_pair(-lifetime(b), b);
  });
  std::vector<Division> divisions;
  TransientShapes::Cache cache;
  cache.effort.shouldStop = shouldStop;
  double next = static_cast<double>(lifetime(ranked.front()));
  for (size_t k = 1; k < ranked.size(); ++k) {
    auto shortest = static_cast<double>(lifetime(ranked[k - 1]));
    if (lifetime(ranked[k]) == lifetime(ranked[k - 1]) || shortest > next)
      continue;
    if (cache.effort.steps >= divisionStepLimit || (shouldStop && shouldStop()))
      break;
    next = lifetimeRatio * shortest;
    divisions.push_back(
        divide(buffers, {ranked.begin(), ranked.begin() + k}, cache));
  }
  return divisions;
}

/// Offsets of `saved`, each as low as those before it in the order let it be;
/// 0 for all others.
std::vector<int64_t> settle(const std::vector<Buffer> &buffers,
                            const std::vector<size_t> &saved,
                            BufferOrder order) {
  std::vector<Buffer> members;
  for (size_t i : saved)
    members.push_back(buffers[i]);
  GreedyEffort effort;
  std::vector<int64_t> placed =
      placeGreedily(members, {order, Placement::FirstGap}, effort);
  std::vector<int64_t> offsets(buffers.size(), 0);
  for (size_t k = 0; k < saved.size(); ++k)
    offsets[saved[k]] = placed[k];
  return offsets;
}

/// One way to stack one division's saved buffers.
struct Arrangement {
  Division *division;
  /// Of the saved buffers.
  std::vector<int64_t> offsets;
  std::vector<int64_t> stackTops;
  /// The height if every shape were packed without a gap.
  int64_t boundBytes;
};

/// Combines stacks with hanging transients and keeps the lowest result.
class TwoEnded {
public:
  TwoEnded(const std::vector<Buffer> &buffers, int64_t common)
      : buffers(buffers), timeline(buffers), common(common), hanging(buffers) {
    for (Buffer &buffer : hanging)
      buffer.sizeBytes = TransientShapes::hangingSize(buffer);
  }

  const Timeline &time() const { return timeline; }

  /// `offsets` are those of the saved buffers.
  Arrangement arrange(Division &division, std::vector<int64_t> offsets) const {
    Arrangement result{&division, std::move(offsets), {}, 0};
    result.stackTops =
        topsOf(buffers, timeline, division.saved, result.offsets);
    std::vector<int64_t> sizes(buffers.size(), 0);
    for (size_t i : division.transients)
      sizes[i] = hanging[i].sizeBytes;
    result.boundBytes =
        alignUp(largestSum(result.stackTops, timeline.loads(sizes)), common);
    return result;
  }

  /// Hangs the transients over the arrangement as they are packed now. Equal
  /// heights: the division with the most repetition wins.
  void complete(const Arrangement &arrangement) {
    const Division &division = *arrangement.division;
    std::vector<int64_t> depths = division.shapes->depths();
    int64_t top = alignUp(
        largestSum(arrangement.stackTops,
                   topsOf(hanging, timeline, division.transients, depths)),
        common);
    std::vector<int64_t> offsets = arrangement.offsets;
    for (size_t i : division.transients)
      offsets[i] = top - depths[i] - hanging[i].sizeBytes;
    int64_t height = heightOf(buffers, offsets);
    size_t distinct = division.distinctBuffers();
    if (!best.offsets.empty() &&
        std::make_pair(height, distinct) >=
            std::make_pair(best.heightBytes, bestDistinct))
      return;
    best.offsets = std::move(offsets);
    best.heightBytes = height;
    bestDistinct = distinct;
  }

  /// Repacks shapes by exact search: at the arrangement's bound, then by
  /// bisection below the best height.
  void improve(const Arrangement &arrangement, int64_t goodEnough,
               const Effort &effort, const AllocationOptions &options) {
    RangeMax stackTops(arrangement.stackTops);
    int64_t hopeful =
        alignUp(std::max(arrangement.boundBytes, goodEnough), common);
    int64_t top = hopeful;
    bool moreAlike = arrangement.division->distinctBuffers() < bestDistinct;
    auto isWorthwhile = [&] {
      if (best.nodes >= options.nodeLimit ||
          (options.shouldStop && options.shouldStop()))
        return false;
      return hopeful < best.heightBytes ? best.heightBytes > goodEnough
                                        : moreAlike && top <= best.heightBytes;
    };
    for (int probe = 0; probe < effort.probes && isWorthwhile(); ++probe) {
      if (arrangement.division->shapes->fitAbove(stackTops, timeline, top,
                                                 effort.nodesPerMember, options,
                                                 best.nodes))
        complete(arrangement);
      else
        hopeful = top + common;
      top = hopeful + (best.heightBytes - hopeful) / common / 2 * common;
    }
  }

  TwoEndedResult best;

private:
  static int64_t largestSum(const std::vector<int64_t> &a,
                            const std::vector<int64_t> &b) {
    int64_t largest = 0;
    for (size_t s = 0; s < a.size(); ++s)
      largest = std::max(largest, a[s] + b[s]);
    return largest;
  }

  size_t bestDistinct = 0;
  const std::vector<Buffer> &buffers;
  Timeline timeline;
  /// Tops are multiples of it, so that all mirrored offsets are aligned.
  int64_t common;
  /// The buffers with TransientShapes::hangingSize.
  std::vector<Buffer> hanging;
};

/// Positions by ascending bound, then the most repetition first; duplicates
/// left out.
std::vector<size_t> rankByBound(const std::vector<Arrangement> &arrangements) {
  std::vector<size_t> ranked;
  for (size_t a = 0; a < arrangements.size(); ++a)
    if (std::none_of(ranked.begin(), ranked.end(), [&](size_t other) {
          return arrangements[a].offsets == arrangements[other].offsets;
        }))
      ranked.push_back(a);
  std::sort(ranked.begin(), ranked.end(), [&](size_t a, size_t b) {
    auto key = [&](size_t position) {
      const Arrangement &arrangement = arrangements[position];
      return std::make_tuple(arrangement.boundBytes,
                             arrangement.division->distinctBuffers(), position);
    };
    return key(a) < key(b);
  });
  return ranked;
}

} // namespace

TwoEndedResult placeTwoEnded(const std::vector<Buffer> &buffers,
                             int64_t goodEnough,
                             const AllocationOptions &options) {
  int64_t common = commonAlignment(buffers);
  bool anyFixed =
      std::any_of(buffers.begin(), buffers.end(),
                  [](const Buffer &b) { return b.fixedOffset.has_value(); });
  if (buffers.empty() || common == 0 || anyFixed)
    return {};

  TwoEnded solver(buffers, common);
  std::vector<Arrangement> arrangements;
  auto arrange = [&](Division &division, std::vector<int64_t> offsets) {
    arrangements.push_back(solver.arrange(division, std::move(offsets)));
    solver.complete(arrangements.back());
  };
  std::vector<Division> crossing =
      divisionsByTurningPoint(buffers, solver.time(), options.shouldStop);
  for (Division &division : crossing)
    for (StackOrder order : {bornFirst, diesLast})
      arrange(division, stackUp(buffers, division.saved, order));
  std::vector<Division> lasting =
      divisionsByLifetime(buffers, options.shouldStop);
  for (Division &division : lasting)
    for (BufferOrder order :
         {BufferOrder::Lifetime, BufferOrder::ConflictWeight})
      arrange(division, settle(buffers, division.saved, order));
  std::vector<size_t> ranked = rankByBound(arrangements);
  if (ExactSearch::accepts(buffers)) {
    for (size_t a : ranked)
      if (arrangements[a].boundBytes <= alignUp(goodEnough, common))
        solver.improve(arrangements[a], goodEnough, briefEffort, options);
    return std::move(solver.best);
  }
  // One whose bound is too high can still be the best of a large problem.
  for (const Effort &effort : fullEfforts)
    for (size_t a : ranked)
      solver.improve(arrangements[a], goodEnough, effort, options);
  return std::move(solver.best);
}

} // namespace neap
