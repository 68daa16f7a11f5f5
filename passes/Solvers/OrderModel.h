//===- OrderModel.h - Live bytes of sets of steps ---------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDERMODEL_H
#define NEAP_PASSES_SOLVERS_ORDERMODEL_H

#include "passes/Solvers/Order.h"

#include <cstdint>
#include <vector>

namespace neap::order {

/// A value and all views of it. Results computed in place do not join: they
/// take over a buffer in the very step in which its group dies, so that live
/// bytes stay the sum over live groups (docs/order.md).
struct Group {
  int64_t bytes = 0;
  /// Step that defines the root, or -1.
  int producer = -1;
  /// Steps that read a member, ascending.
  std::vector<int> readers;
  bool alwaysAlive = false;
  bool liveOut = false;

  bool isCounted() const { return !alwaysAlive; }
  /// Some step can be the last one to need the group.
  bool canDie() const { return !alwaysAlive && !liveOut && !readers.empty(); }
  bool outlivesProducer() const { return liveOut || !readers.empty(); }
};

/// A result that may overwrite one of up to two groups.
struct Overwrite {
  int64_t bytes = 0;
  /// The group tried first, and the other operand's; -1: none.
  int groups[2] = {-1, -1};
};

struct Step {
  /// Direct, distinct, ascending.
  std::vector<int> predecessors, successors;
  /// Distinct groups read that can die.
  std::vector<int> reads;
  std::vector<Overwrite> overwrites;
  /// Scratch and results that overwrite nothing.
  int64_t newBytes = 0;
  /// Results that are alive after the step.
  int64_t bornBytes = 0;
};

struct OrderModel {
  explicit OrderModel(const OrderProblem &problem);
  int size() const { return static_cast<int>(steps.size()); }

  std::vector<Group> groups;
  std::vector<Step> steps;
  /// Before the first step.
  int64_t initialBytes = 0;

private:
  void buildGroups(const OrderProblem &problem);
  void buildOverwrites(const OrderProblem &problem, int index);
  void buildPrecedence(const OrderProblem &problem);

  /// By value.
  std::vector<int> groupOf;
};

/// A set of steps that holds the predecessors of its members, and the bytes
/// alive between it and the rest.
class OrderState {
public:
  explicit OrderState(const OrderModel &model)
      : live(model.initialBytes), model(model), done(model.size(), 0) {}

  /// What running one step means: bytes alive before, in and after it.
  struct Effect {
    int64_t before = 0, during = 0, after = 0;
  };

  bool contains(int step) const { return done[step]; }
  int64_t liveBytes() const { return live; }

  /// `step` not contained, its predecessors are.
  Effect runEffect(int step) const;
  /// `step` contained, none of its successors is: the effect it had as the last
  /// one.
  Effect undoEffect(int step) const;

  void run(int step) {
    live = runEffect(step).after;
    done[step] = 1;
  }
  void undo(int step) {
    live = undoEffect(step).before;
    done[step] = 0;
  }
  /// As run and undo, where the live bytes after it are known.
  void set(int step, bool contained, int64_t liveBytes) {
    done[step] = contained;
    live = liveBytes;
  }

private:
  bool diesIn(int group, int step) const;
  int64_t allocatedIn(int step) const;

  int64_t live;
  const OrderModel &model;
  std::vector<uint8_t> done;
};

/// Largest bytes of any step of `order`.
int64_t peakOf(const OrderModel &model, const std::vector<int> &order);

} // namespace neap::order

#endif // NEAP_PASSES_SOLVERS_ORDERMODEL_H
