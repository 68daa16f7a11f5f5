// Recomputation: schedules, minimum cuts and the planner against brute force.
#include "PlanTesting.h"

#include "passes/Analysis/Extraction.h"
#include "passes/Remat/BlockVariants.h"
#include "passes/Remat/RematPlanner.h"
#include "passes/Remat/Rematerialize.h"
#include "passes/Solvers/MaxFlow.h"

#include <random>
#include <set>

using namespace mlir;
using namespace neap;
using namespace neap::test;

namespace {

/// One step with one result of `bytes`.
void addStep(Schedule &schedule, ValueList operands, int64_t bytes,
             int64_t costNs, bool effects = false) {
  ScheduleStep step;
  step.origin = schedule.size();
  step.operands = std::move(operands);
  step.differentiable.assign(step.operands.size(), true);
  step.costNs = costNs;
  step.recomputable = !effects;
  step.hasEffects = effects;
  if (bytes > 0) {
    step.results = {static_cast<int>(schedule.values.size())};
    step.inPlace = step.view = {-1};
    schedule.values.push_back({bytes, step.origin});
  }
  step.kind = static_cast<int>(bytes + 1000 * costNs + 100000 * effects);
  schedule.steps.push_back(std::move(step));
}

/// Value 0 is the input; v1 = f(v0), v2 = g(v1), loss v3; backward reads v2,
/// v1.
Schedule makeChain() {
  Schedule schedule;
  schedule.values.push_back({64, ScheduleValue::programInput});
  addStep(schedule, {0}, 64, 5);
  addStep(schedule, {1}, 64, 7);
  addStep(schedule, {2}, 64, 1, /*effects=*/true);
  schedule.forwardEnd = 3;
  addStep(schedule, {3, 2}, 64, 1);
  addStep(schedule, {4, 1}, 64, 1);
  return schedule;
}

TEST(RematTest, RunsChosenStepsRightBeforeTheirUse) {
  Schedule result =
      rematerialize(makeChain(), {true, true, false, false, false});
  ASSERT_EQ(result.size(), 7);
  std::vector<int> origins;
  for (const ScheduleStep &step : result.steps)
    origins.push_back(step.origin);
  EXPECT_EQ(origins, (std::vector<int>{0, 1, 2, 0, 1, 3, 4}));
  EXPECT_TRUE(result.steps[3].recomputed && result.steps[4].recomputed);
  EXPECT_FALSE(result.steps[0].recomputed || result.steps[5].recomputed);
  // The second g reads the second f, and so does the last step.
  EXPECT_EQ(result.steps[4].operands, result.steps[3].results);
  EXPECT_EQ(result.steps[6].operands[1], result.steps[3].results[0]);
  EXPECT_EQ(totalCostNs(result), totalCostNs(makeChain()) + 12);
}

TEST(RematTest, MovesStepsThatOnlyTheBackwardReads) {
  Schedule schedule;
  schedule.values.push_back({64, ScheduleValue::programInput});
  addStep(schedule, {0}, 64, 5);
  addStep(schedule, {0}, 64, 1, /*effects=*/true);
  schedule.forwardEnd = 2;
  addStep(schedule, {2, 1}, 64, 1);
  Schedule result = rematerialize(schedule, {true, false, false});
  ASSERT_EQ(result.size(), 3);
  EXPECT_EQ(result.forwardEnd, 1);
  EXPECT_EQ(result.steps[1].origin, 0);
  EXPECT_FALSE(result.steps[1].recomputed);
  EXPECT_EQ(result.values[1].producer, ScheduleValue::absent);
}

TEST(RematTest, HoistsEffectsInOrder) {
  Schedule schedule;
  schedule.values.push_back({64, ScheduleValue::programInput});
  addStep(schedule, {0}, 64, 1, /*effects=*/true); // loss, v1
  schedule.forwardEnd = 1;
  addStep(schedule, {1}, 64, 1);      // v2
  addStep(schedule, {2}, 64, 1);      // v3
  addStep(schedule, {3}, 0, 1, true); // needs v3
  addStep(schedule, {3}, 64, 1);      // v4
  addStep(schedule, {2}, 0, 1, true); // ready after v2, but second
  Schedule result = hoistEffects(schedule);
  std::vector<int> origins;
  for (const ScheduleStep &step : result.steps)
    origins.push_back(step.origin);
  EXPECT_EQ(origins, (std::vector<int>{0, 1, 2, 3, 5, 4}));
}

TEST(RematTest, MinCutMatchesBruteForce) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    constexpr int nodes = 6;
    int64_t capacity[nodes][nodes] = {};
    MaxFlow network(nodes);
    for (int edge = 0; edge < 12; ++edge) {
      int from = static_cast<int>(random() % nodes);
      int to = static_cast<int>(random() % nodes);
      if (from == to)
        continue;
      int64_t c = random() % 10;
      capacity[from][to] += c;
      network.addArc(from, to, c);
    }
    auto cost = [&](unsigned side) { // bit n: node n on the source's side
      int64_t sum = 0;
      for (int a = 0; a < nodes; ++a)
        for (int b = 0; b < nodes; ++b)
          if ((side >> a & 1) && !(side >> b & 1))
            sum += capacity[a][b];
      return sum;
    };
    int64_t best = INT64_MAX;
    for (unsigned side = 0; side < 1u << nodes; ++side)
      if ((side & 1) && !(side & 2))
        best = std::min(best, cost(side));
    EXPECT_EQ(network.run(0, 1), best);
    unsigned side = 0;
    for (int n = 0; n < nodes; ++n)
      side |= unsigned(network.onSourceSide(n)) << n;
    EXPECT_EQ(side & 3, 1u);
    EXPECT_EQ(cost(side), best) << round;
  }
}

