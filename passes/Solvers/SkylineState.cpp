//===- SkylineState.cpp - A partial allocation, from below ----------------===//

#include "passes/Solvers/SkylineState.h"

#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <numeric>

namespace neap {

SkylineState::SkylineState(const std::vector<Buffer> &buffers) {
  int64_t divisor = 0;
  for (const Buffer &buffer : buffers)
    divisor = std::gcd(divisor, buffer.alignment);
  for (const Buffer &buffer : buffers) {
    trueSizes.push_back(buffer.sizeBytes);
    sizes.push_back(alignUp(buffer.sizeBytes, divisor));
    alignments.push_back(buffer.alignment);
    fixedOffsets.push_back(buffer.fixedOffset.value_or(-1));
  }
  buildSections(buffers);
}

void SkylineState::buildSections(const std::vector<Buffer> &buffers) {
  Timeline timeline(buffers);
  std::vector<int32_t> maximalUpTo = timeline.maximalUpTo();
  members.resize(maximalUpTo.back());
  for (size_t i = 0; i < buffers.size(); ++i) {
    first.push_back(maximalUpTo[timeline.first[i]]);
    last.push_back(maximalUpTo[timeline.last[i]]);
    for (int32_t s = first[i]; s < last[i]; ++s)
      members[s].push_back(static_cast<int32_t>(i));
  }
}

bool SkylineState::reset(const std::vector<int64_t> &newCeilings) {
  ceilings = newCeilings;
  floorTrail.clear();
  lowestTrail.clear();
  placementTrail.clear();
  touched.clear();
  isTouched.assign(sectionCount(), 0);
  placed.assign(bufferCount(), 0);
  floors.assign(sectionCount(), 0);
  capacities.assign(sectionCount(), 0);
  unplacedBytes.assign(sectionCount(), 0);
  unplacedCounts.assign(sectionCount(), 0);
  lowestOffsets.assign(bufferCount(), 0);

  bool possible = true;
  for (int32_t b = 0; b < bufferCount(); ++b) {
    lowestOffsets[b] = std::max<int64_t>(fixedOffsets[b], 0);
    possible &= lowestOffsets[b] + trueSizes[b] <= ceilings[b];
  }
  for (int32_t s = 0; s < sectionCount(); ++s) {
    for (int32_t b : members[s]) {
      // The topmost buffer may leave its padding out.
      capacities[s] =
          std::max(capacities[s], ceilings[b] + sizes[b] - trueSizes[b]);
      unplacedBytes[s] += sizes[b];
      ++unplacedCounts[s];
    }
    possible &= slackAbove(s, 0) >= 0;
    touch(s);
  }
  return possible && propagate();
}

void SkylineState::touch(int32_t section) {
  if (isTouched[section])
    return;
  isTouched[section] = 1;
  touched.push_back(section);
}

bool SkylineState::raiseLowest(int32_t buffer, int64_t level) {
  int64_t before = lowestOffsets[buffer];
  if (fixedOffsets[buffer] >= 0)
    return level <= before;
  lowestTrail.push_back({buffer, before});
  int64_t offset = alignUp(level, alignments[buffer]);
  lowestOffsets[buffer] = offset;
  if (offset + trueSizes[buffer] > ceilings[buffer])
    return false;
  // Only a section that stood at this buffer's old offset can have to follow.
  for (int32_t s = first[buffer]; s < last[buffer]; ++s)
    if (floors[s] == before)
      touch(s);
  return true;
}

bool SkylineState::setFloor(int32_t section, int64_t level) {
  floorTrail.push_back({section, floors[section]});
  floors[section] = level;
  if (slackAbove(section, level) < 0)
    return false;
  for (int32_t b : members[section])
    if (!placed[b] && lowestOffsets[b] < level && !raiseLowest(b, level))
      return false;
  return true;
}

bool SkylineState::propagate() {
  bool possible = true;
  for (size_t next = 0; next < touched.size(); ++next) {
    int32_t section = touched[next];
    isTouched[section] = 0;
    if (!possible || unplacedCounts[section] == 0)
      continue;
    int64_t level = emptyFloor;
    for (int32_t b : members[section]) {
      if (placed[b])
        continue;
      level = std::min(level, lowestOffsets[b]);
      if (level == floors[section])
        break;
    }
    if (level > floors[section])
      possible = setFloor(section, level);
  }
  touched.clear();
  return possible;
}

bool SkylineState::place(int32_t buffer) {
  int64_t top = lowestOffsets[buffer] + sizes[buffer];
  placed[buffer] = 1;
  placementTrail.push_back(buffer);
  for (int32_t s = first[buffer]; s < last[buffer]; ++s) {
    unplacedBytes[s] -= sizes[buffer];
    --unplacedCounts[s];
  }
  bool possible = true;
  for (int32_t s = first[buffer]; s < last[buffer] && possible; ++s) {
    if (unplacedCounts[s] == 0) {
      floorTrail.push_back({s, floors[s]});
      floors[s] = emptyFloor;
      continue;
    }
    possible = setFloor(s, top);
    touch(s);
  }
  // Also after a failure: it empties the list of touched sections.
  return propagate() && possible;
}

bool SkylineState::raiseFloor(int32_t section, int64_t level) {
  bool possible = setFloor(section, level);
  touch(section);
  return propagate() && possible;
}

SkylineState::Mark SkylineState::mark() const {
  return {floorTrail.size(), lowestTrail.size(), placementTrail.size()};
}

void SkylineState::undo(const Mark &mark) {
  for (; floorTrail.size() > mark.floors; floorTrail.pop_back())
    floors[floorTrail.back().index] = floorTrail.back().before;
  for (; lowestTrail.size() > mark.offsets; lowestTrail.pop_back())
    lowestOffsets[lowestTrail.back().index] = lowestTrail.back().before;
  for (; placementTrail.size() > mark.placements; placementTrail.pop_back()) {
    int32_t buffer = placementTrail.back();
    placed[buffer] = 0;
    for (int32_t s = first[buffer]; s < last[buffer]; ++s) {
      unplacedBytes[s] += sizes[buffer];
      ++unplacedCounts[s];
    }
  }
}

bool SkylineState::areTwins(int32_t a, int32_t b) const {
  return first[a] == first[b] && last[a] == last[b] &&
         trueSizes[a] == trueSizes[b] && alignments[a] == alignments[b] &&
         ceilings[a] == ceilings[b] && fixedOffsets[a] < 0 &&
         fixedOffsets[b] < 0;
}

} // namespace neap
