//===- ScheduleBound.cpp - Minimum cuts at the first run of a step --------===//
//
// Nodes of the cut for the time, true on the source's side:
//   need(v): v is read after the first run of the candidate;  run(s): s runs
//   after it.
// Edges (cost when the left side is true and the right side false):
//   source -> need(v)   infinite  a step that can only run after reads v
//   need(v) -> run(s)   bytes(v)  s makes v: its bytes are alive instead
//   run(s) -> need(v)   infinite  s reads v
//   run(s) -> sink      time(s)   0 unless s must have run before already
// Bytes count at a price. Capacities are whole units of time, rounded down, so
// that the cut never exceeds the true cost.
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

int64_t sumBytes(const Schedule &schedule, const std::vector<bool> &values) {
  int64_t bytes = 0;
  for (size_t v = 0; v < values.size(); ++v)
    if (values[v])
      bytes += schedule.values[v].bytes;
  return bytes;
}

} // namespace

/// What must or may run after the first run of one step.
class ScheduleBound::TimeCut {
public:
  TimeCut(const ScheduleBound &bound, int step, Price price)
      : schedule(bound.schedule), precedence(bound.precedence), step(step),
        price(price), alive(precedence.findAlive(step)) {
    // No flow may look infinite.
    Wide most = bound.totalBytes * price.ns / price.bytes + bound.totalNs;
    while (most / unitNs >= MaxFlow::infinite)
      unitNs *= 2;
    for (int s = 0; s < schedule.size(); ++s)
      if (precedence.mustPrecede(step, s))
        for (int operand : schedule.steps[s].operands)
          if (int need = getNeedNode(operand); need >= 0)
            network.addArc(sourceVertex, need, MaxFlow::infinite);
  }

  Choice solve() {
    network.run(sourceVertex, sinkVertex);
    Choice choice;
    for (auto [s, node] : runNodes)
      if (network.onSourceSide(node)) {
        choice.extraNs += getTime(s);
        choice.costNs += unitNs * getTimeUnits(s);
      }
    for (auto [v, node] : needNodes) {
      auto run = runNodes.find(schedule.values[v].producer);
      if (network.onSourceSide(node) &&
          (run == runNodes.end() || !network.onSourceSide(run->second))) {
        choice.keptBytes += getBytes(v);
        choice.costNs += unitNs * getPriceUnits(v);
      }
    }
    return choice;
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
    network.addArc(need, instead, getPriceUnits(value));
    return need;
  }

  int getRunNode(int s) {
    auto [entry, isNew] = runNodes.try_emplace(s, -1);
    if (!isNew)
      return entry->second;
    int run = entry->second = network.addVertex();
    network.addArc(run, sinkVertex, getTimeUnits(s));
    for (int operand : schedule.steps[s].operands)
      if (int need = getNeedNode(operand); need >= 0)
        network.addArc(run, need, MaxFlow::infinite);
    return run;
  }

  int64_t getTime(int s) const {
    return precedence.mustPrecede(s, step) ? schedule.steps[s].costNs : 0;
  }
  int64_t getTimeUnits(int s) const {
    return price.countsTime ? static_cast<int64_t>(getTime(s) / unitNs) : 0;
  }
  int64_t getBytes(int value) const { return schedule.values[value].bytes; }
  int64_t getPriceUnits(int value) const {
    return static_cast<int64_t>(Wide(getBytes(value)) * price.ns / price.bytes /
                                unitNs);
  }

  const Schedule &schedule;
  const Precedence &precedence;
  int step;
  Price price;
  Wide unitNs = 1;
  std::vector<bool> alive;
  MaxFlow network{2};
  std::map<int, int> needNodes, runNodes; // by value, by step
};

