//===- OrderBlockTest.cpp - Orders of a transformer block -----------------===//

#include "OrderProblems.h"

#include <gtest/gtest.h>

using namespace neap;
using namespace neap::test;

namespace {

/// One block of a LoRA training step, as planning sees it: everything but the
/// block's input is computed again, then comes the backward part. `late` puts
/// all adapter gradients last, as a naive reverse sweep would.
class TransformerBlock {
public:
  explicit TransformerBlock(bool late) : late(late) {
    int input = builder.addValue(hidden);
    int upstream = builder.addValue(hidden);
    Attention attention = recomputeAttention(input);
    Mlp mlp = recomputeMlp(attention.output);
    int middle = mlpBackward(mlp, attention.output, upstream);
    int gradient = attentionBackward(attention, input, middle);
    builder.problem.liveOut[gradient] = true;
    for (const std::vector<int> &operands : sinks)
      builder.addSink(operands, true);
  }

  OrderProblem problem() const { return builder.problem; }

private:
  // Per token, 512 tokens, float32.
  static constexpr int64_t token = 512 * 4;
  static constexpr int64_t hidden = 1024 * token, heads = 1024 * token,
                           keys = 256 * token, wide = 2816 * token,
                           rank = 8 * token, scalar = token;

  struct Linear {
    int input, down, output;
    int64_t inputBytes;
  };
  struct Attention {
    int normed;
    Linear query, key, value, out;
    int queryTurned, keyTurned, mixed, sums, output;
  };
  struct Mlp {
    int normed;
    Linear gate, up;
    int activated, down;
  };

  Linear linear(int input, int64_t inputBytes, int64_t bytes) {
    Linear made{input, builder.addStep({input}, rank), -1, inputBytes};
    int base = builder.addStep({input}, bytes);
    builder.last().scratchBytes = 1 << 20;
    made.output = builder.addStep({base, made.down}, bytes, 0);
    return made;
  }

  Attention recomputeAttention(int input) {
    Attention made;
    made.normed = builder.addStep({input}, hidden, 0);
    made.query = linear(made.normed, hidden, heads);
    made.key = linear(made.normed, hidden, keys);
    made.value = linear(made.normed, hidden, keys);
    made.queryTurned = builder.addStep({made.query.output}, heads, 0);
    made.keyTurned = builder.addStep({made.key.output}, keys, 0);
    made.mixed = builder.addStep(
        {made.queryTurned, made.keyTurned, made.value.output}, heads);
    made.sums = builder.addValue(scalar);
    OrderStep &step = builder.last();
    step.results.push_back(made.sums);
    step.inPlace.push_back(-1);
    step.view.push_back(-1);
    step.scratchBytes = 1 << 18;
    made.out = linear(made.mixed, heads, hidden);
    made.output = builder.addStep({input, made.out.output}, hidden, 0);
    builder.last().commutative = true;
    return made;
  }

  Mlp recomputeMlp(int input) {
    Mlp made;
    made.normed = builder.addStep({input}, hidden, 0);
    made.gate = linear(made.normed, hidden, wide);
    made.up = linear(made.normed, hidden, wide);
    made.activated =
        builder.addStep({made.gate.output, made.up.output}, wide, 0);
    made.down = builder.addStep({made.activated}, rank);
    return made;
  }

  void addGradient(int left, int right) {
    if (late)
      sinks.push_back({left, right});
    else
      builder.addSink({left, right}, true);
  }

  /// Adds to `sum`, if there is one already; returns the input's gradient.
  int linearBackward(const Linear &forward, int gradient, int sum = -1) {
    addGradient(gradient, forward.down);
    int low = builder.addStep({gradient}, rank);
    addGradient(forward.input, low);
    int base = sum < 0
                   ? builder.addStep({gradient}, forward.inputBytes)
                   : builder.addStep({sum, gradient}, forward.inputBytes, 0);
    builder.last().scratchBytes = 1 << 20;
    return builder.addStep({base, low}, forward.inputBytes, 0);
  }

