//===- AllocationParts.cpp - Independent parts of a problem ---------------===//

#include "passes/Solvers/AllocationParts.h"

#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace neap {
namespace {

/// Buffers looked at after which nothing more is moved to the bottom: lifetimes
/// that all nest would be looked at once per level.
constexpr int64_t maxVisits = 20'000'000;

/// Takes components apart.
class Divider {
public:
  Divider(const std::vector<Buffer> &buffers, AllocationParts &result)
      : buffers(buffers), result(result) {}

  void run() {
    std::vector<size_t> solid;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].sizeBytes > 0)
        solid.push_back(i);
      else
        result.baseOffsets[i] = buffers[i].fixedOffset.value_or(0);
    }
    std::sort(solid.begin(), solid.end(), [&](size_t a, size_t b) {
      return std::make_pair(buffers[a].start, a) <
             std::make_pair(buffers[b].start, b);
    });
    cut({std::move(solid), 0});
    // No recursion: lifetimes may nest as deep as there are buffers.
    while (!pending.empty()) {
      Component component = std::move(pending.back());
      pending.pop_back();
      if (!sinkFloor(component))
        addPart(component);
    }
  }

private:
  /// Members in order of start.
  struct Component {
    std::vector<size_t> members;
    int64_t baseBytes;
  };

  /// Appends what the members fall into to `pending`, the first last: it is
  /// taken next.
  void cut(const Component &component) {
    int64_t reach = 0;
    size_t begin = pending.size();
    for (size_t i : component.members) {
      if (pending.size() == begin || buffers[i].start >= reach)
        pending.push_back({{}, component.baseBytes});
      pending.back().members.push_back(i);
      reach = std::max(reach, buffers[i].end);
    }
    std::reverse(pending.begin() + static_cast<int64_t>(begin), pending.end());
  }

  bool isConnected(const Component &component) const {
    int64_t reach = -1;
    for (size_t i : component.members) {
      if (reach >= 0 && buffers[i].start >= reach)
        return false;
      reach = std::max(reach, buffers[i].end);
    }
    return !component.members.empty();
  }

  /// Moves buffers that overlap all others to the bottom until the rest can be
  /// cut, and cuts it. Returns false, with nothing changed, if it never can.
  bool sinkFloor(const Component &component) {
    Component rest = component;
    std::vector<std::pair<size_t, int64_t>> sunk;
    while (isConnected(rest)) {
      visits += static_cast<int64_t>(rest.members.size());
      Component above = liftAbove(rest, sunk);
      if (above.members.size() == rest.members.size() || visits > maxVisits)
        return false;
      rest = std::move(above);
    }
    for (const auto &[i, offset] : sunk)
      result.baseOffsets[i] = offset;
    result.baseHeightBytes = std::max(result.baseHeightBytes, rest.baseBytes);
    cut(rest);
    return true;
  }

  /// What is left above the buffers that overlap all others; appends those and
  /// their offsets to `sunk`.
  Component liftAbove(const Component &component,
                      std::vector<std::pair<size_t, int64_t>> &sunk) const {
    int64_t firstEnd = std::numeric_limits<int64_t>::max(), lastStart = 0;
    int64_t common = 1;
    for (size_t i : component.members) {
      const Buffer &buffer = buffers[i];
      firstEnd = std::min(firstEnd, buffer.end);
      lastStart = std::max(lastStart, buffer.start);
      // Sizes are below 2^62: none is a multiple of more than that.
      if (buffer.fixedOffset ||
          __builtin_mul_overflow(common / std::gcd(common, buffer.alignment),
                                 buffer.alignment, &common))
        return component;
    }
    Component rest{{}, component.baseBytes};
    for (size_t i : component.members) {
      const Buffer &buffer = buffers[i];
      if (buffer.start < firstEnd && buffer.end > lastStart &&
          buffer.sizeBytes % common == 0) {
        sunk.emplace_back(i, rest.baseBytes);
        rest.baseBytes += buffer.sizeBytes;
      } else {
        rest.members.push_back(i);
      }
    }
    return rest;
  }

  void addPart(Component &component) {
    std::sort(component.members.begin(), component.members.end());
    std::vector<Buffer> own;
    for (size_t i : component.members)
      own.push_back(buffers[i]);
    Timeline timeline(own);
    std::vector<int64_t> key;
    for (size_t k = 0; k < own.size(); ++k) {
      key.insert(key.end(),
                 {timeline.first[k], timeline.last[k], own[k].sizeBytes,
                  own[k].alignment, own[k].fixedOffset.value_or(-1)});
    }
    auto [position, isNew] =
        partOfKey.try_emplace(std::move(key), result.parts.size());
    if (isNew)
      result.parts.push_back({std::move(own), {}, 0});
    AllocationPart &part = result.parts[position->second];
    part.occurrences.push_back(
        {component.baseBytes, std::move(component.members)});
    part.maxBaseBytes = std::max(part.maxBaseBytes, component.baseBytes);
  }

  const std::vector<Buffer> &buffers;
  AllocationParts &result;
  std::vector<Component> pending;
  std::map<std::vector<int64_t>, size_t> partOfKey;
  int64_t visits = 0;
};

} // namespace

AllocationParts::AllocationParts(const std::vector<Buffer> &buffers)
    : baseOffsets(buffers.size(), 0) {
  Divider(buffers, *this).run();
}

} // namespace neap
