//===- ScheduleOracle.h - All ways to run a few steps -----------*- C++ -*-===//

#ifndef NEAP_TEST_PASSES_SCHEDULEORACLE_H
#define NEAP_TEST_PASSES_SCHEDULEORACLE_H

#include "passes/Analysis/Schedule.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace neap::test {

/// Runs the steps of a small schedule in every order that data and effects
/// permit, forward steps up to `maxReruns` times more in all, every reader
/// reading any run's result; each schedule is measured by computeBuffers. Stops
/// after `maxSchedules` of them.
class ScheduleOracle {
public:
  ScheduleOracle(const Schedule &given, int maxReruns, int64_t maxSchedules)
      : given(given), maxReruns(maxReruns), maxSchedules(maxSchedules),
        runs(given.steps.size(), 0), instances(given.values.size()) {
    for (size_t v = 0; v < given.values.size(); ++v)
      if (given.values[v].producer == ScheduleValue::programInput)
        addValue(static_cast<int>(v), ScheduleValue::programInput);
    for (int s = 0; s < given.size(); ++s)
      if (given.steps[s].hasEffects)
        effects.push_back(s);
    extend();
  }

  /// The lowest peak for each time spent on further runs.
  const std::map<int64_t, int64_t> &getPeaks() const { return peaks; }

  int64_t getLowestPeak() const { return lowestPeak; }

  /// Of the orders that run every step once.
  int64_t getLowestOncePeak() const { return lowestOncePeak; }

  /// Of those, of the orders with the loss between the two parts.
  int64_t getLowestPartedPeak() const { return lowestPartedPeak; }

  /// A schedule with the lowest peak.
  const Schedule &getSmallest() const { return smallest; }

  bool isComplete() const { return measured < maxSchedules; }

private:
  void addValue(int value, int producer) {
    instances[value].push_back(static_cast<int>(current.values.size()));
    current.values.push_back({given.values[value].bytes, producer});
    reads.push_back(0);
  }

  bool mayRun(int s) const {
    const ScheduleStep &step = given.steps[s];
    for (int operand : step.operands)
      if (instances[operand].empty())
        return false;
    if (runs[s] == 0)
      return !step.hasEffects || effects[effectsRun] == s;
    return reruns < maxReruns && s < given.forwardEnd && step.recomputable &&
           !step.hasEffects;
  }

  void extend() {
    if (measured == maxSchedules)
      return;
    if (stepsRun == given.size())
      return measure();
    for (int s = 0; s < given.size(); ++s)
      if (mayRun(s))
        chooseOperands(s, given.steps[s], 0);
  }

  void chooseOperands(int s, const ScheduleStep &chosen, size_t position) {
    const ValueList &operands = given.steps[s].operands;
    if (position == operands.size())
      return run(s, chosen);
    ScheduleStep next = chosen;
    const int *same = std::find(operands.begin(), operands.begin() + position,
                                operands[position]);
    if (same != operands.begin() + position) {
      next.operands[position] = chosen.operands[same - operands.begin()];
      return chooseOperands(s, next, position + 1);
    }
    // By index: deeper calls add to the list, and take away what they added.
    for (size_t i = 0; i < instances[operands[position]].size(); ++i) {
      next.operands[position] = instances[operands[position]][i];
      chooseOperands(s, next, position + 1);
    }
  }

  void run(int s, ScheduleStep step) {
    bool again = runs[s] > 0;
    step.origin = s;
    step.recomputed = again;
    for (int operand : step.operands)
      ++reads[operand];
    for (size_t r = 0; r < step.results.size(); ++r) {
      addValue(given.steps[s].results[r], current.size());
      step.results[r] = static_cast<int>(current.values.size()) - 1;
    }
    current.steps.push_back(step);
    ++runs[s];
    (again ? reruns : stepsRun) += 1;
    extraNs += again ? step.costNs : 0;
    effectsRun += step.hasEffects;
    extend();
    effectsRun -= step.hasEffects;
    extraNs -= again ? step.costNs : 0;
    (again ? reruns : stepsRun) -= 1;
    --runs[s];
    current.steps.pop_back();
    for (int result : given.steps[s].results) {
      instances[result].pop_back();
      current.values.pop_back();
      reads.pop_back();
    }
    for (int operand : step.operands)
      --reads[operand];
  }

  void measure() {
    for (const ScheduleStep &step : current.steps)
      if (step.recomputed &&
          std::none_of(step.results.begin(), step.results.end(),
                       [&](int v) { return reads[v] > 0; }))
        return;
    ++measured;
    int64_t peak = computeBuffers(current).maxLiveBytes();
    auto [entry, isNew] = peaks.try_emplace(extraNs, peak);
    entry->second = std::min(entry->second, peak);
    if (peak < lowestPeak) {
      lowestPeak = peak;
      smallest = current;
    }
    if (reruns > 0)
      return;
    lowestOncePeak = std::min(lowestOncePeak, peak);
    if (isParted())
      lowestPartedPeak = std::min(lowestPartedPeak, peak);
  }

  bool isParted() const {
    int loss = given.forwardEnd - 1;
    for (int time = 0; time < loss; ++time)
      if (current.steps[time].origin >= loss)
        return false;
    return loss < 0 || current.steps[loss].origin == loss;
  }

  const Schedule &given;
  int maxReruns;
  int64_t maxSchedules;
  /// What the schedule so far has done.
  Schedule current;
  std::vector<int> runs;                   // by step
  std::vector<std::vector<int>> instances; // by value
  std::vector<int> reads;                  // by instance
  std::vector<int> effects;
  int stepsRun = 0, reruns = 0;
  size_t effectsRun = 0;
  int64_t extraNs = 0;
  /// What has been found.
  std::map<int64_t, int64_t> peaks;
  int64_t lowestPeak = INT64_MAX, lowestOncePeak = INT64_MAX,
          lowestPartedPeak = INT64_MAX;
  Schedule smallest;
  int64_t measured = 0;
};

} // namespace neap::test

#endif // NEAP_TEST_PASSES_SCHEDULEORACLE_H
