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

namespace neap {
namespace {

constexpr int sourceVertex = 0, sinkVertex = 1;

/// Prices go from a nanosecond per MiB (cheaper than any memory) to about an
/// hour.
constexpr int64_t highestPrice = int64_t{1} << 42;

class BlockNetwork {
public:
  BlockNetwork(const Schedule &schedule, const Segmentation &segmentation,
               StepRange block, int64_t nsPerMiB)
      : schedule(schedule), segmentation(segmentation), block(block),
        nsPerMiB(nsPerMiB) {}

  std::vector<bool> solve() {
    for (int s = block.begin; s < block.end; ++s)
      runNodes.push_back(network.addVertex());
    for (int s = block.begin; s < block.end; ++s)
      addStep(s);
    network.run(sourceVertex, sinkVertex);
    std::vector<bool> chosen;
    for (int node : runNodes)
      chosen.push_back(network.onSourceSide(node));
    return chosen;
  }

private:
  void addStep(int s) {
    const ScheduleStep &step = schedule.steps[s];
    int run = runNodes[s - block.begin];
    network.addArc(run, sinkVertex,
                   step.recomputable ? std::max<int64_t>(step.costNs, 1)
                                     : MaxFlow::infinite);
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

  /// Kept whatever this block chooses.
  bool isFree(int value) const {
    return segmentation.isSideInput[value] ||
           schedule.values[value].producer == ScheduleValue::programInput ||
           segmentation.lastForwardUses[value] >= block.end;
  }

  /// In nanoseconds; a price above any sum of run times acts as infinite.
  int64_t getPrice(int value) const {
    double price = static_cast<double>(schedule.values[value].bytes) *
                   static_cast<double>(nsPerMiB) / (1 << 20);
    constexpr double highest = MaxFlow::infinite >> 20;
    return static_cast<int64_t>(std::min(price, highest));
  }

  const Schedule &schedule;
  const Segmentation &segmentation;
  StepRange block;
  int64_t nsPerMiB;
  MaxFlow network{2};
  std::vector<int> runNodes;
  std::map<int, int> needNodes;
};

} // namespace

std::vector<bool> chooseRecomputedSteps(const Schedule &schedule,
                                        const Segmentation &segmentation,
                                        StepRange block, int64_t nsPerMiB) {
  return BlockNetwork(schedule, segmentation, block, nsPerMiB).solve();
}

std::vector<bool> keepLeast(const Schedule &schedule,
                            const Segmentation &segmentation, StepRange block) {
  return chooseRecomputedSteps(schedule, segmentation, block, highestPrice);
}

std::vector<std::vector<bool>>
enumerateVariants(const Schedule &schedule, const Segmentation &segmentation,
                  StepRange block) {
  std::vector<std::vector<bool>> variants = {
      std::vector<bool>(block.end - block.begin, false)};
  for (int64_t nsPerMiB = 1; nsPerMiB <= highestPrice; nsPerMiB *= 2) {
    std::vector<bool> chosen =
        chooseRecomputedSteps(schedule, segmentation, block, nsPerMiB);
    if (std::find(variants.begin(), variants.end(), chosen) == variants.end())
      variants.push_back(std::move(chosen));
  }
  return variants;
}

} // namespace neap
