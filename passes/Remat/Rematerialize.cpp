//===- Rematerialize.cpp - Rewrites schedules -----------------------------===//

#include "passes/Remat/Rematerialize.h"

#include <cassert>

namespace neap {
namespace {

class Rematerializer {
public:
  Rematerializer(const Schedule &input, const std::vector<bool> &recompute)
      : input(input), recompute(recompute), secondOf(input.values.size(), -1) {
    output.values = input.values;
  }

  Schedule run() {
    std::vector<ScheduleStep> backward = buildBackward();
    std::vector<bool> dead = findDeadOriginals(backward);
    output.steps.reserve(input.forwardEnd + backward.size());
    for (int s = 0; s < input.forwardEnd; ++s)
      if (!dead[s])
        output.steps.push_back(input.steps[s]);
    output.forwardEnd = output.size();
    // An operation that now runs once is moved, not recomputed.
    for (auto [position, original] : secondRuns)
      backward[position].recomputed = !dead[original];
    for (ScheduleStep &step : backward)
      output.steps.push_back(std::move(step));
    updateProducers(output);
    return std::move(output);
  }

private:
  std::vector<ScheduleStep> buildBackward() {
    std::vector<ScheduleStep> backward;
    backward.reserve(input.steps.size());
    for (int s = input.forwardEnd; s < input.size(); ++s) {
      ScheduleStep step = input.steps[s];
      for (int &operand : step.operands)
        operand = getForBackward(operand, backward);
      backward.push_back(std::move(step));
    }
    return backward;
  }

  /// The value a backward step reads instead of `value`.
  int getForBackward(int value, std::vector<ScheduleStep> &backward) {
    int producer = input.values[value].producer;
    if (producer < 0 || !input.isForward(producer) || !recompute[producer])
      return value;
    if (secondOf[value] < 0)
      addSecondRun(producer, backward);
    return secondOf[value];
  }

  void addSecondRun(int s, std::vector<ScheduleStep> &backward) {
    ScheduleStep step = input.steps[s];
    assert(step.recomputable && !step.hasEffects);
    step.recomputed = true;
    for (int &operand : step.operands)
      operand = getForBackward(operand, backward);
    for (int &result : step.results) {
      secondOf[result] = static_cast<int>(output.values.size());
      output.values.push_back(input.values[result]);
      result = secondOf[result];
    }
    secondRuns.push_back({backward.size(), s});
    backward.push_back(std::move(step));
  }

  /// Chosen steps none of whose results a remaining step reads.
  std::vector<bool>
  findDeadOriginals(const std::vector<ScheduleStep> &backward) const {
    std::vector<int> uses(output.values.size(), 0);
    for (const ScheduleStep &step : backward)
      for (int operand : step.operands)
        ++uses[operand];
    std::vector<bool> dead(input.steps.size(), false);
    for (int s = input.forwardEnd; s-- > 0;) {
      const ScheduleStep &step = input.steps[s];
      dead[s] = recompute[s];
      for (int result : step.results)
        dead[s] = dead[s] && uses[result] == 0;
      if (!dead[s])
        for (int operand : step.operands)
          ++uses[operand];
    }
    return dead;
  }

  const Schedule &input;
  const std::vector<bool> &recompute;
  std::vector<int> secondOf; // by value of the input
  /// Position in the backward part and step of the input.
  std::vector<std::pair<size_t, int>> secondRuns;
  Schedule output;
};

} // namespace

Schedule rematerialize(const Schedule &schedule,
                       const std::vector<bool> &recompute) {
  return Rematerializer(schedule, recompute).run();
}

Schedule rematerializeNested(const Schedule &schedule,
                             const std::vector<bool> &recompute,
                             const std::vector<std::vector<bool>> &outer) {
  Schedule result = rematerialize(schedule, recompute);
  for (const std::vector<bool> &round : outer) {
    std::vector<bool> again(result.steps.size(), false);
    for (int s = 0; s < result.forwardEnd; ++s)
      again[s] = round[result.steps[s].origin];
    result = rematerialize(result, again);
  }
  return result;
}

Schedule hoistEffects(const Schedule &schedule) {
  std::vector<int> effects;
  for (int s = schedule.forwardEnd; s < schedule.size(); ++s)
    if (schedule.steps[s].hasEffects)
      effects.push_back(s);

  Schedule result = schedule;
  result.steps.resize(schedule.forwardEnd);
  std::vector<bool> moved(schedule.steps.size(), false);
  std::vector<bool> defined(schedule.values.size(), false);
  for (size_t v = 0; v < schedule.values.size(); ++v)
    defined[v] = schedule.values[v].producer < schedule.forwardEnd;
  auto append = [&](int s) {
    moved[s] = true;
    for (int value : schedule.steps[s].results)
      defined[value] = true;
    result.steps.push_back(schedule.steps[s]);
  };
  auto isReady = [&](int s) {
    for (int operand : schedule.steps[s].operands)
      if (!defined[operand])
        return false;
    // A step with results is data for others and stays where it is.
    return schedule.steps[s].results.empty();
  };
  size_t next = 0;
  auto appendReady = [&] {
    while (next < effects.size() &&
           (moved[effects[next]] || isReady(effects[next]))) {
      if (!moved[effects[next]])
        append(effects[next]);
      ++next;
    }
  };
  appendReady();
  for (int s = schedule.forwardEnd; s < schedule.size(); ++s) {
    if (!moved[s])
      append(s);
    appendReady();
  }
  updateProducers(result);
  return result;
}

} // namespace neap
