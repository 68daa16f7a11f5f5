// The fused output projection and loss against double precision.
#include "test/Kernels/GemmTesting.h"

#include <algorithm>

using namespace neap;
using namespace neap::test;

namespace {
struct HeadCase {
  int64_t vocabulary, features;
  const char *weight = "f32";
  bool bias = false;
  bool gradient = true;
  int64_t vectorFloats = 0; ///< 0: the host's
  float sharpness = 4;      ///< scale of the logits
};

struct HeadResult {
  std::vector<float> gradient;
  double loss = 0;
};

class HeadFixture {
public:
  static constexpr int64_t maxTokens = 200;
  static constexpr float untouched = 7e30f;
  static constexpr float lossScale = 0.125f;

  explicit HeadFixture(const HeadCase &c)
      : test(c),
        weight(storeRandom(c.weight, size_t(c.vocabulary * c.features), 1)),
        bias(storeRandom("f32", size_t(c.vocabulary), 2)),
        x(Random(3).array(size_t(maxTokens * c.features))),
        kernel(getSource(),
               getTarget(c.vectorFloats ? c.vectorFloats
                                        : getHostTarget(1, 1).vectorFloats,
                         maxTokens, 4)) {
    for (float &value : x)
      value *= c.sharpness;
    Random random(4);
    for (int64_t t = 0; t < maxTokens; ++t)
      labels.push_back(int32_t((random.next() + 0.5f) * float(c.vocabulary)));
  }

  HeadResult run(int64_t tokens, int threads = 1) {
    HeadResult result;
    result.gradient.assign(size_t(maxTokens * test.features), untouched);
    std::vector<const void *> inputs = {x.data(), weight.data(), labels.data()};
    if (test.bias)
      inputs.push_back(bias.data());
    std::vector<void *> outputs;
    if (test.gradient)
      outputs.push_back(result.gradient.data());
    kernel.context.loss_sum = 0;
    kernel.context.loss_scale = lossScale;
    kernel.run(inputs, outputs, tokens, threads);
    result.loss = kernel.context.loss_sum;
    for (size_t i = size_t(tokens * test.features); i < result.gradient.size();
         ++i)
      if (result.gradient[i] != untouched) {
        ADD_FAILURE() << "element " << i << " beyond the rows is written";
        break;
      }
    return result;
  }

  /// Compares one run with double precision. The gradient's error is measured
  /// against the sum of absolute terms that the kernel adds: p * |w| of the
  /// other columns and (1 - p_label) * |w| of the label's.
  void check(int64_t tokens, int threads = 1, double tolerance = 4e-6) {
    HeadResult actual = run(tokens, threads);
    double loss = 0, magnitude = 1e-30;
    for (int64_t t = 0; t < tokens; ++t)
      if (labels[size_t(t)] >= 0) {
        double rowLoss = checkRow(t, actual, tolerance);
        loss += rowLoss;
        magnitude += std::abs(rowLoss) + logitError(t);
      } else if (test.gradient) {
        for (int64_t k = 0; k < test.features; ++k)
          EXPECT_EQ(actual.gradient[size_t(t * test.features + k)], 0);
      }
    EXPECT_LE(std::abs(actual.loss - loss), tolerance * magnitude)
        << actual.loss << " against " << loss;
  }

  HeadCase test;
  StoredArray weight, bias;
  std::vector<float> x;
  std::vector<int32_t> labels;
  CompiledKernel kernel;

private:
  std::string getSource() const {
    std::string hidden = tensorType(test.features);
    std::string types =
        hidden + ", " +
        weightType(test.vocabulary, test.features, test.weight) +
        ", tensor<?xi32>";
    std::string arguments =
        "%x: " + hidden +
        ", %w: " + weightType(test.vocabulary, test.features, test.weight) +
        ", %l: tensor<?xi32>";
    std::string operands = "%x, %w, %l";
    if (test.bias) {
      std::string type =
          "!graph.weight<" + std::to_string(test.vocabulary) + "xf32>";
      types += ", " + type;
      arguments += ", %b: " + type;
      operands += ", %b";
    }
    return "func.func @f(" + arguments + ") { " +
           (test.gradient ? "%d = " : "") + "train.linear_cross_entropy " +
           operands + " : (" + types + ") -> " +
           (test.gradient ? hidden : "()") + " return }";
  }

