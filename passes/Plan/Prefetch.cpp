//===- Prefetch.cpp - Moves reads up --------------------------------------===//

#include "passes/Plan/Prefetch.h"

#include <algorithm>
#include <cassert>

namespace neap {
namespace {

/// A fetch among the other steps, which are counted without fetches.
struct Fetch {
  int step;         ///< in the schedule
  int firstUse = 0; ///< of the other steps
  int lastUse = 0;
  int start = 0; ///< begins before this one of the other steps
  int64_t bytes = 0;
};

class Prefetcher {
public:
  Prefetcher(const Schedule &schedule, int64_t limitBytes)
      : schedule(schedule), limitBytes(limitBytes) {}

  Schedule run() {
    collect();
    if (fetches.empty())
      return schedule;
    for (size_t f = 1; f < fetches.size(); ++f)
      moveUp(fetches[f], fetches[f - 1].firstUse);
    return rebuild();
  }

private:
  void collect() {
    std::vector<int> fetchOf(schedule.values.size(), -1);
    for (int s = 0; s < schedule.size(); ++s) {
      const ScheduleStep &step = schedule.steps[s];
      if (step.fetchedBytes > 0) {
        fetchOf[step.results[0]] = static_cast<int>(fetches.size());
        fetches.push_back(
            {s, -1, -1, -1, schedule.values[step.results[0]].bytes});
        continue;
      }
      int position = static_cast<int>(others.size());
      for (int operand : step.operands)
        if (int f = fetchOf[operand]; f >= 0) {
          if (fetches[f].firstUse < 0)
            fetches[f].firstUse = fetches[f].start = position;
          fetches[f].lastUse = position;
        }
      others.push_back(s);
    }
    std::sort(fetches.begin(), fetches.end(),
              [](const Fetch &a, const Fetch &b) {
                return a.firstUse != b.firstUse ? a.firstUse < b.firstUse
                                                : a.step < b.step;
              });
    assert((fetches.empty() || fetches.front().firstUse >= 0) &&
           "a fetch exists for the step that takes it");
    measure();
  }

  /// Bytes alive at the other steps when each fetch begins right before its
  /// first use.
  void measure() {
    BufferTable table = computeBuffers(schedule);
    std::vector<int64_t> fetched(schedule.steps.size() + 1, 0);
    for (const Fetch &fetch : fetches) {
      const ScheduleBuffer &buffer =
          table.buffers[table.bufferOf[schedule.steps[fetch.step].results[0]]];
      fetched[buffer.start] += fetch.bytes;
      fetched[buffer.end] -= fetch.bytes;
    }
    for (size_t s = 1; s < fetched.size(); ++s)
      fetched[s] += fetched[s - 1];
    for (int s : others)
      live.push_back(table.liveBytes[s] - fetched[s]);
    for (const Fetch &fetch : fetches)
      for (int at = fetch.firstUse; at <= fetch.lastUse; ++at)
        live[at] += fetch.bytes;
  }

  void moveUp(Fetch &fetch, int target) {
    while (fetch.start > target &&
           live[fetch.start - 1] + fetch.bytes <= limitBytes) {
      --fetch.start;
      live[fetch.start] += fetch.bytes;
    }
  }

  Schedule rebuild() const {
    Schedule result;
    result.values = schedule.values;
    std::vector<std::vector<int>> before(others.size());
    for (const Fetch &fetch : fetches)
      before[fetch.start].push_back(fetch.step);
    for (size_t at = 0; at < others.size(); ++at) {
      for (int s : before[at])
        result.steps.push_back(schedule.steps[s]);
      // What was forward stays forward; so do fetches before its last step.
      result.steps.push_back(schedule.steps[others[at]]);
      if (others[at] < schedule.forwardEnd)
        result.forwardEnd = result.size();
    }
    updateProducers(result);
    return result;
  }

  const Schedule &schedule;
  int64_t limitBytes;
  std::vector<Fetch> fetches; ///< by first use
  std::vector<int> others;    ///< the steps that are no fetches
  std::vector<int64_t> live;  ///< bytes, by other step
};

} // namespace

Schedule prefetch(const Schedule &schedule, int64_t limitBytes) {
  return Prefetcher(schedule, limitBytes).run();
}

StreamedTime timeStreamed(const Schedule &schedule, double bytesPerSecond) {
  std::vector<double> arrival(schedule.values.size(), 0);
  StreamedTime time;
  double flashFree = 0;
  for (const ScheduleStep &step : schedule.steps) {
    double ready = time.seconds;
    for (int operand : step.operands)
      ready = std::max(ready, arrival[operand]);
    time.waitSeconds += ready - time.seconds;
    time.seconds = ready + 1e-9 * static_cast<double>(step.costNs);
    if (step.fetchedBytes == 0)
      continue;
    flashFree = std::max(flashFree, time.seconds) +
                static_cast<double>(step.fetchedBytes) / bytesPerSecond;
    arrival[step.results[0]] = flashFree;
  }
  return time;
}

} // namespace neap
