//===- NestedChoice.cpp - Stretches of blocks that run forward again ------===//
//
// Hands the blocks' options to the chain solver (passes/Solvers/Chain.h) and
// turns its stretches into variants with one round of recomputation for each
// level of nesting.
//
//===----------------------------------------------------------------------===//

#include "passes/Remat/BlockMeasure.h"
#include "passes/Remat/RematPlanner.h"

#include <algorithm>
#include <set>

namespace neap {

void RematPlanner::prepareChain() {
  int count = static_cast<int>(optionsAt.size());
  int64_t keepingAll = computeBuffers(hoisted).maxLiveBytes();
  for (int begin = 0; begin < count; ++begin) {
    chain.types.push_back(types.getType(getRange(begin, begin + 1)));
    chain.runs.push_back(measureRuns(begin));
    chain.options.emplace_back();
    for (const Option &option : optionsAt[begin])
      chain.options.back().push_back(
          {option.end - option.begin, option.variant->keptBytes,
           option.variant->extraNs, measureLastRun(option),
           option.variant->peakBytes});
  }
  // Twice what single recomputation needs leaves nothing to gain by nesting.
  nestingLimit = std::min(2 * needs[0], keepingAll);
  nesting.emplace(chain, nestingLimit);
}

/// Steps of a stretch that run again when the backward part enters it; what
/// later blocks read is kept for them.
std::vector<bool> RematPlanner::chooseOuter(int begin, int end) const {
  StepRange range = getRange(begin, end);
  std::vector<bool> chosen;
  for (int s = range.begin; s < range.end; ++s) {
    const ValueList &results = hoisted.steps[s].results;
    chosen.push_back(hoisted.steps[s].recomputable &&
                     std::none_of(results.begin(), results.end(), [&](int v) {
                       return segmentation.lastForwardUses[v] >= range.end;
                     }));
  }
  return chosen;
}

/// Of stretches that begin with this segment, by their number of segments.
std::vector<ChainRun> RematPlanner::measureRuns(int begin) const {
  std::vector<ChainRun> runs;
  int64_t ns = 0;
  // Values that steps after the ones seen so far read, by their last reader.
  std::multiset<std::pair<int, int64_t>> leaving;
  for (int end = begin + 1; end <= static_cast<int>(optionsAt.size()); ++end) {
    StepRange last = getRange(end - 1, end);
    int64_t kept = 0;
    for (int s = last.begin; s < last.end; ++s) {
      ns += hoisted.steps[s].recomputable ? hoisted.steps[s].costNs : 0;
      for (int v : hoisted.steps[s].results)
        leaving.insert(
            {segmentation.lastForwardUses[v], hoisted.values[v].bytes});
    }
    for (auto value = leaving.lower_bound({last.end, 0});
         value != leaving.end(); ++value)
      kept += value->second;
    runs.push_back({kept, ns});
  }
  return runs;
}

/// Time of the option's forward run where nothing later reads its results: of
/// the steps that make what it keeps.
int64_t RematPlanner::measureLastRun(const Option &option) const {
  StepRange range = getRange(option.begin, option.end);
  std::vector<bool> outer = chooseOuter(option.begin, option.end);
  // Values that the forward run and the second runs of steps have to make.
  std::set<int> forRun, forSecond;
  int64_t ns = 0;
  for (int s = range.end; s-- > range.begin;) {
    const ScheduleStep &step = hoisted.steps[s];
    auto isIn = [&](const std::set<int> &values) {
      return std::any_of(step.results.begin(), step.results.end(),
                         [&](int v) { return values.count(v) > 0; });
    };
    bool read =
        isIn(forSecond) ||
        std::any_of(step.results.begin(), step.results.end(),
                    [&](int v) { return segmentation.readByBackward[v]; });
    bool again = option.variant->recomputed[s - range.begin];
    if (read && again)
      forSecond.insert(step.operands.begin(), step.operands.end());
    if (!outer[s - range.begin] || !(isIn(forRun) || (read && !again)))
      continue;
    ns += step.costNs;
    forRun.insert(step.operands.begin(), step.operands.end());
  }
  return ns;
}

void RematPlanner::fillRounds(const ChainPiece &piece, int offset,
                              BlockVariant &variant) {
  int begin = getRange(piece.begin, piece.end).begin - offset;
  if (piece.option >= 0) {
    const BlockVariant &leaf = *optionsAt[piece.begin][piece.option].variant;
    std::copy(leaf.recomputed.begin(), leaf.recomputed.end(),
              variant.recomputed.begin() + begin);
    return;
  }
  std::vector<bool> chosen = chooseOuter(piece.begin, piece.end);
  std::copy(chosen.begin(), chosen.end(),
            variant.outer[piece.depth() - 1].begin() + begin);
  for (const ChainPiece &inside : piece.inside)
    fillRounds(inside, offset, variant);
}

RematPlanner::Option RematPlanner::makeStretch(const ChainPiece &stretch) {
  StepRange range = getRange(stretch.begin, stretch.end);
  std::vector<bool> none(range.end - range.begin, false);
  BlockVariant variant;
  variant.recomputed = none;
  variant.outer.assign(stretch.depth(), none);
  fillRounds(stretch, range.begin, variant);
  int type = types.getType(range);
  auto [entry, isNew] = stretches.try_emplace(
      std::tuple(type, variant.recomputed, variant.outer));
  if (isNew)
    entry->second =
        measureVariant(hoisted, segmentation, range,
                       std::move(variant.recomputed), std::move(variant.outer));
  return {stretch.begin, stretch.end, type, &entry->second};
}

int64_t RematPlanner::boundNested(int64_t bytes) {
  if (bytes > nestingLimit)
    return 0;
  if (!nestingBound)
    nestingBound.emplace(chain, nestingLimit, ChainSolver::Rounding::Down);
  std::optional<ChainSolution> solution = nestingBound->solve(bytes);
  return solution ? solution->extraNs : 0;
}

std::optional<RematPlanner::Choice>
RematPlanner::chooseNested(int64_t peakLimit) {
  std::optional<ChainSolution> solution = nesting->solve(peakLimit);
  if (!solution)
    return std::nullopt;
  Choice choice;
  for (const ChainPiece &piece : solution->pieces)
    choice.push_back(piece.option >= 0 ? optionsAt[piece.begin][piece.option]
                                       : makeStretch(piece));
  return choice;
}

} // namespace neap
