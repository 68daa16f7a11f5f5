//===- RematSearch.h - Layered search for remat schedules -------*- C++ -*-===//
//
// States are what is held and what has been computed. A layer holds the states
// with equally many first computations of required nodes (or, in the given
// order, at the same stage); one pass goes through the layers and keeps at most
// `width` states of each. A pass that had to drop none is a proof. See
// docs/remat-solver.md for the rules that leave states out and why they may.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_REMATSEARCH_H
#define NEAP_PASSES_SOLVERS_REMATSEARCH_H

#include "passes/Solvers/RematBound.h"

#include <functional>
#include <unordered_map>

namespace neap::remat {

template <unsigned Words> class Search {
public:
  using Set = NodeSet<Words>;
  static constexpr int64_t unknown = MaxFlow::infinite;

  explicit Search(const Instance<Words> &instance);

  /// One pass. True: nothing was left out but what cannot be cheaper than the
  /// best answer, which is then optimal (or proven not to exist).
  bool pass(size_t width);
  /// An answer from elsewhere; only cheaper ones are looked for.
  void offer(int64_t cost, std::vector<RematStep> steps);
  /// End the pass when the first answer is found.
  void stopAtFirst() { firstIsEnough = true; }

  /// In internal units; `unknown` without an answer.
  int64_t bestCost = unknown;
  std::vector<RematStep> bestSteps;
  /// No answer is cheaper.
  int64_t lowerBound = 0;
  int64_t expanded = 0;
  int64_t nodeLimit = 0;
  std::function<bool()> shouldStop;

private:
  struct State {
    Set held, done;
    /// Recomputed (or optional) and not used since.
    Set unused;
    int64_t heldBytes = 0;
    /// Compared in this order; all three add up along a schedule.
    int64_t cost = 0, computations = 0, tie = 0;
    /// No answer through this state is cheaper.
    int64_t bound = 0;
    int32_t parent = -1;
    int16_t node = -1;
    /// Given order: the stage goes on with nodes from here.
    int16_t position = 0;
  };
  /// The way back from an expanded state: `node` was computed, then `held`.
  struct Record {
    Set held;
    int64_t heldBytes;
    int32_t parent;
    int16_t node;
  };
  /// What to drop before one computation, while it is being chosen.
  struct DropChoice {
    const State *state;
    int node;
    std::vector<int> candidates;
    /// Bytes of the candidates from each one on.
    std::vector<int64_t> bytesFrom;
    Set dropped;
    int64_t smallestDropped = unknown;
    size_t looked = 0;
  };
  struct Key {
    Set held, done;
    int position;
    bool operator==(const Key &other) const {
      return held == other.held && done == other.done &&
             position == other.position;
    }
  };
  struct KeyHash {
    size_t operator()(const Key &key) const {
      return key.held.hash() * 31 + key.done.hash() * 7 + key.position;
    }
  };
  struct SetHash {
    size_t operator()(const Set &set) const { return set.hash(); }
  };
  /// The best state per key, and which of them await expansion.
  struct Table {
    std::unordered_map<Key, State, KeyHash> best;
    std::vector<State> waiting;
  };

  static bool precedes(const State &a, const State &b);
  bool stopped();
  bool isDone(const State &state) const;
  std::vector<int> byCrossing() const;
  void boundRoot();
  void chooseMoments(const std::vector<State> &layer);
  void strengthen(std::vector<State> &layer);
  void removeDominated(std::vector<State> &layer);
  void truncate(std::vector<State> &layer);
  void expandLayer(std::vector<State> layer);
  void expand(const State &state);
  void expandGiven(const State &state, int32_t record);
  void expandFree(const State &state, int32_t record);
  bool postponable(const State &state, int node) const;
  bool swappable(const State &state, int node) const;
  void compute(const State &state, int32_t record, int node);
  void chooseDrops(DropChoice &choice, int32_t record, size_t next,
                   int64_t excess);
  State after(const DropChoice &choice, int32_t record) const;
  void addChild(const DropChoice &choice, int32_t record);
  void insert(State state, bool advances);
  const Set &useful(const Set &done);
  std::vector<State> takeWaiting(Table &table);
  void discard(int64_t bound);
  void finish(const State &state);

  const Instance<Words> &instance;
  StateBound<Words> bounds;
  std::vector<Record> records;
  Table sameLayer, nextLayer;
  std::unordered_map<Set, Set, SetHash> usefulSets;
  /// Required nodes by what the moment bound says of them at the start.
  std::vector<int> momentNodes;
  std::vector<Moment> moments;
  size_t width = 0;
  int stage = 0;
  int64_t discardedBound = unknown;
  bool interrupted = false;
  bool firstIsEnough = false;
};

} // namespace neap::remat

#endif // NEAP_PASSES_SOLVERS_REMATSEARCH_H
