//===- OrderSearch.h - The way to the next valley ---------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_ORDERSEARCH_H
#define NEAP_PASSES_SOLVERS_ORDERSEARCH_H

#include "passes/Solvers/OrderModel.h"

#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace neap::order {

/// Forward: steps are run, from the first on. Backward: steps are taken back,
/// from the last on.
enum class Direction { Forward, Backward };

/// What is left between the steps that are fixed at the front and at the back.
struct Interval {
  explicit Interval(const OrderModel &model);

  /// Fixes `step` as the first (Forward) or last (Backward) of those left.
  void fix(int step, Direction direction);
  bool isOpen(int step) const { return open[step]; }
  OrderState &stateOf(Direction direction) {
    return direction == Direction::Forward ? front : back;
  }
  /// Ascending.
  std::vector<int> openSteps() const;
  /// Once nothing is left.
  std::vector<int> order() const;

  /// Without and with all steps that are left.
  OrderState front, back;
  int left;
  /// By step: not fixed.
  std::vector<uint8_t> open;
  std::vector<int> first, lastReversed;
};

/// Steps that can run next (be taken back next), in the order in which they are
/// to be tried: the one nearest to the given order first.
class ReadySteps {
public:
  ReadySteps(const OrderModel &model, const Interval &interval,
             Direction direction)
      : model(model), interval(interval), direction(direction) {}

  /// At the front (back) of the interval.
  std::vector<int> initial() const;
  /// Replaces `step`, which `state` has just seen run (taken back), in `ready`
  /// by those that it was the last to hold up.
  void advance(std::vector<int> &ready, int step,
               const OrderState &state) const;

private:
  bool isReady(int step, const OrderState &state) const;
  void sort(std::vector<int> &ready) const;

  const OrderModel &model;
  const Interval &interval;
  Direction direction;
};

/// A sequence of steps and its largest bytes.
struct Path {
  std::vector<int> steps;
  int64_t peakBytes = 0;
};

enum class PathOutcome {
  Found,
  None, ///< No valley can be reached below the ceiling.
  Cut   ///< The node limit came first.
};

struct PathLimits {
  /// Peaks up to here are as good as any: the answer needs them anyway.
  int64_t floorBytes = 0;
  /// Only paths with peaks up to here are of interest.
  int64_t ceilingBytes = 0;
  int64_t nodeLimit = 0;
};

/// Best-first search, by the peak so far, from one end of an interval to the
/// nearest set with no more live bytes. docs/order.md proves that an optimal
/// order can begin with the path found.
class ValleySearch {
public:
  ValleySearch(const OrderModel &model, Interval &interval,
               Direction direction);

  PathOutcome run(const PathLimits &limits);

  /// After Found: the path. After Cut: to the most promising set seen.
  const Path &path() const { return found; }
  /// After Found and Cut: no path to a valley has a lower peak.
  int64_t provenBytes() const { return proven; }
  int64_t nodeCount() const { return static_cast<int64_t>(nodes.size()); }

private:
  struct Key {
    uint64_t low = 0, high = 0;
    bool operator==(const Key &other) const {
      return low == other.low && high == other.high;
    }
  };
  struct KeyHash {
    size_t operator()(const Key &key) const { return key.low; }
  };
  struct Node {
    Key key;
    int parent = -1;
    int step = -1;
    int depth = 0;
    int64_t peak = 0;
    int64_t live = 0;
    /// Filled when the node is expanded.
    std::vector<int> ready;
    bool expanded = false;
  };
  /// Lowest peak first, then lowest `rank`.
  struct Entry {
    int64_t peak, rank;
    int node;
    bool operator>(const Entry &other) const {
      return std::tie(peak, rank, node) >
             std::tie(other.peak, other.rank, other.node);
    }
  };
  using Queue = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;
  struct Move {
    int step;
    int64_t peak, live;
  };

  static Key keyOf(int step);
  bool isValley(int64_t live) const { return live <= baseLive; }
  /// The state of a node. Nodes taken from one queue are near each other, so
  /// each queue has a cursor that walks from one to the next.
  struct Cursor {
    OrderState state;
    int node = 0;
  };

  /// The next set of a queue, or -1.
  int takeFrom(Queue &queue);
  void expand(int index, Cursor &cursor, const PathLimits &limits);
  void collectMoves(const Node &node, const OrderState &state,
                    const PathLimits &limits);
  void addNode(int parent, const Move &move);
  void move(Cursor &cursor, int node);
  Path pathTo(int node) const;

  Direction direction;
  ReadySteps readySteps;
  const OrderState &base;
  int64_t baseLive;

  std::vector<Node> nodes;
  std::unordered_map<Key, int, KeyHash> indexOf;
  /// Both hold all sets to expand. Ranked by live bytes, which finds valleys
  /// nearby, and by steps left, which finds ways across wide hills.
  Queue lowest, deepest;
  std::vector<Move> moves;
  std::vector<int> trail;
  Path found;
  int64_t proven = 0;
};

} // namespace neap::order

#endif // NEAP_PASSES_SOLVERS_ORDERSEARCH_H