  double getLogit(int64_t t, int64_t v) const {
    double z = test.bias ? bias.values[size_t(v)] : 0;
    for (int64_t k = 0; k < test.features; ++k)
      z += double(x[size_t(t * test.features + k)]) *
           weight.values[size_t(v * test.features + k)];
    return z;
  }

  /// How large the terms of a logit are: its rounding error is relative to it.
  double logitError(int64_t t) const {
    double sum = 0;
    for (int64_t k = 0; k < test.features; ++k)
      sum += std::abs(x[size_t(t * test.features + k)]);
    return 0.5 * sum;
  }

  double checkRow(int64_t t, const HeadResult &actual, double tolerance) {
    size_t vocabulary = size_t(test.vocabulary),
           label = size_t(labels[size_t(t)]);
    std::vector<double> p(vocabulary);
    for (size_t v = 0; v < vocabulary; ++v)
      p[v] = getLogit(t, int64_t(v));
    double largest = *std::max_element(p.begin(), p.end());
    double labelLogit = p[label], others = 0;
    for (size_t v = 0; v < vocabulary; ++v) {
      p[v] = std::exp(p[v] - largest);
      others += v == label ? 0 : p[v];
    }
    double total = others + p[label];
    double loss = labelLogit == largest
                      ? std::log1p(others)
                      : largest - labelLogit + std::log(total);
    if (!test.gradient)
      return loss;
    for (double &value : p)
      value /= total;
    p[label] = -others / total;
    double worst = 0;
    for (int64_t k = 0; k < test.features; ++k) {
      double sum = 0, magnitude = 1e-30;
      for (size_t v = 0; v < vocabulary; ++v) {
        double term = lossScale * p[v] *
                      weight.values[v * size_t(test.features) + size_t(k)];
        sum += term;
        magnitude += std::abs(term);
      }
      double error =
          std::abs(actual.gradient[size_t(t * test.features + k)] - sum) /
          (magnitude * (1 + logitError(t)));
      worst = error <= worst ? worst : std::isnan(error) ? INFINITY : error;
    }
    EXPECT_LE(worst, tolerance) << "token " << t;
    return loss;
  }
};

void ignore(std::vector<int32_t> &labels, size_t begin, size_t end) {
  std::fill(labels.begin() + int64_t(begin), labels.begin() + int64_t(end),
            NEAP_IGNORE_LABEL);
}
} // namespace

TEST(CrossEntropy, MatchesDoublePrecision) {
  for (HeadCase c : {HeadCase{1000, 60}, HeadCase{512, 64}, HeadCase{37, 19},
                     HeadCase{2, 3}, HeadCase{1537, 9}}) {
    HeadFixture fixture(c);
    for (int64_t tokens : {1, 7, 65, 200})
      fixture.check(tokens, tokens == 65 ? 3 : 1);
  }
}

TEST(CrossEntropy, DecodesHalfPrecisionAndAddsBias) {
  for (const char *type : {"f32", "f16", "bf16"}) {
    HeadFixture fixture({613, 50, type, true});
    fixture.check(70);
  }
}

TEST(CrossEntropy, WorksForEveryVectorWidth) {
  for (int64_t lanes : {4, 8}) {
    HeadFixture fixture({613, 50, "f16", true, true, lanes});
    fixture.check(70, 2);
  }
}

TEST(CrossEntropy, LongContractionsKeepTheirBlocks) {
  HeadFixture fixture({560, 1100, "f32", false, true, 0, 1});
  fixture.check(9);
}

