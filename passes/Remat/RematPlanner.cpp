//===- RematPlanner.cpp - Options of blocks and the plans made of them ----===//

#include "passes/Remat/RematPlanner.h"

#include "passes/Remat/BlockMeasure.h"
#include "passes/Remat/BlockVariants.h"
#include "passes/Remat/Rematerialize.h"

#include <algorithm>
#include <tuple>

namespace neap {
namespace {

/// Segments that may be joined to one block, which then need not keep the
/// values between them. More than two or three only pay in chains of small
/// segments.
constexpr int joinedSegments[] = {1, 2, 3, 4, 6, 8};

/// Partial plans kept per cut; beyond that, one per bucket of kept bytes.
constexpr size_t maxStates = 2048;

/// Attempts to bring the measured peak under the budget by tightening the
/// estimated one.
constexpr int maxAttempts = 12;

struct State {
  int64_t keptBytes, extraNs;
  int previousState;
  size_t option; // index into the options of the segment before
  int segment;   // where the option begins
};

/// Keeps the states that no other beats in both kept bytes and time.
void prune(std::vector<State> &states) {
  auto key = [](const State &s) {
    return std::tuple(s.keptBytes, s.extraNs, s.segment, s.previousState,
                      s.option);
  };
  std::sort(states.begin(), states.end(),
            [&](const State &a, const State &b) { return key(a) < key(b); });
  std::vector<State> kept;
  for (const State &state : states)
    if (kept.empty() || state.extraNs < kept.back().extraNs)
      kept.push_back(state);
  states = std::move(kept);
  if (states.size() <= maxStates)
    return;
  // One state per bucket: the last, which is the fastest.
  int64_t low = states.front().keptBytes;
  int64_t width = (states.back().keptBytes - low) / (maxStates - 1) + 1;
  std::vector<State> thinned;
  for (size_t i = 0; i < states.size(); ++i)
    if (i + 1 == states.size() || (states[i].keptBytes - low) / width !=
                                      (states[i + 1].keptBytes - low) / width)
      thinned.push_back(states[i]);
  states = std::move(thinned);
}

} // namespace

int BlockVariant::countRecomputed() const {
  return static_cast<int>(
      std::count(recomputed.begin(), recomputed.end(), true));
}

RematPlanner::RematPlanner(const Schedule &schedule)
    : schedule(schedule), hoisted(hoistEffects(schedule)),
      segmentation(segmentForward(hoisted)), types(hoisted, segmentation) {
  enumerateOptions();
  computeNeeds();
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

void RematPlanner::enumerateOptions() {
  int count = static_cast<int>(segmentation.segments.size());
  optionsAt.resize(count);
  for (int begin = 0; begin < count; ++begin)
    for (int length : joinedSegments) {
      int end = begin + length;
      if (end > count)
        break;
      StepRange range = {segmentation.segments[begin].begin,
                         segmentation.segments[end - 1].end};
      int type = types.getType(range);
      for (const BlockVariant &variant : getVariants(range, type, length > 1))
        optionsAt[begin].push_back({begin, end, type, &variant});
    }
}

const std::vector<BlockVariant> &
RematPlanner::getVariants(StepRange range, int type, bool isJoined) {
  auto [entry, isNew] = variantsOf.try_emplace(type);
  if (!isNew)
    return entry->second;
  for (std::vector<bool> &recomputed :
       enumerateVariants(hoisted, segmentation, range)) {
    // A joined block that keeps the values between its segments is no more than
    // the segments one by one.
    bool dropsCut = false;
    for (const StepRange &segment : segmentation.segments)
      dropsCut |= segment.end > range.begin && segment.end < range.end &&
                  recomputed[segment.end - 1 - range.begin];
    if (!isJoined || dropsCut)
      entry->second.push_back(
          measureVariant(hoisted, segmentation, range, std::move(recomputed)));
  }
  return entry->second;
}

void RematPlanner::computeNeeds() {
  int count = static_cast<int>(optionsAt.size());
  needs.assign(count + 1, 0);
  for (int segment = count; segment-- > 0;) {
    needs[segment] = INT64_MAX;
    for (const Option &option : optionsAt[segment])
      needs[segment] =
          std::min(needs[segment],
                   std::max(option.variant->peakBytes,
                            option.variant->keptBytes + needs[option.end]));
  }
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

RematPlanner::Choice RematPlanner::chooseKeepingAll() const {
  Choice choice;
  for (const std::vector<Option> &options : optionsAt)
    choice.push_back(options.front()); // one segment, nothing recomputed
  return choice;
}

/// Dynamic programming over cuts; a state is what earlier blocks keep and cost.
std::optional<RematPlanner::Choice>
RematPlanner::chooseFastest(int64_t budgetBytes) const {
  int count = static_cast<int>(optionsAt.size());
  std::vector<std::vector<State>> statesAt(count + 1);
  statesAt[0] = {{0, 0, -1, 0, -1}};
  for (int segment = 0; segment < count; ++segment) {
    prune(statesAt[segment]);
    for (size_t i = 0; i < statesAt[segment].size(); ++i) {
      const State state = statesAt[segment][i];
      for (size_t o = 0; o < optionsAt[segment].size(); ++o) {
        const Option &option = optionsAt[segment][o];
        int64_t kept = state.keptBytes + option.variant->keptBytes;
        if (state.keptBytes + option.variant->peakBytes > budgetBytes ||
            kept + needs[option.end] > budgetBytes)
          continue;
        statesAt[option.end].push_back({kept,
                                        state.extraNs + option.variant->extraNs,
                                        static_cast<int>(i), o, segment});
      }
    }
  }
  prune(statesAt[count]);
  if (statesAt[count].empty())
    return std::nullopt;
  Choice choice;
  for (State state = statesAt[count].back(); state.segment >= 0;
       state = statesAt[state.segment][state.previousState])
    choice.push_back(optionsAt[state.segment][state.option]);
  std::reverse(choice.begin(), choice.end());
  return choice;
}

RematPlan RematPlanner::evaluate(const Choice &choice) const {
  std::vector<bool> recompute(schedule.steps.size(), false);
  RematPlan plan;
  for (const Option &option : choice) {
    StepRange range = {segmentation.segments[option.begin].begin,
                       segmentation.segments[option.end - 1].end};
    for (int s = range.begin; s < range.end; ++s)
      recompute[s] = option.variant->recomputed[s - range.begin];
    plan.blocks.push_back({range, option.type, *option.variant});
  }
  plan.schedule = rematerialize(hoisted, recompute);
  plan.maxLiveBytes = computeBuffers(plan.schedule).maxLiveBytes();
  // Hoisting frees operands early but may put scratch where memory is short.
  Schedule unhoisted = rematerialize(schedule, recompute);
  int64_t bytes = computeBuffers(unhoisted).maxLiveBytes();
  if (bytes < plan.maxLiveBytes) {
    plan.schedule = std::move(unhoisted);
    plan.maxLiveBytes = bytes;
  }
  plan.costNs = totalCostNs(plan.schedule);
  return plan;
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

RematPlan RematPlanner::planKeepingAll() {
  return evaluate(chooseKeepingAll());
}

RematPlan RematPlanner::planSmallest() {
  if (smallest)
    return *smallest;
  smallest = planKeepingAll();
  // The estimate is not the measure: also try choices that it holds to be a
  // little above the smallest.
  for (int64_t percent : {100, 101, 102, 104, 108, 112, 120}) {
    std::optional<Choice> choice = chooseFastest(needs[0] / 100 * percent + 99);
    if (!choice)
      continue;
    RematPlan plan = evaluate(*choice);
    if (std::pair(plan.maxLiveBytes, plan.costNs) <
        std::pair(smallest->maxLiveBytes, smallest->costNs))
      smallest = std::move(plan);
  }
  return *smallest;
}

std::optional<RematPlan> RematPlanner::planFastest(int64_t budgetBytes) {
  RematPlan plan = planKeepingAll();
  if (plan.maxLiveBytes <= budgetBytes)
    return plan;
  int64_t target = budgetBytes;
  for (int attempt = 0; attempt < maxAttempts && target >= needs[0];
       ++attempt) {
    std::optional<Choice> choice = chooseFastest(target);
    if (!choice)
      break;
    plan = evaluate(*choice);
    if (plan.maxLiveBytes <= budgetBytes) {
      improve(*choice, plan, budgetBytes);
      return plan;
    }
    target -= plan.maxLiveBytes - budgetBytes;
  }
  plan = planSmallest();
  if (plan.maxLiveBytes <= budgetBytes)
    return plan;
  return std::nullopt;
}

/// Gives single blocks a faster variant while the measured peak stays within
/// the budget, the most expensive blocks first.
void RematPlanner::improve(Choice &choice, RematPlan &plan,
                           int64_t budgetBytes) const {
  std::vector<size_t> order(choice.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  auto key = [&](size_t i) {
    return std::pair(-choice[i].variant->extraNs, i);
  };
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return key(a) < key(b); });
  for (size_t position : order)
    for (const Option &option : optionsAt[choice[position].begin]) {
      if (option.end != choice[position].end ||
          option.variant->extraNs >= choice[position].variant->extraNs)
        continue;
      Choice changed = choice;
      changed[position] = option;
      RematPlan candidate = evaluate(changed);
      if (candidate.maxLiveBytes > budgetBytes ||
          candidate.costNs >= plan.costNs)
        continue;
      choice = std::move(changed);
      plan = std::move(candidate);
      break;
    }
}

} // namespace neap
