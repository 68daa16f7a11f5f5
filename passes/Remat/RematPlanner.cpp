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

/// Partial plans kept per cut: one for each range of kept bytes of this share
/// of the limit.
constexpr int64_t stateBuckets = 256;

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

/// The states at one cut: the fastest of each range of kept bytes.
class States {
public:
  explicit States(int64_t limitBytes)
      : width(limitBytes / stateBuckets + 1), buckets(stateBuckets + 1) {}

  void add(const State &state) {
    int64_t bucket = std::min(state.keptBytes / width, stateBuckets);
    std::optional<State> &held = buckets[bucket];
    if (!held || std::pair(state.extraNs, state.keptBytes) <
                     std::pair(held->extraNs, held->keptBytes))
      held = state;
  }

  /// By kept bytes, those that no other beats in both kept bytes and time; the
  /// last is the fastest.
  std::vector<State> list() const {
    std::vector<State> states;
    for (const std::optional<State> &state : buckets)
      if (state && (states.empty() || state->extraNs < states.back().extraNs))
        states.push_back(*state);
    return states;
  }

private:
  int64_t width;
  std::vector<std::optional<State>> buckets;
};

} // namespace

int BlockVariant::countRecomputed() const {
  int count = 0;
  for (size_t s = 0; s < recomputed.size(); ++s)
    count += recomputed[s] || std::any_of(outer.begin(), outer.end(),
                                          [s](const std::vector<bool> &round) {
                                            return round[s];
                                          });
  return count;
}

RematPlanner::RematPlanner(const Schedule &schedule)
    : schedule(schedule), hoisted(hoistEffects(schedule)),
      segmentation(segmentForward(hoisted)), types(hoisted, segmentation),
      neighboursLeft(neighbourWork / (hoisted.size() + 1)),
      maxCostNs(totalCostNs(schedule) * maxTimeFactor) {
  enumerateOptions();
  computeNeeds();
  prepareChain();
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

StepRange RematPlanner::getRange(int begin, int end) const {
  return {segmentation.segments[begin].begin,
          segmentation.segments[end - 1].end};
}

void RematPlanner::enumerateOptions() {
  int count = static_cast<int>(segmentation.segments.size());
  optionsAt.resize(count);
  for (int begin = 0; begin < count; ++begin)
    for (int length : joinedSegments) {
      int end = begin + length;
      if (end > count)
        break;
      int type = types.getType(getRange(begin, end));
      for (const BlockVariant &variant : getVariants(begin, end, type))
        optionsAt[begin].push_back({begin, end, type, &variant});
    }
}

const std::vector<BlockVariant> &RematPlanner::getVariants(int begin, int end,
                                                           int type) {
  auto [entry, isNew] = variantsOf.try_emplace(type);
  std::vector<BlockVariant> &variants = entry->second;
  if (!isNew)
    return variants;
  addJoined(begin, end, variants);
  if (end - begin <= refinedSegments)
    addNeighbours(getRange(begin, end), variants);
  return variants;
}

void RematPlanner::addJoined(int begin, int end,
                             std::vector<BlockVariant> &variants) {
  StepRange range = getRange(begin, end);
  for (std::vector<bool> &recomputed :
       enumerateVariants(hoisted, segmentation, range)) {
    // A joined block that keeps the values between its segments is no more than
    // the segments one by one.
    bool dropsCut = false;
    for (int segment = begin; segment + 1 < end; ++segment)
      dropsCut |=
          recomputed[segmentation.segments[segment].end - 1 - range.begin];
    if (end - begin == 1 || dropsCut)
      variants.push_back(
          measureVariant(hoisted, segmentation, range, std::move(recomputed)));
  }
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
RematPlanner::chooseFastest(int64_t peakLimit, int64_t keptLimit) const {
  int count = static_cast<int>(optionsAt.size());
  int64_t keptByAll = 0;
  for (const std::vector<Option> &options : optionsAt)
    keptByAll += options.front().variant->keptBytes;
  std::vector<States> reached(
      count + 1, States(std::min({peakLimit, keptLimit, keptByAll})));
  reached[0].add({0, 0, -1, 0, -1});
  std::vector<std::vector<State>> statesAt(count + 1);
  for (int segment = 0; segment < count; ++segment) {
    statesAt[segment] = reached[segment].list();
    for (size_t i = 0; i < statesAt[segment].size(); ++i) {
      const State state = statesAt[segment][i];
      for (size_t o = 0; o < optionsAt[segment].size(); ++o) {
        const Option &option = optionsAt[segment][o];
        int64_t kept = state.keptBytes + option.variant->keptBytes;
        bool exceeds = kept > keptLimit ||
                       state.keptBytes + option.variant->peakBytes > peakLimit;
        if (exceeds || needs[option.end] > peakLimit - kept)
          continue;
        reached[option.end].add({kept, state.extraNs + option.variant->extraNs,
                                 static_cast<int>(i), o, segment});
      }
    }
  }
  statesAt[count] = reached[count].list();
  if (statesAt[count].empty())
    return std::nullopt;
  Choice choice;
  for (State state = statesAt[count].back(); state.segment >= 0;
       state = statesAt[state.segment][state.previousState])
    choice.push_back(optionsAt[state.segment][state.option]);
  std::reverse(choice.begin(), choice.end());
  return choice;
}

Schedule RematPlanner::apply(const std::vector<PlannedBlock> &blocks,
                             const Schedule &order) const {
  std::vector<bool> recompute(order.steps.size(), false);
  std::vector<std::vector<bool>> outer;
  for (const PlannedBlock &block : blocks) {
    const BlockVariant &variant = block.variant;
    std::copy(variant.recomputed.begin(), variant.recomputed.end(),
              recompute.begin() + block.range.begin);
    for (size_t round = 0; round < variant.outer.size(); ++round) {
      if (round == outer.size())
        outer.emplace_back(order.steps.size(), false);
      std::copy(variant.outer[round].begin(), variant.outer[round].end(),
                outer[round].begin() + block.range.begin);
    }
  }
  return rematerializeNested(order, recompute, outer);
}

RematPlan RematPlanner::evaluate(const Choice &choice) const {
  RematPlan plan;
  for (const Option &option : choice)
    plan.blocks.push_back(
        {getRange(option.begin, option.end), option.type, *option.variant});
  int64_t kept = 0;
  for (const Option &option : choice) {
    plan.estimatedPeakBytes =
        std::max(plan.estimatedPeakBytes, kept + option.variant->peakBytes);
    kept += option.variant->keptBytes;
  }
  plan.schedule = apply(plan.blocks, hoisted);
  plan.maxLiveBytes = computeBuffers(plan.schedule).maxLiveBytes();
  plan.costNs = totalCostNs(plan.schedule);
  return plan;
}

/// Hoisting frees operands early but may put scratch where memory is short.
RematPlan RematPlanner::finish(RematPlan plan) const {
  Schedule unhoisted = apply(plan.blocks, schedule);
  int64_t bytes = computeBuffers(unhoisted).maxLiveBytes();
  if (bytes < plan.maxLiveBytes) {
    plan.schedule = std::move(unhoisted);
    plan.maxLiveBytes = bytes;
  }
  return plan;
}

} // namespace neap