ScheduleBound::ScheduleBound(const Schedule &schedule)
    : schedule(schedule), precedence(schedule) {
  for (const ScheduleValue &value : schedule.values)
    totalBytes += value.bytes;
  for (const ScheduleStep &step : schedule.steps)
    totalNs += step.costNs;
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
    best.extraNs = TimeBound::noSchedule;
    return best;
  }
  for (Candidate &candidate : candidates)
    raise(candidate, budgetBytes, best);
  return best;
}

ScheduleBound::Choice ScheduleBound::cut(const Candidate &candidate,
                                         Price price) const {
  return TimeCut(*this, candidate.step, price).solve();
}

/// The price at which the cheapest of the known choices is dearest, and what it
/// costs there.
struct ScheduleBound::Meeting {
  double ns;
  Price price;

  double getNsPerByte() const {
    return static_cast<double>(price.ns) / static_cast<double>(price.bytes);
  }
  bool isBefore(const Meeting &other) const {
    // Where the cost stays the same as the price rises, at the last price.
    return ns < other.ns ||
           (ns == other.ns && getNsPerByte() > other.getNsPerByte());
  }
};

/// At the price p, a choice costs time + p * (kept - slack): a line that falls
/// if the choice fits. The cheapest choice is dearest where a falling and a
/// rising line meet.
ScheduleBound::Meeting
ScheduleBound::findMeeting(const std::vector<Choice> &choices,
                           int64_t slackBytes) {
  Meeting lowest = {static_cast<double>(TimeBound::noSchedule), {0, 1}};
  auto offer = [&](const Meeting &meeting) {
    if (meeting.isBefore(lowest))
      lowest = meeting;
  };
  for (const Choice &fits : choices) {
    if (fits.keptBytes > slackBytes)
      continue;
    auto fitsNs = static_cast<double>(fits.extraNs);
    offer({fitsNs, {0, 1}});
    for (const Choice &exceeds : choices) {
      if (exceeds.keptBytes <= slackBytes || exceeds.extraNs >= fits.extraNs)
        continue;
      Meeting meeting = {
          fitsNs,
          {fits.extraNs - exceeds.extraNs, exceeds.keptBytes - fits.keptBytes}};
      meeting.ns -= meeting.getNsPerByte() *
                    static_cast<double>(slackBytes - fits.keptBytes);
      offer(meeting);
    }
  }
  return lowest;
}

/// The minimum over all choices at any price is a bound. It is concave in the
/// price: lines are added where the best ones known meet, until they are exact
/// there.
void ScheduleBound::raise(Candidate &candidate, int64_t budgetBytes,
                          TimeBound &best) {
  constexpr Price nothing = {0, 1}, bytesAlone = {1, 1, false};
  int64_t slack = budgetBytes - candidate.demandBytes;
  std::vector<Choice> &choices = candidate.choices;
  if (choices.empty())
    choices = {cut(candidate, nothing), cut(candidate, bytesAlone)};
  // The second keeps as little as any choice can.
  if (choices[1].keptBytes > slack)
    best = {TimeBound::noSchedule, 0};
  for (int i = 0; i < maxCuts; ++i) {
    Meeting meeting = findMeeting(choices, slack);
    if (meeting.ns <= static_cast<double>(best.extraNs))
      return; // the exact value at this price is even smaller
    Price price = meeting.price;
    Choice found = cut(candidate, price);
    Wide priceOfSlack =
        (Wide(slack) * price.ns + price.bytes - 1) / price.bytes;
    Wide exact = found.costNs - priceOfSlack;
    if (exact > best.extraNs) {
      best.extraNs = static_cast<int64_t>(exact);
      best.nsPerMiB = static_cast<int64_t>(
          std::min<Wide>((Wide(price.ns) << 20) / price.bytes, INT64_MAX));
    }
    bool isKnown =
        std::any_of(choices.begin(), choices.end(), [&](const Choice &choice) {
          return choice.keptBytes == found.keptBytes &&
                 choice.extraNs == found.extraNs;
        });
    if (isKnown || static_cast<double>(exact) >= meeting.ns)
      return;
    choices.push_back(found);
  }
}

} // namespace neap