TEST(CrossEntropy, EvaluationGivesTheSameLossBits) {
  HeadFixture train({613, 50}), evaluate({613, 50, "f32", false, false});
  EXPECT_EQ(train.run(130, 2).loss, evaluate.run(130, 3).loss);
  evaluate.check(130);
}

TEST(CrossEntropy, SkipsIgnoredTokens) {
  HeadFixture fixture({613, 50});
  std::vector<int32_t> all = fixture.labels;
  ignore(fixture.labels, 0, 70);
  ignore(fixture.labels, 75, 76);
  ignore(fixture.labels, 128, 192);
  fixture.check(200);
  fixture.check(200, 3);
  fixture.check(70);
  ignore(fixture.labels, 0, 200);
  EXPECT_EQ(fixture.run(200, 2).loss, 0);
  // A row's bits do not depend on which others are trained on.
  HeadResult none = fixture.run(64);
  fixture.labels[5] = all[5];
  HeadResult one = fixture.run(64);
  fixture.labels = all;
  HeadResult every = fixture.run(200, 4);
  auto row = [](const HeadResult &result) {
    return std::vector<float>(result.gradient.begin() + 5 * 50,
                              result.gradient.begin() + 6 * 50);
  };
  EXPECT_EQ(row(one), row(every));
  EXPECT_EQ(row(none), std::vector<float>(50, 0));
}

TEST(CrossEntropy, BitsDependOnNeitherThreadsNorRowCount) {
  HeadFixture fixture({1000, 60});
  HeadResult one = fixture.run(200);
  for (int threads : {2, 3, 4}) {
    HeadResult many = fixture.run(200, threads);
    EXPECT_EQ(one.loss, many.loss);
    EXPECT_TRUE(sameBits(one.gradient, many.gradient, 200 * 60));
  }
  EXPECT_TRUE(sameBits(one.gradient, fixture.run(65, 2).gradient, 65 * 60));
  EXPECT_TRUE(sameBits(one.gradient, fixture.run(1).gradient, 60));
}

// The loss is a token reduction: tiles of 64, the last first, add up to the
// same bits.
TEST(CrossEntropy, LossOverTilesLastFirstGivesTheSameBits) {
  HeadFixture fixture({613, 50, "f32", false, false});
  double whole = fixture.run(200).loss;
  std::vector<const void *> inputs = {fixture.x.data() + 128 * 50,
                                      fixture.weight.data(),
                                      fixture.labels.data() + 128};
  fixture.kernel.context.loss_sum = 0;
  fixture.kernel.run(inputs, {}, 72);
  inputs[0] = fixture.x.data();
  inputs[2] = fixture.labels.data();
  fixture.kernel.run(inputs, {}, 128);
  EXPECT_EQ(fixture.kernel.context.loss_sum, whole);
}

// A row the model is sure of: 1 - p_label is far below the rounding of p_label,
// its loss and gradient must keep their relative accuracy. And the opposite: a
// label whose probability underflows.
TEST(CrossEntropy, ConfidentAndHopelessRowsStayAccurate) {
  HeadFixture fixture({600, 16, "f32", false, true, 0, 40});
  for (int64_t t = 0; t < 200; ++t) {
    // Labels alternate between the largest and the smallest logit.
    double best = -INFINITY;
    for (int64_t v = 0; v < 600; ++v) {
      double z = 0;
      for (int64_t k = 0; k < 16; ++k)
        z += double(fixture.x[size_t(t * 16 + k)]) *
             fixture.weight.values[size_t(v * 16 + k)];
      z = t % 2 ? z : -z;
      if (z > best) {
        best = z;
        fixture.labels[size_t(t)] = int32_t(v);
      }
    }
  }
  fixture.check(200, 1, 1e-6);
}

TEST(CrossEntropy, CodeIsSmall) {
  HeadFixture fixture({2000, 896, "f16"});
  EXPECT_LE(fixture.kernel.getCodeBytes(), 22 * 1024);
}
