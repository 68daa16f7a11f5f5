//===- OrderModel.cpp - Live bytes of sets of steps -----------------------===//

#include "passes/Solvers/OrderModel.h"

#include <algorithm>

namespace neap::order {

static void sortUnique(std::vector<int> &items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

OrderModel::OrderModel(const OrderProblem &problem)
    : steps(problem.steps.size()), groupOf(problem.valueBytes.size(), -1) {
  buildGroups(problem);
  for (int s = 0; s < size(); ++s)
    buildOverwrites(problem, s);
  buildPrecedence(problem);
}

void OrderModel::buildGroups(const OrderProblem &problem) {
  auto addGroup = [&](int value, int producer) {
    Group group;
    group.bytes = problem.valueBytes[value];
    group.producer = producer;
    group.alwaysAlive = problem.isAlwaysAlive[value];
    group.liveOut = problem.liveOut[value];
    groupOf[value] = static_cast<int>(groups.size());
    groups.push_back(std::move(group));
  };
  std::vector<bool> isDefined(problem.valueBytes.size(), false);
  for (const OrderStep &step : problem.steps)
    for (int result : step.results)
      isDefined[result] = true;
  for (size_t v = 0; v < isDefined.size(); ++v)
    if (!isDefined[v])
      addGroup(static_cast<int>(v), -1);
  for (int s = 0; s < size(); ++s) {
    const OrderStep &step = problem.steps[s];
    for (int operand : step.operands)
      groups[groupOf[operand]].readers.push_back(s);
    for (size_t r = 0; r < step.results.size(); ++r) {
      int result = step.results[r];
      if (step.view[r] < 0) {
        addGroup(result, s);
        continue;
      }
      groupOf[result] = groupOf[step.operands[step.view[r]]];
      Group &group = groups[groupOf[result]];
      group.liveOut = group.liveOut || problem.liveOut[result];
    }
  }
  for (Group &group : groups) {
    sortUnique(group.readers);
    if (group.isCounted() && group.outlivesProducer())
      (group.producer < 0 ? initialBytes : steps[group.producer].bornBytes) +=
          group.bytes;
  }
}

/// Everything about overwriting that no order changes; the rest, whether the
/// operand's group dies in this step, is asked in OrderState::allocatedIn.
void OrderModel::buildOverwrites(const OrderProblem &problem, int index) {
  const OrderStep &given = problem.steps[index];
  Step &step = steps[index];
  auto candidate = [&](int position, size_t result) {
    int group = groupOf[given.operands[position]];
    if (!groups[group].canDie() ||
        groups[group].bytes != problem.valueBytes[given.results[result]])
      return -1;
    for (size_t o = 0; o < given.operands.size(); ++o)
      if (static_cast<int>(o) != position &&
          groupOf[given.operands[o]] == group)
        return -1;
    for (size_t r = 0; r < given.results.size(); ++r)
      if (given.view[r] >= 0 && groupOf[given.results[r]] == group)
        return -1;
    return group;
  };
  step.newBytes = given.scratchBytes;
  for (size_t r = 0; r < given.results.size(); ++r) {
    if (given.view[r] >= 0)
      continue;
    Overwrite overwrite;
    overwrite.bytes = problem.valueBytes[given.results[r]];
    if (int permitted = given.inPlace[r]; permitted >= 0) {
      overwrite.groups[0] = candidate(permitted, r);
      if (given.commutative && given.operands.size() == 2)
        overwrite.groups[1] = candidate(1 - permitted, r);
    }
    if (overwrite.groups[0] < 0)
      std::swap(overwrite.groups[0], overwrite.groups[1]);
    if (overwrite.groups[0] < 0)
      step.newBytes += overwrite.bytes;
    else
      step.overwrites.push_back(overwrite);
  }
  for (int operand : given.operands)
    if (groups[groupOf[operand]].canDie())
      step.reads.push_back(groupOf[operand]);
  sortUnique(step.reads);
}

void OrderModel::buildPrecedence(const OrderProblem &problem) {
  std::vector<int> producers(problem.valueBytes.size(), -1);
  int lastEffect = -1;
  for (int s = 0; s < size(); ++s) {
    const OrderStep &given = problem.steps[s];
    for (int operand : given.operands)
      if (producers[operand] >= 0)
        steps[s].predecessors.push_back(producers[operand]);
    for (int result : given.results)
      producers[result] = s;
    if (!given.hasEffects)
      continue;
    if (lastEffect >= 0)
      steps[s].predecessors.push_back(lastEffect);
    lastEffect = s;
  }
  for (auto [first, second] : problem.precedence)
    steps[second].predecessors.push_back(first);
  for (int s = 0; s < size(); ++s) {
    sortUnique(steps[s].predecessors);
    for (int predecessor : steps[s].predecessors)
      steps[predecessor].successors.push_back(s);
  }
}

/// Every other reader has run. Scanned from the back: late readers are the ones
/// still missing.
bool OrderState::diesIn(int group, int step) const {
  const std::vector<int> &readers = model.groups[group].readers;
  for (size_t r = readers.size(); r-- > 0;)
    if (readers[r] != step && !done[readers[r]])
      return false;
  return true;
}

/// Bytes of new buffers; results choose in order, as in computeBuffers.
int64_t OrderState::allocatedIn(int index) const {
  const Step &step = model.steps[index];
  int64_t bytes = step.newBytes;
  for (size_t r = 0; r < step.overwrites.size(); ++r)
    bytes += step.overwrites[r].bytes;
  if (step.overwrites.size() == 1) {
    const Overwrite &only = step.overwrites.front();
    bool taken = diesIn(only.groups[0], index) ||
                 (only.groups[1] >= 0 && diesIn(only.groups[1], index));
    return taken ? bytes - only.bytes : bytes;
  }
  std::vector<int> taken;
  for (const Overwrite &overwrite : step.overwrites)
    for (int group : overwrite.groups)
      if (group >= 0 &&
          std::find(taken.begin(), taken.end(), group) == taken.end() &&
          diesIn(group, index)) {
        taken.push_back(group);
        bytes -= overwrite.bytes;
        break;
      }
  return bytes;
}

OrderState::Effect OrderState::runEffect(int index) const {
  const Step &step = model.steps[index];
  Effect effect;
  effect.before = live;
  effect.during = live + allocatedIn(index);
  effect.after = live + step.bornBytes;
  for (int group : step.reads)
    if (diesIn(group, index))
      effect.after -= model.groups[group].bytes;
  return effect;
}

OrderState::Effect OrderState::undoEffect(int index) const {
  const Step &step = model.steps[index];
  Effect effect;
  effect.after = live;
  effect.before = live - step.bornBytes;
  for (int group : step.reads)
    if (diesIn(group, index))
      effect.before += model.groups[group].bytes;
  effect.during = effect.before + allocatedIn(index);
  return effect;
}

int64_t peakOf(const OrderModel &model, const std::vector<int> &order) {
  OrderState state(model);
  int64_t peak = 0;
  for (int step : order) {
    peak = std::max(peak, state.runEffect(step).during);
    state.run(step);
  }
  return peak;
}

} // namespace neap::order
