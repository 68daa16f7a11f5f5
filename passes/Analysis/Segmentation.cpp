//===- Segmentation.cpp - Cuts and structural block types -----------------===//

#include "passes/Analysis/Segmentation.h"

#include <algorithm>

namespace neap {

/// Segments of more steps are worth letting values cross; two blocks of a
/// transformer with adapters have about so many.
static constexpr int longSegmentSteps = 48;

static std::vector<bool> findReadByBackward(const Schedule &schedule) {
  std::vector<bool> read(schedule.values.size(), false);
  for (int s = schedule.forwardEnd; s < schedule.size(); ++s)
    for (int operand : schedule.steps[s].operands)
      read[operand] = true;
  return read;
}

static std::vector<int> computeLastForwardUses(const Schedule &schedule) {
  std::vector<int> lastUses(schedule.values.size(), -1);
  for (int s = 0; s < schedule.forwardEnd; ++s)
    for (int operand : schedule.steps[s].operands)
      lastUses[operand] = s;
  return lastUses;
}

static std::vector<bool> findSideInputs(const Schedule &schedule) {
  std::vector<bool> isSide(schedule.values.size(), false);
  for (int s = 0; s < schedule.forwardEnd; ++s)
    for (int operand : schedule.steps[s].operands)
      isSide[operand] = true;
  for (int s = 0; s < schedule.forwardEnd; ++s) {
    const ScheduleStep &step = schedule.steps[s];
    for (size_t o = 0; o < step.operands.size(); ++o)
      if (step.differentiable[o])
        isSide[step.operands[o]] = false;
  }
  return isSide;
}

/// Cuts wherever exactly one value that is not in `crosses` is alive between
/// two steps.
static std::vector<StepRange> cutForward(const Schedule &schedule,
                                         const std::vector<int> &lastUses,
                                         const std::vector<bool> &crosses) {
  // changes[i]: how many more values are alive between steps i and i + 1 than
  // between i - 1 and i.
  std::vector<int> changes(schedule.forwardEnd + 1, 0);
  for (size_t v = 0; v < schedule.values.size(); ++v) {
    int producer = schedule.values[v].producer;
    if (producer < 0 || crosses[v] || lastUses[v] <= producer)
      continue;
    ++changes[producer];
    --changes[lastUses[v]];
  }
  std::vector<StepRange> segments;
  int crossing = 0, begin = 0;
  for (int s = 0; s + 1 < schedule.forwardEnd; ++s) {
    crossing += changes[s];
    if (crossing != 1)
      continue;
    segments.push_back({begin, s + 1});
    begin = s + 1;
  }
  if (begin < schedule.forwardEnd)
    segments.push_back({begin, schedule.forwardEnd});
  return segments;
}

static int getLongest(const std::vector<StepRange> &segments) {
  int longest = 0;
  for (StepRange segment : segments)
    longest = std::max(longest, segment.end - segment.begin);
  return longest;
}

/// Long connections, which skip many steps, would leave nothing to cut: the
/// longest ones may cross, fewer and fewer being too short, until no segment is
/// long or nothing comes of it.
static void letLongValuesCross(const Schedule &schedule, Segmentation &result) {
  std::vector<bool> crosses = result.isSideInput;
  int shortest = schedule.forwardEnd;
  while (getLongest(result.segments) > longSegmentSteps &&
         shortest > longSegmentSteps / 2) {
    shortest /= 2;
    for (size_t v = 0; v < schedule.values.size(); ++v) {
      int producer = schedule.values[v].producer;
      if (producer >= 0 && result.lastForwardUses[v] - producer >= shortest)
        crosses[v] = true;
    }
    std::vector<StepRange> segments =
        cutForward(schedule, result.lastForwardUses, crosses);
    if (getLongest(segments) >= getLongest(result.segments))
      continue;
    result.segments = std::move(segments);
    result.isSideInput = crosses;
  }
}

Segmentation segmentForward(const Schedule &schedule) {
  Segmentation result;
  result.isSideInput = findSideInputs(schedule);
  result.readByBackward = findReadByBackward(schedule);
  result.lastForwardUses = computeLastForwardUses(schedule);
  result.segments =
      cutForward(schedule, result.lastForwardUses, result.isSideInput);
  letLongValuesCross(schedule, result);
  return result;
}

BlockTypes::BlockTypes(const Schedule &schedule,
                       const Segmentation &segmentation)
    : schedule(schedule), segmentation(segmentation) {}

int BlockTypes::getType(StepRange range) {
  std::vector<int> key;
  std::map<int, int> numbers; // value -> order of first appearance
  auto number = [&](int value) {
    return numbers.try_emplace(value, static_cast<int>(numbers.size()))
        .first->second;
  };
  for (int s = range.begin; s < range.end; ++s) {
    const ScheduleStep &step = schedule.steps[s];
    key.push_back(step.kind);
    for (int operand : step.operands) {
      bool external = schedule.values[operand].producer < range.begin;
      key.push_back(number(operand) * 8 + external * 4 +
                    segmentation.isSideInput[operand] * 2 +
                    segmentation.readByBackward[operand]);
    }
    for (int result : step.results)
      key.push_back(number(result) * 8 +
                    (segmentation.lastForwardUses[result] >= range.end) * 4 +
                    segmentation.isSideInput[result] * 2 +
                    segmentation.readByBackward[result]);
    key.push_back(-1);
  }
  return types.try_emplace(std::move(key), static_cast<int>(types.size()))
      .first->second;
}

} // namespace neap
