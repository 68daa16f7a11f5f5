//===- RematSearch.cpp - Searches plans by measuring them -----------------===//

#include "passes/Remat/RematPlanner.h"

#include <algorithm>
#include <tuple>

namespace neap {
namespace {

/// Estimated peaks tried between the smallest and somewhat above the budget.
constexpr int sweepSteps = 24;
constexpr int regularSteps = 8;

/// Bound on the time that one search for single changes spends, in steps
/// walked.
constexpr int64_t searchWork = 1'000'000;

/// Code that does not grow with the number of blocks is worth 1/16 of the
/// smallest peak, and 1/50 of the time.
constexpr int64_t regularPeakShare = 16, regularCostShare = 50;

/// Types that appear less often are not worth a uniform treatment.
constexpr int repeatedAppearances = 3;

constexpr int64_t unlimited = INT64_MAX;

} // namespace

/// Smaller is better: first the bytes above the budget, then the time, then the
/// bytes.
static std::tuple<int64_t, int64_t, int64_t> judge(const RematPlan &plan,
                                                   int64_t budgetBytes) {
  return {std::max<int64_t>(plan.maxLiveBytes - budgetBytes, 0), plan.costNs,
          plan.maxLiveBytes};
}

/// The estimate is not the measure: tries choices that it holds to be somewhat
/// below and above the budget, and improves the best of them by single changes.
RematPlanner::Candidate RematPlanner::search(int64_t budgetBytes) const {
  Candidate best = makeCandidate(chooseKeepingAll());
  auto consider = [&](int64_t peakLimit, int64_t keptLimit) {
    std::optional<Choice> choice = chooseFastest(peakLimit, keptLimit);
    if (!choice)
      return;
    Candidate candidate = makeCandidate(std::move(*choice));
    if (judge(candidate.plan, budgetBytes) < judge(best.plan, budgetBytes))
      best = std::move(candidate);
  };
  int64_t low = needs[0];
  int64_t high = std::max(budgetBytes + budgetBytes / 4, low + low / 4);
  for (int i = 0; i <= sweepSteps; ++i)
    consider(low + (high - low) / sweepSteps * i, unlimited);
  // Estimated peaks add up what may not coincide; kept bytes are more reliable.
  int64_t keptByAll = 0;
  for (const std::vector<Option> &options : optionsAt)
    keptByAll += options.front().variant->keptBytes;
  for (int i = 0; i <= sweepSteps; ++i)
    consider(unlimited, keptByAll / sweepSteps * i);
  int64_t evaluations = searchWork / (hoisted.size() + 1);
  while (improveOnce(best, budgetBytes, evaluations))
    continue;
  return best;
}

/// Replaces one block's option, or a stretch of blocks by another cover of the
/// same segments with one block; false when nothing helps.
bool RematPlanner::improveOnce(Candidate &best, int64_t budgetBytes,
                               int64_t &evaluations) const {
  bool improved = false;
  for (size_t position = 0; position < best.choice.size(); ++position)
    for (const Option &option : optionsAt[best.choice[position].begin]) {
      if (option.variant == best.choice[position].variant)
        continue;
      if (evaluations-- <= 0)
        return false;
      Candidate candidate =
          makeCandidate(replaceBlock(best.choice, position, option));
      if (judge(candidate.plan, budgetBytes) >= judge(best.plan, budgetBytes))
        continue;
      best = std::move(candidate);
      improved = true;
    }
  return improved;
}

/// The blocks that the option covers go; what it does not reach of the last one
/// is kept segment by segment.
RematPlanner::Choice RematPlanner::replaceBlock(const Choice &choice,
                                                size_t position,
                                                const Option &option) const {
  Choice changed(choice.begin(), choice.begin() + position);
  changed.push_back(option);
  size_t rest = position;
  while (rest < choice.size() && choice[rest].end <= option.end)
    ++rest;
  if (rest < choice.size() && choice[rest].begin < option.end) {
    for (int segment = option.end; segment < choice[rest].end; ++segment)
      changed.push_back(optionsAt[segment].front());
    ++rest;
  }
  changed.insert(changed.end(), choice.begin() + rest, choice.end());
  return changed;
}

/// The variants of a choice, the least used first.
static std::vector<const BlockVariant *>
listVariants(const std::vector<const BlockVariant *> &used) {
  std::vector<const BlockVariant *> variants; // in order of appearance
  for (const BlockVariant *variant : used)
    if (std::find(variants.begin(), variants.end(), variant) == variants.end())
      variants.push_back(variant);
  std::vector<std::pair<int64_t, size_t>> order;
  for (size_t v = 0; v < variants.size(); ++v)
    order.push_back({std::count(used.begin(), used.end(), variants[v]), v});
  std::sort(order.begin(), order.end());
  std::vector<const BlockVariant *> sorted;
  for (auto [uses, v] : order)
    sorted.push_back(variants[v]);
  return sorted;
}

std::vector<const BlockVariant *>
RematPlanner::listUsedVariants(const Choice &choice) {
  std::vector<const BlockVariant *> used;
  for (const Option &option : choice)
    used.push_back(option.variant);
  return listVariants(used);
}

/// Drops variants one by one as long as the limits hold: each one that is gone
/// is one function less in the trainer, because equal blocks share their code.
void RematPlanner::regularize(Candidate &best, int64_t peakLimit,
                              int64_t costLimit) const {
  if (std::optional<Candidate> uniform = findUniform(peakLimit, costLimit))
    if (listUsedVariants(uniform->choice).size() <
        listUsedVariants(best.choice).size())
      best = std::move(*uniform);
  std::vector<const BlockVariant *> needed; // could not be dropped
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<const BlockVariant *> used = listUsedVariants(best.choice);
    for (const BlockVariant *variant : used) {
      if (std::find(needed.begin(), needed.end(), variant) != needed.end())
        continue;
      VariantSet allowed(used.begin(), used.end());
      allowed.erase(variant);
      std::optional<Candidate> fewer =
          findWithVariants(allowed, used.size(), peakLimit, costLimit);
      if (!fewer) {
        needed.push_back(variant);
        continue;
      }
      best = std::move(*fewer);
      changed = true;
      break;
    }
  }
}

