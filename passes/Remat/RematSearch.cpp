//===- RematSearch.cpp - Searches plans by measuring them -----------------===//

#include "passes/Remat/RematPlanner.h"

#include <algorithm>
#include <tuple>

namespace neap {
namespace {

/// Estimated peaks tried between the smallest and somewhat above the budget.
constexpr int sweepSteps = 12;

/// Halvings of the step between the last that fits and the next.
constexpr int bisections = 8;

/// Bound on the time that one search for single changes spends, in steps
/// walked.
constexpr int64_t searchWork = 1'000'000;

constexpr int64_t unlimited = INT64_MAX;

} // namespace

/// Smaller is better: first the bytes above the budget, then the time, then the
/// bytes. Plans that are too slow are worse than all others.
RematPlanner::Judgement RematPlanner::judge(const RematPlan &plan,
                                            int64_t budgetBytes) const {
  return {plan.costNs > maxCostNs,
          std::max<int64_t>(plan.maxLiveBytes - budgetBytes, 0), plan.costNs,
          plan.maxLiveBytes};
}

/// The estimate is not the measure: tries choices that it holds to be somewhat
/// below and above the budget, and improves the best of them by single changes.
RematPlanner::Candidate RematPlanner::search(int64_t budgetBytes) {
  Candidate best = makeCandidate(chooseKeepingAll());
  auto aboveBudget = [&](int64_t low) {
    return std::max(budgetBytes + budgetBytes / 4, low + low / 4);
  };
  sweepLimits(best, budgetBytes, needs[0], aboveBudget(needs[0]),
              [&](int64_t limit) { return chooseFastest(limit, unlimited); });
  // Estimated peaks add up what may not coincide; kept bytes are more reliable.
  int64_t keptByAll = 0;
  for (const std::vector<Option> &options : optionsAt)
    keptByAll += options.front().variant->keptBytes;
  sweepLimits(best, budgetBytes, 0, keptByAll,
              [&](int64_t limit) { return chooseFastest(unlimited, limit); });
  if (std::optional<int64_t> lowest =
          nesting->getSmallestLimit(maxCostNs - totalCostNs(schedule)))
    sweepLimits(best, budgetBytes, *lowest,
                std::min(aboveBudget(*lowest), nestingLimit),
                [&](int64_t limit) { return chooseNested(limit); });
  int64_t evaluations = searchWork / (hoisted.size() + 1);
  while (improveOnce(best, budgetBytes, evaluations))
    continue;
  return best;
}

/// Tries limits from `low` to `high`; then closes in on the largest one that
/// gives a plan within the budget.
void RematPlanner::sweepLimits(
    Candidate &best, int64_t budgetBytes, int64_t low, int64_t high,
    llvm::function_ref<std::optional<Choice>(int64_t)> choose) const {
  // True if the plan is within the budget.
  auto consider = [&](int64_t limit) {
    std::optional<Choice> choice = choose(limit);
    if (!choice)
      return true;
    Candidate candidate = makeCandidate(std::move(*choice));
    bool fits = candidate.plan.maxLiveBytes <= budgetBytes;
    if (judge(candidate.plan, budgetBytes) < judge(best.plan, budgetBytes))
      best = std::move(candidate);
    return fits;
  };
  int64_t fitting = low, exceeding = low;
  for (int i = 0; i <= sweepSteps; ++i) {
    int64_t limit = low + (high - low) / sweepSteps * i;
    if (consider(limit))
      fitting = limit;
    else if (exceeding <= fitting)
      exceeding = limit;
  }
  for (int i = 0; i < bisections && fitting < exceeding; ++i) {
    int64_t limit = fitting + (exceeding - fitting) / 2;
    (consider(limit) ? fitting : exceeding) = limit;
  }
}

/// Replaces one block's option, or a stretch of blocks by another cover of the
/// same segments with one block; false when nothing helps.
bool RematPlanner::improveOnce(Candidate &best, int64_t budgetBytes,
                               int64_t &evaluations) const {
  bool improved = false;
  for (size_t position = 0; position < best.choice.size(); ++position)
    for (const Option &option : optionsAt[best.choice[position].begin]) {
      if (option.variant == best.choice[position].variant ||
          !mayImprove(best, position, option, budgetBytes))
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

/// By the estimates: what fits must become faster, what does not must keep less
/// or have a lower peak than some block that the option replaces.
bool RematPlanner::mayImprove(const Candidate &best, size_t position,
                              const Option &option, int64_t budgetBytes) {
  int64_t keptBytes = 0, extraNs = 0, peakBytes = 0;
  for (size_t i = position;
       i < best.choice.size() && best.choice[i].begin < option.end; ++i) {
    const BlockVariant &replaced = *best.choice[i].variant;
    peakBytes = std::max(peakBytes, keptBytes + replaced.peakBytes);
    keptBytes += replaced.keptBytes;
    extraNs += replaced.extraNs;
  }
  if (best.plan.maxLiveBytes <= budgetBytes)
    return option.variant->extraNs < extraNs;
  return option.variant->keptBytes < keptBytes ||
         option.variant->peakBytes < peakBytes;
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

RematPlan RematPlanner::planKeepingAll() {
  return finish(evaluate(chooseKeepingAll()));
}

RematPlan RematPlanner::planSmallest() {
  if (smallest)
    return *smallest;
  // No plan meets a budget of nothing: the search brings the excess down.
  Candidate lowest = search(0);
  // The fastest plan with that peak.
  Candidate fastest = search(lowest.plan.maxLiveBytes);
  if (fastest.plan.maxLiveBytes <= lowest.plan.maxLiveBytes)
    lowest = std::move(fastest);
  smallest = finish(std::move(lowest.plan));
  return *smallest;
}

std::optional<RematPlan> RematPlanner::planFastest(int64_t budgetBytes) {
  RematPlan plan = planKeepingAll();
  if (plan.maxLiveBytes <= budgetBytes)
    return plan;
  Candidate found = search(budgetBytes);
  plan = finish(std::move(found.plan));
  RematPlan lowest = planSmallest();
  if (judge(lowest, budgetBytes) < judge(plan, budgetBytes))
    plan = std::move(lowest);
  if (plan.maxLiveBytes <= budgetBytes)
    return plan;
  return std::nullopt;
}

} // namespace neap