class RematPlannerTest : public PlanTest {
protected:
  Schedule extract(int tokens, int blocks) {
    module = parse(toyJob(tokens, blocks));
    return extractProgram(*module->getOps<func::FuncOp>().begin(),
                          plan::getKernelTarget(*module),
                          getDeviceRates(*module))
        ->schedule;
  }
  OwningOpRef<ModuleOp> module;
};

/// Checks a schedule on its own terms: values defined before they are read and
/// every step of the original run, none twice unless marked.
void expectSound(const Schedule &original, const Schedule &schedule) {
  std::set<int> defined;
  for (size_t v = 0; v < schedule.values.size(); ++v)
    if (schedule.values[v].producer == ScheduleValue::programInput)
      defined.insert(static_cast<int>(v));
  std::multiset<int> runs;
  for (const ScheduleStep &step : schedule.steps) {
    for (int operand : step.operands)
      EXPECT_TRUE(defined.count(operand));
    defined.insert(step.results.begin(), step.results.end());
    if (!step.recomputed)
      runs.insert(step.origin);
    else
      EXPECT_TRUE(original.steps[step.origin].recomputable);
  }
  EXPECT_EQ(runs.size(), original.steps.size());
}

TEST_F(RematPlannerTest, PlansAreSoundAndMeasured) {
  Schedule schedule = extract(64, 5);
  RematPlanner planner(schedule);
  RematPlan keeping = planner.planKeepingAll(),
            smallest = planner.planSmallest();
  EXPECT_EQ(keeping.costNs, totalCostNs(schedule));
  EXPECT_LT(smallest.maxLiveBytes, keeping.maxLiveBytes);
  for (int64_t budget = smallest.maxLiveBytes; budget <= keeping.maxLiveBytes;
       budget += 1024) {
    std::optional<RematPlan> plan = planner.planFastest(budget);
    ASSERT_TRUE(plan);
    EXPECT_LE(plan->maxLiveBytes, budget);
    EXPECT_EQ(plan->maxLiveBytes,
              computeBuffers(plan->schedule).maxLiveBytes());
    EXPECT_EQ(plan->costNs, totalCostNs(plan->schedule));
    expectSound(schedule, plan->schedule);
  }
  EXPECT_FALSE(planner.planFastest(smallest.maxLiveBytes - 1));
}

/// Every set of recomputed steps, tried one by one.
struct BruteForce {
  int64_t smallest = INT64_MAX;
  std::vector<std::pair<int64_t, int64_t>> plans; // bytes, time

  explicit BruteForce(const Schedule &schedule) {
    std::vector<int> candidates;
    for (int s = 0; s < schedule.forwardEnd; ++s)
      if (schedule.steps[s].recomputable)
        candidates.push_back(s);
    Schedule hoisted = hoistEffects(schedule);
    for (unsigned choice = 0; choice < 1u << candidates.size(); ++choice) {
      std::vector<bool> recompute(schedule.steps.size(), false);
      for (size_t i = 0; i < candidates.size(); ++i)
        recompute[candidates[i]] = choice >> i & 1;
      Schedule result = rematerialize(hoisted, recompute);
      int64_t bytes = computeBuffers(result).maxLiveBytes();
      smallest = std::min(smallest, bytes);
      plans.push_back({bytes, totalCostNs(result)});
    }
  }

  int64_t fastest(int64_t budget) const {
    int64_t best = INT64_MAX;
    for (auto [bytes, time] : plans)
      if (bytes <= budget)
        best = std::min(best, time);
    return best;
  }
};

TEST_F(RematPlannerTest, IsCloseToBruteForce) {
  Schedule schedule = extract(64, 3);
  BruteForce all(schedule);
  RematPlanner planner(schedule);
  RematPlan keeping = planner.planKeepingAll(),
            smallest = planner.planSmallest();
  EXPECT_EQ(smallest.maxLiveBytes, all.smallest);
  int exact = 0, total = 0;
  for (int64_t budget = smallest.maxLiveBytes; budget <= keeping.maxLiveBytes;
       budget += 2048) {
    std::optional<RematPlan> plan = planner.planFastest(budget);
    ASSERT_TRUE(plan);
    int64_t best = all.fastest(budget);
    EXPECT_GE(plan->costNs, best);
    EXPECT_LE(plan->costNs, best + best / 4) << budget;
    exact += plan->costNs == best;
    ++total;
  }
  EXPECT_GE(exact * 2, total) << exact << " of " << total;
}

} // namespace
