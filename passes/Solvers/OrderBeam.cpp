//===- OrderBeam.cpp - List scheduling over several sets ------------------===//

#include "passes/Solvers/OrderBeam.h"

#include <algorithm>
#include <tuple>

namespace neap::order {
namespace {

struct Member {
  OrderState state;
  std::vector<int> ready;
  uint64_t key = 0;
  int64_t peak = 0;
  /// Into the history; -1 at the start.
  int last = -1;
};

struct Child {
  /// Among all children, for ties.
  int rank;
  int parent, step;
  int64_t peak, live;
  uint64_t key;
};

/// The steps taken, linked backwards.
struct Taken {
  int previous, step;
};

/// Odd multiples of a large odd number: sums of few of them hardly ever agree,
/// and where they do, the beam only loses a member.
uint64_t keyOf(int step) {
  uint64_t x = (2 * static_cast<uint64_t>(step) + 1) * 0x9e3779b97f4a7c15u;
  return (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
}

std::vector<Child> listChildren(const std::vector<Member> &beam,
                                Direction direction, int64_t ceilingBytes) {
  std::vector<Child> children;
  for (size_t m = 0; m < beam.size(); ++m)
    for (int step : beam[m].ready) {
      bool forward = direction == Direction::Forward;
      OrderState::Effect effect = forward ? beam[m].state.runEffect(step)
                                          : beam[m].state.undoEffect(step);
      if (effect.during <= ceilingBytes)
        children.push_back({static_cast<int>(children.size()),
                            static_cast<int>(m), step,
                            std::max(beam[m].peak, effect.during),
                            forward ? effect.after : effect.before,
                            beam[m].key + keyOf(step)});
    }
  return children;
}

/// The best `width` children, one per set.
void select(std::vector<Child> &children, int width) {
  std::sort(children.begin(), children.end(),
            [](const Child &a, const Child &b) {
              return std::tie(a.peak, a.live, a.rank) <
                     std::tie(b.peak, b.live, b.rank);
            });
  std::vector<Child> kept;
  for (const Child &child : children) {
    if (static_cast<int>(kept.size()) == width)
      break;
    if (std::none_of(kept.begin(), kept.end(), [&](const Child &other) {
          return other.key == child.key;
        }))
      kept.push_back(child);
  }
  children = std::move(kept);
}

} // namespace

std::optional<Path> searchBeam(const OrderModel &model,
                               const Interval &interval, Direction direction,
                               int width, const PathLimits &limits,
                               int64_t &nodes) {
  bool forward = direction == Direction::Forward;
  ReadySteps readySteps(model, interval, direction);
  std::vector<Taken> history;
  const int64_t lastNode = nodes + limits.nodeLimit;
  std::vector<Member> beam = {
      {forward ? interval.front : interval.back, readySteps.initial()}};
  for (int taken = 0; taken < interval.left; ++taken) {
    std::vector<Child> children =
        listChildren(beam, direction, limits.ceilingBytes);
    nodes += static_cast<int64_t>(children.size());
    if (children.empty() || nodes > lastNode)
      return std::nullopt;
    select(children, width);
    std::vector<Member> next;
    for (const Child &child : children) {
      Member member = beam[child.parent];
      member.state.set(child.step, forward, child.live);
      readySteps.advance(member.ready, child.step, member.state);
      member.key = child.key;
      member.peak = child.peak;
      history.push_back({beam[child.parent].last, child.step});
      member.last = static_cast<int>(history.size()) - 1;
      next.push_back(std::move(member));
    }
    beam = std::move(next);
  }
  Path path;
  path.peakBytes = beam.front().peak;
  for (int at = beam.front().last; at >= 0; at = history[at].previous)
    path.steps.push_back(history[at].step);
  std::reverse(path.steps.begin(), path.steps.end());
  return path;
}

} // namespace neap::order
