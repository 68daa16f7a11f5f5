//===- BlockMeasure.cpp - Measures variants on true schedules -------------===//

#include "passes/Remat/BlockMeasure.h"

#include "passes/Remat/Rematerialize.h"

#include <algorithm>

namespace neap {
namespace {

class Measurement {
public:
  Measurement(const Schedule &original, const Segmentation &segmentation,
              StepRange range, const std::vector<bool> &recomputed,
              const std::vector<std::vector<bool>> &outer)
      : original(original), segmentation(segmentation), range(range) {
    std::vector<std::vector<bool>> rounds;
    for (const std::vector<bool> &round : outer)
      rounds.push_back(spread(round));
    schedule = rematerializeNested(original, spread(recomputed), rounds);
    table = computeBuffers(schedule);
    forwardBegin = countForwardBefore(range.begin);
    forwardEnd = countForwardBefore(range.end);
  }

  BlockVariant read() const {
    BlockVariant variant;
    variant.extraNs = totalCostNs(schedule) - totalCostNs(original);
    for (const ScheduleBuffer &buffer : table.buffers)
      if (!buffer.isInput && buffer.start >= forwardBegin &&
          buffer.start < forwardEnd && buffer.end > schedule.forwardEnd)
        variant.keptBytes += buffer.bytes;
    std::vector<int64_t> before = sumBytesFromBefore();
    auto raise = [&](int begin, int end) {
      for (int s = begin; s < end; ++s)
        variant.peakBytes =
            std::max(variant.peakBytes, table.liveBytes[s] - before[s]);
    };
    raise(forwardBegin, forwardEnd);
    StepRange backward = findBackward();
    raise(backward.begin, backward.end);
    return variant;
  }

private:
  /// By step of the whole schedule.
  std::vector<bool> spread(const std::vector<bool> &ofRange) const {
    std::vector<bool> chosen(original.steps.size(), false);
    std::copy(ofRange.begin(), ofRange.end(), chosen.begin() + range.begin);
    return chosen;
  }

  /// Forward steps that remain of the first `step` ones.
  int countForwardBefore(int step) const {
    int count = 0;
    for (int s = 0; s < schedule.forwardEnd; ++s)
      count += schedule.steps[s].origin < step;
    return count;
  }

  /// By step: bytes alive that forward steps before the block define.
  std::vector<int64_t> sumBytesFromBefore() const {
    std::vector<int64_t> sums(schedule.steps.size() + 1, 0);
    for (const ScheduleBuffer &buffer : table.buffers)
      if (!buffer.isInput && buffer.start < forwardBegin) {
        sums[buffer.start] += buffer.bytes;
        sums[buffer.end] -= buffer.bytes;
      }
    for (size_t s = 1; s < sums.size(); ++s)
      sums[s] += sums[s - 1];
    return sums;
  }

  enum class Place { Before, Inside, After };

  /// Which part of the forward a value that a backward step reads belongs to; a
  /// value that crosses a cut belongs to the block that it enters.
  Place placeOf(int value) const {
    if (value >= static_cast<int>(original.values.size()))
      return Place::Inside; // results of second runs
    int producer = original.values[value].producer;
    if (producer < 0 || !original.isForward(producer) ||
        segmentation.isSideInput[value])
      return Place::Before;
    int position = std::max(producer, segmentation.lastForwardUses[value]);
    if (position >= range.end)
      return Place::After;
    return position >= range.begin ? Place::Inside : Place::Before;
  }

  /// From the last step that reads anything of later blocks to the last one
  /// that reads anything of this one; for the first block to the end.
  StepRange findBackward() const {
    int begin = schedule.forwardEnd, last = -1;
    for (int s = schedule.forwardEnd; s < schedule.size(); ++s)
      for (int operand : schedule.steps[s].operands) {
        Place place = placeOf(operand);
        if (place == Place::After)
          begin = s;
        else if (place == Place::Inside)
          last = s;
      }
    if (range.begin == 0)
      last = schedule.size() - 1;
    return {begin, last + 1};
  }

  const Schedule &original;
  const Segmentation &segmentation;
  StepRange range;
  Schedule schedule;
  BufferTable table;
  int forwardBegin, forwardEnd; // of the block, in `schedule`
};

} // namespace

BlockVariant measureVariant(const Schedule &schedule,
                            const Segmentation &segmentation, StepRange range,
                            std::vector<bool> recomputed,
                            std::vector<std::vector<bool>> outer) {
  BlockVariant variant =
      Measurement(schedule, segmentation, range, recomputed, outer).read();
  variant.recomputed = std::move(recomputed);
  variant.outer = std::move(outer);
  return variant;
}

} // namespace neap
