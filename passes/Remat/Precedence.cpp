//===- Precedence.cpp - The partial order of steps ------------------------===//

#include "passes/Remat/Precedence.h"

#include <algorithm>
#include <set>

namespace neap {

Precedence::Precedence(const Schedule &schedule)
    : schedule(schedule), viewed(schedule.values.size()),
      readers(schedule.values.size()) {
  std::vector<std::vector<int>> predecessors(schedule.steps.size());
  for (size_t v = 0; v < viewed.size(); ++v)
    viewed[v] = static_cast<int>(v);
  int lastEffect = -1;
  for (int s = 0; s < schedule.size(); ++s) {
    const ScheduleStep &step = schedule.steps[s];
    for (int operand : step.operands) {
      readers[viewed[operand]].push_back(s);
      if (int producer = schedule.values[operand].producer; producer >= 0)
        predecessors[s].push_back(producer);
    }
    for (size_t r = 0; r < step.results.size(); ++r)
      if (step.view[r] >= 0)
        viewed[step.results[r]] = viewed[step.operands[step.view[r]]];
    if (step.hasEffects) {
      if (lastEffect >= 0)
        predecessors[s].push_back(lastEffect);
      lastEffect = s;
    }
  }
  size_t words = schedule.steps.size() / 64 + 1;
  followers.assign(schedule.steps.size(), std::vector<uint64_t>(words));
  for (int s = schedule.size(); s-- > 0;)
    for (int before : predecessors[s]) {
      for (size_t w = 0; w < words; ++w)
        followers[before][w] |= followers[s][w];
      followers[before][s / 64] |= uint64_t{1} << (s % 64);
    }
}

/// A step that runs once has made `value` before `step` for one that can only
/// run after.
bool Precedence::isKeptFor(int value, int step) const {
  int producer = schedule.values[value].producer;
  if (producer < 0 || !mustPrecede(producer, step) || mayRunAgain(producer))
    return false;
  return std::any_of(readers[value].begin(), readers[value].end(),
                     [&](int reader) { return mustPrecede(step, reader); });
}

int64_t Precedence::getOwnBytes(int step) const {
  const ScheduleStep &work = schedule.steps[step];
  std::set<int> overwritten;
  auto mayOverwrite = [&](int operand, int result) {
    int value = viewed[operand];
    return !isInput(value) && !isKeptFor(value, step) &&
           schedule.values[value].bytes == schedule.values[result].bytes &&
           overwritten.insert(value).second;
  };
  int64_t bytes = work.scratchBytes;
  for (size_t r = 0; r < work.results.size(); ++r) {
    if (work.view[r] >= 0)
      continue;
    int result = work.results[r];
    bool overwrites = false;
    if (int position = work.inPlace[r]; position >= 0) {
      overwrites = mayOverwrite(work.operands[position], result);
      if (!overwrites && work.commutative && work.operands.size() == 2)
        overwrites = mayOverwrite(work.operands[1 - position], result);
    }
    if (!overwrites)
      bytes += schedule.values[result].bytes;
  }
  return bytes;
}

std::vector<bool> Precedence::findOperands(int step) const {
  std::vector<bool> operands(schedule.values.size());
  for (int operand : schedule.steps[step].operands)
    operands[viewed[operand]] = !isInput(viewed[operand]);
  return operands;
}

std::vector<bool> Precedence::findAlive(int step) const {
  std::vector<bool> alive = findOperands(step);
  for (size_t v = 0; v < alive.size(); ++v)
    if (viewed[v] == static_cast<int>(v) && isKeptFor(viewed[v], step))
      alive[v] = true;
  return alive;
}

} // namespace neap
