//===- ExactSearch.cpp - Complete search for an allocation ----------------===//

#include "passes/Solvers/ExactSearch.h"

#include "passes/Solvers/Timeline.h"

#include <algorithm>
#include <numeric>

namespace neap {
namespace {

constexpr size_t maxBuffers = 4096;
constexpr int64_t maxMemberships = 8'000'000;
/// Keeps the recursion within a few MiB of stack.
constexpr int32_t maxDepth = 6000;
/// Restarts after which the same strategy comes again.
constexpr int64_t strategyCount = 6;
/// Nodes of the shortest restart: enough to place everything and err a little.
constexpr int64_t minRoundNodes = 500;
int64_t roundNodesFor(int64_t bufferCount) {
  return std::max(minRoundNodes, bufferCount + bufferCount / 2);
}

/// The i-th term (from 1) of Luby's sequence 1 1 2 1 1 2 4 ...: within a log
/// factor of the best restart policy (Luby, Sinclair, Zuckerman 1993).
int64_t luby(int64_t i) {
  for (;;) {
    int64_t power = 1;
    while (2 * power - 1 < i)
      power *= 2;
    if (2 * power - 1 == i)
      return power;
    i -= power - 1;
  }
}

} // namespace

ExactSearch::ExactSearch(const std::vector<Buffer> &buffers,
                         std::function<bool()> shouldStop)
    : state(buffers), shouldStop(std::move(shouldStop)),
      choiceSteps(state.sectionCount() + 1, 0),
      inValley(state.sectionCount(), 0) {}

bool ExactSearch::accepts(const std::vector<Buffer> &buffers) {
  if (buffers.size() > maxBuffers)
    return false;
  Timeline timeline(buffers);
  int64_t memberships = 0;
  for (size_t i = 0; i < buffers.size(); ++i)
    memberships += timeline.last[i] - timeline.first[i];
  return memberships <= maxMemberships;
}

std::vector<int64_t> ExactSearch::offsets() const {
  std::vector<int64_t> offsets;
  for (int32_t b = 0; b < state.bufferCount(); ++b)
    offsets.push_back(state.lowest(b));
  return offsets;
}

ExactSearch::Strategy ExactSearch::strategyOf(int64_t round) {
  return {static_cast<SectionRule>(round / 3 % 2),
          static_cast<BufferRule>(round % 3),
          round < strategyCount ? 0.0 : 0.8};
}

SearchOutcome ExactSearch::run(const std::vector<int64_t> &ceilings,
                               int64_t nodeLimit) {
  failures.clear();
  randomState = 1;
  if (!state.reset(ceilings))
    return SearchOutcome::Refuted;
  Items items(state.bufferCount());
  std::iota(items.begin(), items.end(), 0);
  std::sort(items.begin(), items.end(), [&](int32_t a, int32_t b) {
    return std::make_pair(state.firstSection(a), a) <
           std::make_pair(state.firstSection(b), b);
  });
  const int64_t roundNodes = roundNodesFor(state.bufferCount());
  int64_t left = nodeLimit;
  for (int64_t round = 0; left > 0 && !stopRequested; ++round) {
    strategy = strategyOf(round);
    int64_t begin = nodes;
    roundEnd =
        nodes + std::min(left, roundNodes * luby(round / strategyCount + 1));
    SearchOutcome outcome = searchAll(items, 0);
    if (outcome != SearchOutcome::Stopped)
      return outcome;
    left -= nodes - begin;
  }
  return SearchOutcome::Stopped;
}

bool ExactSearch::atLimit() {
  if (nodes >= roundEnd || stopRequested)
    return true;
  ++nodes;
  if (nodes % 256 == 0 && shouldStop && shouldStop())
    stopRequested = true;
  return stopRequested;
}

/// Solves what is left of `items` (ascending by first section), one component
/// of overlapping lifetimes after the other: they cannot help each other.
SearchOutcome ExactSearch::searchAll(Items items, int32_t depth) {
  SkylineState::Mark start = state.mark();
  items.erase(std::remove_if(items.begin(), items.end(),
                             [&](int32_t b) { return state.isPlaced(b); }),
              items.end());
  std::vector<Items> components;
  int32_t reach = -1;
  for (int32_t b : items) {
    if (state.firstSection(b) >= reach)
      components.emplace_back();
    components.back().push_back(b);
    reach = std::max(reach, state.lastSection(b));
  }
  // Small ones first: they fail soonest.
  std::sort(components.begin(), components.end(),
            [](const Items &a, const Items &b) {
              return std::make_pair(a.size(), a.front()) <
                     std::make_pair(b.size(), b.front());
            });
  for (Items &component : components) {
    SearchOutcome outcome = searchComponent(component, depth);
    if (outcome != SearchOutcome::Found) {
      state.undo(start);
      return outcome;
    }
  }
  return SearchOutcome::Found;
}

SearchOutcome ExactSearch::searchComponent(Items &items, int32_t depth) {
  if (atLimit() || depth > maxDepth)
    return SearchOutcome::Stopped;
  FailureTable::Key key = keyOf(items);
  if (failures.contains(key))
    return SearchOutcome::Refuted;
  Branch branch = chooseBranch(items);
  SearchOutcome outcome = tryAlternatives(branch, items, depth);
  if (outcome == SearchOutcome::Refuted)
    failures.insert(key);
  return outcome;
}

SearchOutcome ExactSearch::tryAlternatives(const Branch &branch,
                                           const Items &items, int32_t depth) {
  SkylineState::Mark start = state.mark();
  for (int32_t buffer : branch.buffers) {
    if (state.place(buffer)) {
      SearchOutcome outcome = searchAll(items, depth + 1);
      if (outcome != SearchOutcome::Refuted)
        return outcome;
    }
    state.undo(start);
  }
  if (branch.mayRaise) {
    if (state.raiseFloor(branch.section, branch.raisedFloor)) {
      SearchOutcome outcome = searchAll(items, depth + 1);
      if (outcome != SearchOutcome::Refuted)
        return outcome;
    }
    state.undo(start);
  }
  return SearchOutcome::Refuted;
}

ExactSearch::Branch ExactSearch::chooseBranch(const Items &items) {
  Branch branch;
  branch.section = chooseSection(items);
  int64_t floor = state.floor(branch.section);
  for (int32_t b : state.membersOf(branch.section))
    if (!state.isPlaced(b) && state.lowest(b) == floor)
      branch.buffers.push_back(b);
  branch.raisedFloor = nextLevel(branch.section, branch.buffers, items);
  branch.mayRaise = state.slackAbove(branch.section, branch.raisedFloor) >= 0;
  sortChoices(branch.buffers);
  return branch;
}

/// The section to branch on: one in a valley, that is, in a run of sections
/// with one floor and higher floors (or nothing to place) on both sides. There
/// every buffer that may lie on the floor lies within the valley, so that
/// placing it buries no space.
int32_t ExactSearch::chooseSection(const Items &items) {
  int32_t begin = state.firstSection(items.front()), end = begin;
  for (int32_t b : items)
    end = std::max(end, state.lastSection(b));
  for (int32_t s = begin; s < end;) {
    int32_t next = s;
    while (next < end && state.floor(next) == state.floor(s))
      ++next;
    bool valley = (s == begin || state.floor(s - 1) > state.floor(s)) &&
                  (next == end || state.floor(next) > state.floor(s));
    std::fill(inValley.begin() + s, inValley.begin() + next, valley);
    s = next;
  }
  // choiceSteps: how the number of choices changes from section to section.
  std::fill(choiceSteps.begin() + begin, choiceSteps.begin() + end + 1, 0);
  for (int32_t b : items) {
    int32_t first = state.firstSection(b);
    if (inValley[first] && state.lowest(b) == state.floor(first)) {
      ++choiceSteps[first];
      --choiceSteps[state.lastSection(b)];
    }
  }
  int32_t best = -1, choices = 0;
  std::pair<double, int64_t> bestScore;
  for (int32_t s = begin; s < end; ++s) {
    choices += choiceSteps[s];
    if (!inValley[s])
      continue;
    int64_t slack = state.slackAbove(s, state.floor(s));
    // Sections without slack come first, those with the fewest choices first.
    auto product = static_cast<double>(slack) * choices;
    std::pair<double, int64_t> score =
        strategy.sectionRule == SectionRule::LeastSlack || slack == 0
            ? std::make_pair(static_cast<double>(slack), int64_t(choices))
            : std::make_pair(product, slack);
    if (best < 0 || score < bestScore) {
      best = s;
      bestScore = score;
    }
  }
  return best;
}

/// The lowest offset above its floor that anything in `section` can have if
/// none of `choices` lies on the floor. In a canonical allocation the lowest
/// buffer there then lies on an unplaced one that is not alive in `section`,
/// or cannot lie lower anyway.
int64_t ExactSearch::nextLevel(int32_t section, const Items &choices,
                               const Items &items) const {
  int64_t level = SkylineState::emptyFloor;
  int32_t begin = section, end = section + 1;
  for (int32_t b : choices) {
    begin = std::min(begin, state.firstSection(b));
    end = std::max(end, state.lastSection(b));
  }
  int64_t floor = state.floor(section);
  for (int32_t b : items) {
    int32_t first = state.firstSection(b), last = state.lastSection(b);
    if (first <= section && section < last) {
      if (state.lowest(b) > floor)
        level = std::min(level, state.lowest(b));
    } else if (first < end && last > begin) {
      level = std::min(level, state.lowest(b) + state.size(b));
    }
  }
  return level;
}

/// Puts the most promising first and leaves out twins.
void ExactSearch::sortChoices(Items &choices) {
  Items distinct;
  for (int32_t b : choices)
    if (std::none_of(distinct.begin(), distinct.end(),
                     [&](int32_t other) { return state.areTwins(b, other); }))
      distinct.push_back(b);
  std::vector<std::pair<double, int32_t>> keyed;
  for (int32_t b : distinct) {
    auto size = static_cast<double>(state.size(b));
    double length = state.lastSection(b) - state.firstSection(b);
    double key = strategy.bufferRule == BufferRule::Area       ? size * length
                 : strategy.bufferRule == BufferRule::Lifetime ? length
                                                               : size;
    if (strategy.noise > 0) {
      randomState += 0x9e3779b97f4a7c15ULL;
      // 53 random bits as a number in [0, 1).
      double random =
          static_cast<double>(FailureTable::mix(randomState) >> 11) * 0x1p-53;
      key *= 1 + strategy.noise * (random - 0.5);
    }
    keyed.emplace_back(-key, b);
  }
  std::sort(keyed.begin(), keyed.end());
  choices.clear();
  for (const auto &[key, b] : keyed)
    choices.push_back(b);
}

/// What the rest of the component depends on: which buffers are unplaced, and
/// the floors of their sections. A sum of independent terms (Zobrist's
/// hashing).
FailureTable::Key ExactSearch::keyOf(const Items &items) const {
  FailureTable::Key key;
  auto add = [&](uint64_t index, uint64_t value) {
    key.high += FailureTable::mix(value * 0x9e3779b97f4a7c15ULL + index);
    key.low += FailureTable::mix((index << 40) + ~value);
  };
  int32_t begin = state.firstSection(items.front()), end = begin;
  for (int32_t b : items) {
    add(static_cast<uint64_t>(b), uint64_t(1) << 63);
    end = std::max(end, state.lastSection(b));
  }
  for (int32_t s = begin; s < end; ++s)
    add(static_cast<uint64_t>(s), static_cast<uint64_t>(state.floor(s)));
  return key;
}

} // namespace neap
