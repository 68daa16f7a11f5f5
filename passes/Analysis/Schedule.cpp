//===- Schedule.cpp - Lifetimes and shared buffers ------------------------===//

#include "passes/Analysis/Schedule.h"

#include <algorithm>

namespace neap {
namespace {

/// Walks the steps once and joins views and results computed in place.
class BufferBuilder {
public:
  explicit BufferBuilder(const Schedule &schedule)
      : schedule(schedule), lastUses(computeLastUses(schedule)) {
    table.bufferOf.assign(schedule.values.size(), -1);
    table.exchanged.assign(schedule.steps.size(), false);
  }

  BufferTable build() {
    for (size_t v = 0; v < schedule.values.size(); ++v)
      if (schedule.values[v].producer == ScheduleValue::programInput)
        addInput(static_cast<int>(v));
    for (int s = 0; s < schedule.size(); ++s) {
      const ScheduleStep &step = schedule.steps[s];
      for (size_t r = 0; r < step.results.size(); ++r)
        placeResult(s, r);
      if (step.scratchBytes > 0) {
        ScheduleBuffer scratch;
        scratch.bytes = step.scratchBytes;
        scratch.start = s;
        scratch.end = s + 1;
        scratch.scratchOf = s;
        table.buffers.push_back(std::move(scratch));
      }
    }
    sumLiveBytes();
    return std::move(table);
  }

private:
  void addInput(int value) {
    ScheduleBuffer input;
    input.bytes = schedule.values[value].bytes;
    input.end = std::max(schedule.size(), 1);
    input.values = {value};
    input.isInput = true;
    table.bufferOf[value] = static_cast<int>(table.buffers.size());
    table.buffers.push_back(std::move(input));
  }

  void placeResult(int s, size_t r) {
    const ScheduleStep &step = schedule.steps[s];
    if (int viewed = step.view[r]; viewed >= 0)
      return join(table.bufferOf[step.operands[viewed]], step.results[r], s);
    int position = findInPlaceOperand(s, r);
    if (position >= 0) {
      table.exchanged[s] = table.exchanged[s] || position != step.inPlace[r];
      return join(table.bufferOf[step.operands[position]], step.results[r], s);
    }
    ScheduleBuffer buffer;
    buffer.bytes = schedule.values[step.results[r]].bytes;
    buffer.alignment = schedule.values[step.results[r]].alignment;
    buffer.start = s;
    table.buffers.push_back(std::move(buffer));
    join(static_cast<int>(table.buffers.size()) - 1, step.results[r], s);
  }

  void join(int buffer, int value, int s) {
    ScheduleBuffer &shared = table.buffers[buffer];
    shared.values.push_back(value);
    shared.end = std::max({shared.end, s + 1, lastUses[value] + 1});
    table.bufferOf[value] = buffer;
  }

  int findInPlaceOperand(int s, size_t r) const {
    const ScheduleStep &step = schedule.steps[s];
    int permitted = step.inPlace[r];
    if (permitted < 0)
      return -1;
    if (mayOverwrite(s, permitted, step.results[r]))
      return permitted;
    if (step.commutative && step.operands.size() == 2 &&
        mayOverwrite(s, 1 - permitted, step.results[r]))
      return 1 - permitted;
    return -1;
  }

  /// The operand's bytes die in this step, which reads them in no other way,
  /// and no other result of the step has taken them.
  bool mayOverwrite(int s, int position, int result) const {
    const ScheduleStep &step = schedule.steps[s];
    int buffer = table.bufferOf[step.operands[position]];
    const ScheduleBuffer &shared = table.buffers[buffer];
    if (shared.isInput || shared.end > s + 1 ||
        shared.bytes != schedule.values[result].bytes)
      return false;
    for (size_t o = 0; o < step.operands.size(); ++o)
      if (static_cast<int>(o) != position &&
          table.bufferOf[step.operands[o]] == buffer)
        return false;
    return std::none_of(step.results.begin(), step.results.end(),
                        [&](int v) { return table.bufferOf[v] == buffer; });
  }

  void sumLiveBytes() {
    std::vector<int64_t> changes(schedule.steps.size() + 1, 0);
    for (const ScheduleBuffer &buffer : table.buffers) {
      if (buffer.isInput)
        continue;
      changes[buffer.start] += buffer.bytes;
      changes[buffer.end] -= buffer.bytes;
    }
    int64_t live = 0;
    for (size_t s = 0; s < schedule.steps.size(); ++s)
      table.liveBytes.push_back(live += changes[s]);
  }

  const Schedule &schedule;
  std::vector<int> lastUses;
  BufferTable table;
};

} // namespace

void updateProducers(Schedule &schedule) {
  for (ScheduleValue &value : schedule.values)
    if (value.producer != ScheduleValue::programInput)
      value.producer = ScheduleValue::absent;
  for (int s = 0; s < schedule.size(); ++s)
    for (int result : schedule.steps[s].results)
      schedule.values[result].producer = s;
}

std::vector<int> computeLastUses(const Schedule &schedule) {
  std::vector<int> lastUses(schedule.values.size(), -1);
  for (int s = 0; s < schedule.size(); ++s)
    for (int operand : schedule.steps[s].operands)
      lastUses[operand] = s;
  return lastUses;
}

BufferTable computeBuffers(const Schedule &schedule) {
  return BufferBuilder(schedule).build();
}

int64_t BufferTable::maxLiveBytes() const {
  return liveBytes.empty()
             ? 0
             : *std::max_element(liveBytes.begin(), liveBytes.end());
}

int BufferTable::peakStep() const {
  return static_cast<int>(std::max_element(liveBytes.begin(), liveBytes.end()) -
                          liveBytes.begin());
}

int64_t totalCostNs(const Schedule &schedule) {
  int64_t total = 0;
  for (const ScheduleStep &step : schedule.steps)
    total += step.costNs;
  return total;
}

} // namespace neap
