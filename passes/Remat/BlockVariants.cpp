//===- BlockVariants.cpp - Parametric minimum cuts ------------------------===//
//
// Nodes of the cut, true on the source's side:
//   need(v): the backward part can read v;  run(s): step s runs again.
// Edges (cost when the left side is true and the right side false):
//   source -> need(v)   infinite  the backward part reads v
//   need(v) -> run(s)   bytes(v)  s defines v: v is kept instead
//   need(v) -> sink     bytes(v)  v comes from before the block: it is kept
//   run(s) -> need(v)   infinite  s reads v
//   run(s) -> sink      time(s)   infinite unless s is recomputable
//
//===----------------------------------------------------------------------===//

#include "passes/Remat/BlockVariants.h"

#include "passes/Solvers/MaxFlow.h"

#include <algorithm>
#include <functional>

namespace neap {
namespace {

constexpr int sourceVertex = 0, sinkVertex = 1;

/// A byte is dearer than any computation: about an hour for a MiB.
constexpr double highestPrice = 4e6;

/// Cuts that one enumeration may take; hulls have some ten corners.
constexpr int maxCuts = 96;

/// A corner of the hull.
struct Corner {
  std::vector<bool> recomputed;
  int64_t keptBytes = 0, extraNs = 0;
};

class BlockNetwork {
public:
  BlockNetwork(const Schedule &schedule, const Segmentation &segmentation,
               StepRange block, double nsPerByte)
      : schedule(schedule), segmentation(segmentation), block(block),
        nsPerByte(nsPerByte) {}

  Corner solve() {
    for (int s = block.begin; s < block.end; ++s)
      runNodes.push_back(network.addVertex());
    for (int s = block.begin; s < block.end; ++s)
      addStep(s);
    network.run(sourceVertex, sinkVertex);
    Corner corner;
    for (int s = block.begin; s < block.end; ++s) {
      corner.recomputed.push_back(runs(s));
      if (runs(s))
        corner.extraNs += getTime(s);
    }
    for (auto [value, node] : needNodes) {
      int producer = schedule.values[value].producer;
      if (network.onSourceSide(node) &&
          !(producer >= block.begin && runs(producer)))
        corner.keptBytes += schedule.values[value].bytes;
    }
    return corner;
  }

private:
  void addStep(int s) {
    const ScheduleStep &step = schedule.steps[s];
    int run = runNodes[s - block.begin];
    network.addArc(run, sinkVertex,
                   step.recomputable ? getTime(s) : MaxFlow::infinite);
    for (int operand : step.operands)
      if (!isFree(operand))
        network.addArc(run, getNeedNode(operand), MaxFlow::infinite);
    for (int result : step.results)
      if (!isFree(result))
        network.addArc(getNeedNode(result), run, getPrice(result));
  }

  int getNeedNode(int value) {
    auto [entry, isNew] = needNodes.try_emplace(value, -1);
    if (!isNew)
      return entry->second;
    int need = entry->second = network.addVertex();
    if (segmentation.readByBackward[value])
      network.addArc(sourceVertex, need, MaxFlow::infinite);
    if (schedule.values[value].producer < block.begin)
      network.addArc(need, sinkVertex, getPrice(value));
    return need;
  }

  bool runs(int s) const {
    return network.onSourceSide(runNodes[s - block.begin]);
  }

  /// Nothing is free: what gains nothing is not run again.
  int64_t getTime(int s) const {
    return std::max<int64_t>(schedule.steps[s].costNs, 1);
  }

  /// Kept whatever this block chooses.
  bool isFree(int value) const {
    return segmentation.isSideInput[value] ||
           schedule.values[value].producer == ScheduleValue::programInput ||
           segmentation.lastForwardUses[value] >= block.end;
  }

  /// In nanoseconds; a price above any sum of run times acts as infinite.
  int64_t getPrice(int value) const {
    double price =
        static_cast<double>(schedule.values[value].bytes) * nsPerByte;
    constexpr double highest = MaxFlow::infinite >> 20;
    return static_cast<int64_t>(std::min(price, highest));
  }

  const Schedule &schedule;
  const Segmentation &segmentation;
  StepRange block;
  double nsPerByte;
  MaxFlow network{2};
  std::vector<int> runNodes;
  std::map<int, int> needNodes;
};

/// Between two corners lies another one wherever a cut at the price at which
/// both cost the same finds something cheaper.
void addCornersBetween(const Corner &keepsMore, const Corner &keepsLess,
                       const std::function<Corner(double)> &cut, int &cutsLeft,
                       std::vector<Corner> &corners) {
  if (keepsMore.keptBytes <= keepsLess.keptBytes || cutsLeft-- <= 0)
    return;
  double price = static_cast<double>(keepsLess.extraNs - keepsMore.extraNs) /
                 static_cast<double>(keepsMore.keptBytes - keepsLess.keptBytes);
  Corner found = cut(price);
  auto cost = [price](const Corner &corner) {
    return static_cast<double>(corner.extraNs) +
           price * static_cast<double>(corner.keptBytes);
  };
  // Prices are rounded to nanoseconds per value.
  if (cost(found) >= cost(keepsMore) - 1 ||
      found.recomputed == keepsMore.recomputed ||
      found.recomputed == keepsLess.recomputed)
    return;
  addCornersBetween(keepsMore, found, cut, cutsLeft, corners);
  corners.push_back(found);
  addCornersBetween(found, keepsLess, cut, cutsLeft, corners);
}

} // namespace

std::vector<std::vector<bool>>
enumerateVariants(const Schedule &schedule, const Segmentation &segmentation,
                  StepRange block) {
  auto cut = [&](double nsPerByte) {
    return BlockNetwork(schedule, segmentation, block, nsPerByte).solve();
  };
  Corner keepsAll = cut(0), keepsLeast = cut(highestPrice);
  std::vector<Corner> corners = {keepsAll};
  int cutsLeft = maxCuts;
  addCornersBetween(keepsAll, keepsLeast, cut, cutsLeft, corners);
  corners.push_back(keepsLeast);
  std::vector<std::vector<bool>> variants;
  for (Corner &corner : corners)
    if (variants.empty() || corner.recomputed != variants.back())
      variants.push_back(std::move(corner.recomputed));
  return variants;
}

} // namespace neap
