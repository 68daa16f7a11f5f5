// Moving reads up, and what they then cost.
#include "passes/Plan/Prefetch.h"

#include "gtest/gtest.h"

using namespace neap;

namespace {

/// Layers that each fetch a weight and run one step on the activation before.
Schedule makeChain(const std::vector<int64_t> &weightBytes) {
  Schedule schedule;
  auto addValue = [&](int64_t bytes) {
    schedule.values.push_back({bytes, ScheduleValue::programInput});
    return int(schedule.values.size()) - 1;
  };
  int activation = addValue(64);
  for (int64_t bytes : weightBytes) {
    ScheduleStep fetch;
    fetch.fetchedBytes = bytes;
    fetch.results = {addValue(bytes)};
    fetch.inPlace = fetch.view = {-1};
    ScheduleStep run;
    run.costNs = 1000;
    run.operands = {activation, fetch.results[0]};
    run.differentiable = {true, false};
    activation = addValue(64);
    run.results = {activation};
    run.inPlace = run.view = {-1};
    schedule.steps.push_back(fetch);
    schedule.steps.push_back(run);
  }
  for (ScheduleStep &step : schedule.steps)
    for (int result : step.results)
      schedule.values[result].producer = ScheduleValue::absent;
  updateProducers(schedule);
  schedule.forwardEnd = schedule.size();
  return schedule;
}

/// 'f' for a fetch, 'r' for a run.
std::string describe(const Schedule &schedule) {
  std::string text;
  for (const ScheduleStep &step : schedule.steps)
    text += step.fetchedBytes > 0 ? 'f' : 'r';
  return text;
}

constexpr int64_t unlimited = INT64_MAX;

} // namespace

TEST(Prefetch, ReadsTheNextWeightBesideTheLastOne) {
  Schedule chain = makeChain({4096, 4096, 4096});
  ASSERT_EQ(describe(chain), "frfrfr");
  Schedule moved = prefetch(chain, unlimited);
  EXPECT_EQ(describe(moved), "ffrfrr");
  EXPECT_EQ(moved.forwardEnd, moved.size());
  EXPECT_EQ(computeBuffers(chain).maxLiveBytes(), 4096 + 2 * 64);
  EXPECT_EQ(computeBuffers(moved).maxLiveBytes(), 2 * 4096 + 2 * 64);
}

TEST(Prefetch, KeepsTheLimit) {
  Schedule chain = makeChain({8192, 4096, 4096, 8192});
  // Two small weights fit at once; a large one fits beside none.
  int64_t limit = 8192 + 2 * 64;
  Schedule moved = prefetch(chain, limit);
  EXPECT_EQ(describe(moved), "frffrrfr");
  EXPECT_LE(computeBuffers(moved).maxLiveBytes(), limit);
  EXPECT_EQ(describe(prefetch(chain, 0)), describe(chain));
}

TEST(Prefetch, WaitingIsWhatArithmeticDoesNotHide) {
  Schedule chain = makeChain({1000, 1000, 1000});
  double rate = 1e9; // a weight takes as long as a run
  StreamedTime blocking = timeStreamed(chain, rate);
  EXPECT_NEAR(blocking.seconds, 6e-6, 1e-12);
  EXPECT_NEAR(blocking.waitSeconds, 3e-6, 1e-12);
  StreamedTime beside = timeStreamed(prefetch(chain, unlimited), rate);
  EXPECT_NEAR(beside.seconds, 4e-6, 1e-12); // the first read hides nowhere
  EXPECT_NEAR(beside.waitSeconds, 1e-6, 1e-12);
}