/// The choice with the fewest variants, the fastest among equals, in which all
/// blocks of repeated types share one variant or keep everything. Types that
/// appear once or twice (the ends of the model) are free.
std::optional<RematPlanner::Candidate>
RematPlanner::findUniform(int64_t peakLimit, int64_t costLimit) const {
  std::map<int, int> appearances; // by type
  for (const std::vector<Option> &options : optionsAt) {
    std::set<int> typesHere;
    for (const Option &option : options)
      typesHere.insert(option.type);
    for (int type : typesHere)
      ++appearances[type];
  }
  VariantSet rare;
  std::vector<const BlockVariant *> repeated;
  for (const auto &[type, variants] : variantsOf)
    for (const BlockVariant &variant : variants)
      if (appearances[type] < repeatedAppearances)
        rare.insert(&variant);
      else if (variant.countRecomputed() > 0)
        repeated.push_back(&variant);
  std::optional<Candidate> best;
  size_t count = SIZE_MAX;
  for (const BlockVariant *variant : repeated) {
    VariantSet allowed = rare;
    allowed.insert(variant);
    std::optional<Candidate> found =
        findWithVariants(allowed, SIZE_MAX, peakLimit, costLimit);
    if (!found)
      continue;
    size_t used = listUsedVariants(found->choice).size();
    if (best && std::pair(used, found->plan.costNs) >=
                    std::pair(count, best->plan.costNs))
      continue;
    best = std::move(found);
    count = used;
  }
  return best;
}

/// The fastest choice within the limits of fewer than `count` variants, those
/// `allowed` and "keep".
std::optional<RematPlanner::Candidate>
RematPlanner::findWithVariants(const VariantSet &allowed, size_t count,
                               int64_t peakLimit, int64_t costLimit) const {
  std::optional<Candidate> best;
  for (int i = 0; i <= regularSteps; ++i) {
    int64_t limit =
        needs[0] + (peakLimit + peakLimit / 4 - needs[0]) / regularSteps * i;
    std::optional<Choice> choice = chooseFastest(limit, unlimited, &allowed);
    if (!choice || listUsedVariants(*choice).size() >= count)
      continue;
    Candidate candidate = makeCandidate(std::move(*choice));
    if (candidate.plan.maxLiveBytes <= peakLimit &&
        candidate.plan.costNs <= costLimit &&
        (!best || candidate.plan.costNs < best->plan.costNs))
      best = std::move(candidate);
  }
  return best;
}

RematPlan RematPlanner::planKeepingAll() {
  return finish(evaluate(chooseKeepingAll()));
}

RematPlan RematPlanner::planSmallest() {
  if (smallest)
    return *smallest;
  // No plan meets a budget of nothing: the search brings the excess down.
  Candidate lowest = search(0);
  // The fastest plan with that peak, or nearly, and with few variants.
  int64_t limit =
      lowest.plan.maxLiveBytes + lowest.plan.maxLiveBytes / regularPeakShare;
  Candidate fastest = search(lowest.plan.maxLiveBytes);
  if (fastest.plan.maxLiveBytes <= lowest.plan.maxLiveBytes)
    lowest = std::move(fastest);
  regularize(lowest, limit, unlimited);
  smallest = finish(std::move(lowest.plan));
  return *smallest;
}

std::optional<RematPlan> RematPlanner::planFastest(int64_t budgetBytes) {
  RematPlan plan = planKeepingAll();
  if (plan.maxLiveBytes <= budgetBytes)
    return plan;
  Candidate found = search(budgetBytes);
  if (found.plan.maxLiveBytes <= budgetBytes)
    regularize(found, budgetBytes,
               found.plan.costNs + found.plan.costNs / regularCostShare);
  plan = finish(std::move(found.plan));
  RematPlan lowest = planSmallest();
  if (judge(lowest, budgetBytes) < judge(plan, budgetBytes))
    plan = std::move(lowest);
  if (plan.maxLiveBytes <= budgetBytes)
    return plan;
  return std::nullopt;
}

} // namespace neap
