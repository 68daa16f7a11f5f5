//===- ScheduleBound.cpp - Minimum cuts through the first run of a step
//------===//
//
// Nodes of the cut for the time, true on the source's side:
//   need(v): v is read after the first run of the candidate;  run(s): s runs
//   after it.
// Edges (cost when the left side is true and the right side false):
//   source -> need(v)   infinite  a step that can only run after reads v
//   need(v) -> run(s)   bytes(v)  s makes v: its bytes are alive instead
//   run(s) -> need(v)   infinite  s reads v
//   run(s) -> sink      time(s)   0 unless s must have run before already
//
//===----------------------------------------------------------------------===//

#include "passes/Remat/ScheduleBound.h"

#include "passes/Solvers/MaxFlow.h"

#include <algorithm>
#include <map>

namespace neap {
namespace {

constexpr int sourceVertex = 0, sinkVertex = 1;

/// Cuts for one candidate and budget; the bound is a maximum over few lines, so
/// that this is hardly ever reached.
constexpr int maxCuts = 24;

constexpr double bytesPerMiB = 1 << 20;

/// What must or may run after the first run of one step.
class TimeCut {
public:
  TimeCut(const Schedule &schedule, const Precedence &precedence, int step,
          double nsPerByte)
      : schedule(schedule), precedence(precedence), step(step),
        nsPerByte(nsPerByte), alive(precedence.findAlive(step)) {
    for (int s = 0; s < schedule.size(); ++s)
      if (precedence.mustPrecede(step, s))
        for (int operand : schedule.steps[s].operands)
          if (int need = getNeedNode(operand); need >= 0)
            network.addArc(sourceVertex, need, MaxFlow::infinite);
  }

  void solve(int64_t &keptBytes, int64_t &extraNs, int64_t &costNs) {
    network.run(sourceVertex, sinkVertex);
    for (auto [s, node] : runNodes)
      if (network.onSourceSide(node)) {
        extraNs += getTime(s);
        costNs += getTime(s);
      }
    for (auto [v, node] : needNodes) {
      auto run = runNodes.find(schedule.values[v].producer);
      if (network.onSourceSide(node) &&
          (run == runNodes.end() || !network.onSourceSide(run->second))) {
        keptBytes += getBytes(v);
        costNs += getPrice(v);
      }
    }
  }

private:
  /// -1 for what costs nothing to keep.
  int getNeedNode(int operand) {
    int value = precedence.getViewed(operand);
    int producer = schedule.values[value].producer;
    if (producer < 0 || producer == step || alive[value] ||
        precedence.mustPrecede(step, producer))
      return -1;
    auto [entry, isNew] = needNodes.try_emplace(value, -1);
    if (!isNew)
      return entry->second;
    int need = entry->second = network.addVertex();
    bool ranBefore = precedence.mustPrecede(producer, step);
    int instead = ranBefore && !precedence.mayRunAgain(producer)
                      ? sinkVertex
                      : getRunNode(producer);
    network.addArc(need, instead, getPrice(value));
    return need;
  }

  int getRunNode(int s) {
    auto [entry, isNew] = runNodes.try_emplace(s, -1);
    if (!isNew)
      return entry->second;
    int run = entry->second = network.addVertex();
    network.addArc(run, sinkVertex, getTime(s));
    for (int operand : schedule.steps[s].operands)
      if (int need = getNeedNode(operand); need >= 0)
        network.addArc(run, need, MaxFlow::infinite);
    return run;
  }

  int64_t getTime(int s) const {
    return precedence.mustPrecede(s, step) ? schedule.steps[s].costNs : 0;
  }
  int64_t getBytes(int value) const { return schedule.values[value].bytes; }
  int64_t getPrice(int value) const {
    return static_cast<int64_t>(static_cast<double>(getBytes(value)) *
                                nsPerByte);
  }

