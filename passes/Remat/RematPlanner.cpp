//===- RematPlanner.cpp - Options of blocks and choices among them ----===//

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
constexpr size_t maxStates = 128;

/// Bound on the time spent measuring variants off the hull, in steps walked.
constexpr int64_t neighbourWork = 400'000;

/// Blocks of at most this many segments get variants off the hull.
constexpr int refinedSegments = 3;

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
      segmentation(segmentForward(hoisted)), types(hoisted, segmentation),
      neighboursLeft(neighbourWork / (hoisted.size() + 1)) {
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
      for (const BlockVariant &variant : getVariants(range, type, length))
        optionsAt[begin].push_back({begin, end, type, &variant});
    }
}

const std::vector<BlockVariant> &
RematPlanner::getVariants(StepRange range, int type, int segments) {
  auto [entry, isNew] = variantsOf.try_emplace(type);
  std::vector<BlockVariant> &variants = entry->second;
  if (!isNew)
    return variants;
  for (std::vector<bool> &recomputed :
       enumerateVariants(hoisted, segmentation, range)) {
    // A joined block that keeps the values between its segments is no more than
    // the segments one by one.
    bool dropsCut = false;
    for (const StepRange &segment : segmentation.segments)
      dropsCut |= segment.end > range.begin && segment.end < range.end &&
                  recomputed[segment.end - 1 - range.begin];
    if (segments == 1 || dropsCut)
      variants.push_back(
          measureVariant(hoisted, segmentation, range, std::move(recomputed)));
  }
  if (segments <= refinedSegments)
    addNeighbours(range, variants);
  return variants;
}

/// The cuts give the convex hull; choices that differ from one of them in a
/// single step fill in between, where they beat every other in some respect.
void RematPlanner::addNeighbours(StepRange range,
                                 std::vector<BlockVariant> &variants) {
  size_t hull = variants.size();
  auto isBeaten = [&](const BlockVariant &candidate) {
    return std::any_of(variants.begin(), variants.end(),
                       [&](const BlockVariant &other) {
                         return other.keptBytes <= candidate.keptBytes &&
                                other.extraNs <= candidate.extraNs &&
                                other.peakBytes <= candidate.peakBytes;
                       });
  };
  for (size_t v = 0; v < hull; ++v)
    for (int s = range.begin; s < range.end; ++s) {
      if (!hoisted.steps[s].recomputable || neighboursLeft <= 0)
        continue;
      std::vector<bool> recomputed = variants[v].recomputed;
      recomputed[s - range.begin] = !recomputed[s - range.begin];
      --neighboursLeft;
      BlockVariant candidate =
          measureVariant(hoisted, segmentation, range, std::move(recomputed));
      if (!isBeaten(candidate))
        variants.push_back(std::move(candidate));
    }
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
RematPlanner::chooseFastest(int64_t peakLimit, int64_t keptLimit,
                            const VariantSet *allowed) const {
  auto isAllowed = [&](const Option &option, size_t index) {
    return !allowed || index == 0 || allowed->count(option.variant);
  };
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
        bool exceeds = kept > keptLimit ||
                       state.keptBytes + option.variant->peakBytes > peakLimit;
        if (exceeds || needs[option.end] > peakLimit - kept ||
            !isAllowed(option, o))
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
  plan.costNs = totalCostNs(plan.schedule);
  return plan;
}

/// Hoisting frees operands early but may put scratch where memory is short.
RematPlan RematPlanner::finish(RematPlan plan) const {
  std::vector<bool> recompute(schedule.steps.size(), false);
  for (const PlannedBlock &block : plan.blocks)
    std::copy(block.variant.recomputed.begin(), block.variant.recomputed.end(),
              recompute.begin() + block.range.begin);
  Schedule unhoisted = rematerialize(schedule, recompute);
  int64_t bytes = computeBuffers(unhoisted).maxLiveBytes();
  if (bytes < plan.maxLiveBytes) {
    plan.schedule = std::move(unhoisted);
    plan.maxLiveBytes = bytes;
  }
  return plan;
}

} // namespace neap
