//===- OrderBound.cpp - Sets of steps with the fewest live bytes ----------===//

#include "passes/Solvers/OrderBound.h"
#include "passes/Solvers/MaxFlow.h"

#include <algorithm>
#include <limits>

namespace neap::order {
namespace {

/// Source side: the steps of the set, and the groups that are dead after it.
class LiveCut {
public:
  LiveCut(const OrderModel &model, const std::vector<Role> &roles)
      : model(model), roles(roles), vertexOf(model.size(), -1) {
    for (int s = 0; s < model.size(); ++s)
      if (roles[s] == Role::Free)
        vertexOf[s] = vertexCount++;
  }

  void addGroup(const Group &group) {
    if (!group.isCounted() || !group.outlivesProducer())
      return;
    bool isFree = group.producer >= 0 && vertexOf[group.producer] >= 0;
    if (group.producer >= 0 && roles[group.producer] == Role::Outside)
      return;
    bool dies = group.canDie() && allInside(group, -1);
    if (isFree)
      arcs.push_back({vertexOf[group.producer], sink, group.bytes});
    if (dies)
      addReward(group, -1, group.bytes);
    // The arcs charge for being born and for not dying; what is born within
    // the range is charged once too often, what cannot die not at all.
    if (isFree && dies)
      constant -= group.bytes;
    if (!isFree && !dies)
      constant += group.bytes;
  }

  void addSaving(const Saving &saving) {
    const Group &group = model.groups[saving.group];
    if (!allInside(group, saving.exceptStep))
      return;
    addReward(group, saving.exceptStep, saving.bytes);
    constant -= saving.bytes;
  }

  LowestSet solve() {
    for (int s = 0; s < model.size(); ++s)
      if (vertexOf[s] >= 0)
        for (int p : model.steps[s].predecessors)
          if (vertexOf[p] >= 0)
            arcs.push_back({vertexOf[s], vertexOf[p], MaxFlow::infinite});
    MaxFlow flow;
    flow.clear(vertexCount);
    for (const Arc &arc : arcs)
      flow.addArc(arc.from, arc.to, arc.bytes);
    LowestSet set;
    set.liveBytes = constant + flow.run(source, sink);
    set.contains.assign(model.size(), 0);
    for (int s = 0; s < model.size(); ++s)
      set.contains[s] = roles[s] == Role::Base ||
                        (vertexOf[s] >= 0 && flow.onSourceSide(vertexOf[s]));
    return set;
  }

private:
  static constexpr int source = 0, sink = 1;
  struct Arc {
    int from, to;
    int64_t bytes;
  };

  bool allInside(const Group &group, int exceptStep) const {
    return std::all_of(group.readers.begin(), group.readers.end(), [&](int s) {
      return s == exceptStep || roles[s] != Role::Outside;
    });
  }

  /// A vertex that costs `bytes` unless all readers are on its side.
  void addReward(const Group &group, int exceptStep, int64_t bytes) {
    int reward = vertexCount++;
    arcs.push_back({source, reward, bytes});
    for (int s : group.readers)
      if (s != exceptStep && vertexOf[s] >= 0)
        arcs.push_back({reward, vertexOf[s], MaxFlow::infinite});
  }

  const OrderModel &model;
  const std::vector<Role> &roles;
  std::vector<int> vertexOf;
  std::vector<Arc> arcs;
  int vertexCount = 2;
  int64_t constant = 0;
};

/// Everything that must run before (after) `step`.
void markReachable(const OrderModel &model, int step,
                   std::vector<int> Step::*neighbours, Role role,
                   std::vector<Role> &roles) {
  std::vector<int> stack = {step};
  while (!stack.empty()) {
    int at = stack.back();
    stack.pop_back();
    for (int next : model.steps[at].*neighbours)
      if (roles[next] == Role::Free) {
        roles[next] = role;
        stack.push_back(next);
      }
  }
}

} // namespace

LowestSet findLowestSet(const OrderModel &model, const std::vector<Role> &roles,
                        const std::vector<Saving> &savings) {
  LiveCut cut(model, roles);
  for (const Group &group : model.groups)
    cut.addGroup(group);
  for (const Saving &saving : savings)
    cut.addSaving(saving);
  return cut.solve();
}

int64_t stepLowerBound(const OrderModel &model, int index) {
  std::vector<Role> roles(model.size(), Role::Free);
  roles[index] = Role::Outside;
  markReachable(model, index, &Step::predecessors, Role::Base, roles);
  markReachable(model, index, &Step::successors, Role::Outside, roles);

  const Step &step = model.steps[index];
  int64_t bytes = step.newBytes;
  std::vector<Saving> savings;
  const Overwrite *choice = nullptr;
  for (const Overwrite &overwrite : step.overwrites) {
    bool hasChoice = overwrite.groups[1] >= 0;
    if (hasChoice && step.overwrites.size() == 1)
      choice = &overwrite;
    // With several results and a choice, all are assumed to overwrite.
    if (choice || !hasChoice)
      bytes += overwrite.bytes;
    if (!hasChoice)
      savings.push_back({overwrite.bytes, overwrite.groups[0], index});
  }
  if (!choice)
    return bytes + findLowestSet(model, roles, savings).liveBytes;
  int64_t fewest = std::numeric_limits<int64_t>::max();
  for (int group : choice->groups)
    fewest = std::min(
        fewest,
        findLowestSet(model, roles, {{choice->bytes, group, index}}).liveBytes);
  return bytes + fewest;
}

} // namespace neap::order