  const Schedule &schedule;
  const Precedence &precedence;
  int step;
  double nsPerByte;
  std::vector<bool> alive;
  MaxFlow network{2};
  std::map<int, int> needNodes, runNodes; // by value, by step
};

int64_t sumBytes(const Schedule &schedule, const std::vector<bool> &values) {
  int64_t bytes = 0;
  for (size_t v = 0; v < values.size(); ++v)
    if (values[v])
      bytes += schedule.values[v].bytes;
  return bytes;
}

} // namespace

ScheduleBound::ScheduleBound(const Schedule &schedule)
    : schedule(schedule), precedence(schedule) {
  for (int s = 0; s < schedule.size(); ++s) {
    int64_t demand =
        precedence.getOwnBytes(s) + sumBytes(schedule, precedence.findAlive(s));
    peakBound = std::max(peakBound, demand);
    // The later the step, the less is left to run after it: only a greater
    // demand makes up for that.
    if (s + 1 >= schedule.forwardEnd &&
        (candidates.empty() || demand > candidates.back().demandBytes))
      candidates.push_back({s, demand, {}});
  }
}

TimeBound ScheduleBound::boundTime(int64_t budgetBytes) {
  TimeBound best;
  if (budgetBytes < peakBound) {
    best.extraNs = INT64_MAX;
    return best;
  }
  for (Candidate &candidate : candidates)
    raise(candidate, budgetBytes, best);
  return best;
}

ScheduleBound::Choice ScheduleBound::cut(const Candidate &candidate,
                                         double nsPerByte) const {
  Choice choice;
  TimeCut(schedule, precedence, candidate.step, nsPerByte)
      .solve(choice.keptBytes, choice.extraNs, choice.costNs);
  return choice;
}

/// Every price p bounds the time by min over choices (time + p * (kept -
/// slack)), which is concave in p: lines are added where the best ones known
/// meet, until they are exact there.
void ScheduleBound::raise(Candidate &candidate, int64_t budgetBytes,
                          TimeBound &best) {
  auto slack = static_cast<double>(budgetBytes - candidate.demandBytes);
  std::vector<Choice> &choices = candidate.choices;
  if (choices.empty()) {
    choices.push_back(cut(candidate, 0));
    choices.push_back(cut(candidate, 1e6));
  }
  for (int i = 0; i < maxCuts; ++i) {
    // The fewest bytes too many and the most bytes that fit.
    const Choice *above = nullptr, *below = nullptr;
    for (const Choice &choice : choices) {
      const Choice *&nearest =
          static_cast<double>(choice.keptBytes) > slack ? above : below;
      if (!nearest ||
          (&nearest == &above ? choice.keptBytes < nearest->keptBytes
                              : choice.keptBytes > nearest->keptBytes))
        nearest = &choice;
    }
    if (!above)
      return; // the budget does not bind here
    if (!below) {
      best.extraNs = INT64_MAX;
      return;
    }
    double nsPerByte = static_cast<double>(below->extraNs - above->extraNs) /
                       static_cast<double>(above->keptBytes - below->keptBytes);
    double bound = static_cast<double>(above->extraNs) +
                   nsPerByte * (static_cast<double>(above->keptBytes) - slack);
    if (bound <= static_cast<double>(best.extraNs))
      return; // the exact value at this price is even smaller
    Choice found = cut(candidate, nsPerByte);
    double exact = static_cast<double>(found.costNs) - nsPerByte * slack;
    bool isExact =
        std::any_of(choices.begin(), choices.end(), [&](const Choice &choice) {
          return choice.keptBytes == found.keptBytes &&
                 choice.extraNs == found.extraNs;
        });
    if (exact > static_cast<double>(best.extraNs)) {
      best.extraNs = static_cast<int64_t>(exact);
      best.nsPerMiB = static_cast<int64_t>(nsPerByte * bytesPerMiB);
    }
    if (isExact || exact >= bound)
      return;
    choices.push_back(found);
  }
}

} // namespace neap