  int mlpBackward(const Mlp &forward, int input, int upstream) {
    Linear down{forward.activated, forward.down, -1, wide};
    int gradient = linearBackward(down, upstream);
    int gate = builder.addStep(
        {gradient, forward.gate.output, forward.up.output}, wide, 0);
    int up = builder.addValue(wide);
    OrderStep &step = builder.last();
    step.results.push_back(up);
    step.inPlace.push_back(1);
    step.view.push_back(-1);
    int sum = linearBackward(forward.gate, gate);
    sum = linearBackward(forward.up, up, sum);
    return builder.addStep({sum, input, upstream}, hidden, 0);
  }

  int attentionBackward(const Attention &forward, int input, int upstream) {
    int mixed = linearBackward(forward.out, upstream);
    int query = builder.addStep({mixed, forward.mixed, forward.sums,
                                 forward.queryTurned, forward.keyTurned,
                                 forward.value.output},
                                heads, 0);
    int key = builder.addValue(keys), value = builder.addValue(keys);
    OrderStep &step = builder.last();
    step.results.insert(step.results.end(), {key, value});
    step.inPlace.insert(step.inPlace.end(), {4, 5});
    step.view.insert(step.view.end(), {-1, -1});
    int queryBack = builder.addStep({query}, heads, 0);
    int keyBack = builder.addStep({key}, keys, 0);
    int sum = linearBackward(forward.query, queryBack);
    sum = linearBackward(forward.key, keyBack, sum);
    sum = linearBackward(forward.value, value, sum);
    return builder.addStep({sum, input, upstream}, hidden, 0);
  }

  bool late;
  OrderBuilder builder;
  std::vector<std::vector<int>> sinks;
};

class OrderOfBlock : public testing::TestWithParam<bool> {};

TEST_P(OrderOfBlock, IsProvenOptimal) {
  OrderProblem problem = TransformerBlock(GetParam()).problem();
  ASSERT_EQ(validateOrderProblem(problem), std::nullopt);
  EXPECT_EQ(problem.steps.size(), 67u);
  OrderSolution solution = solveOrder(problem);
  EXPECT_EQ(validateOrder(problem, solution), std::nullopt);
  EXPECT_TRUE(solution.optimal);
  // A count, not a time: some ten milliseconds.
  EXPECT_LT(solution.nodes, 20000);
  bool isLate = GetParam();
  EXPECT_EQ(solution.method == "given", !isLate);
  RecordProperty("nodes", std::to_string(solution.nodes));
}

INSTANTIATE_TEST_SUITE_P(Gradients, OrderOfBlock, testing::Bool(),
                         [](const testing::TestParamInfo<bool> &info) {
                           return info.param ? "last" : "in_place";
                         });

/// A whole step: nothing is as low as its ends, so that it is one wide hill.
TEST(OrderOfTraining, IsProvenOptimalAcrossAllLayers) {
  constexpr int layers = 24;
  OrderBuilder builder;
  std::vector<int> inputs, angles;
  int current = builder.addStep({}, 100);
  auto runLayer = [&](int input) {
    int turned = builder.addStep({input, angles.back()}, 260);
    int gated = builder.addStep({input}, 180);
    int left = builder.addStep({turned}, 40);
    int right = builder.addStep({gated}, 40);
    return builder.addStep({left, right, input}, 100, 2);
  };
  for (int layer = 0; layer < layers; ++layer) {
    inputs.push_back(current);
    // Needs nothing, so that no step of a layer is after all of the one before.
    angles.push_back(builder.addStep({}, 10));
    current = runLayer(current);
  }
  int gradient = builder.addStep({current}, 100);
  for (int layer = layers - 1; layer >= 0; --layer) {
    int turned = builder.addStep({inputs[layer], angles[layer]}, 260);
    int gated = builder.addStep({inputs[layer]}, 180);
    int left = builder.addStep({gradient, turned}, 40);
    int right = builder.addStep({gradient, gated}, 40);
    builder.addSink({left, inputs[layer]}, true);
    builder.addSink({right, inputs[layer]}, true);
    gradient = builder.addStep({left, right, gradient}, 100, 2);
  }
  OrderSolution solution = solveOrder(builder.problem);
  EXPECT_EQ(validateOrder(builder.problem, solution), std::nullopt);
  EXPECT_TRUE(solution.optimal);
  EXPECT_LT(solution.peakBytes,
            peakBytes(builder.problem, givenOrder(builder.problem)));
  EXPECT_LT(solution.nodes, 50000);
  RecordProperty("nodes", std::to_string(solution.nodes));
}

} // namespace
