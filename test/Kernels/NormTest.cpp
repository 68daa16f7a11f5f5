// Normalisations against double precision; gradients against the formula and
// against central differences of the forward.
#include "test/Kernels/RowTesting.h"

using namespace neap::test;

namespace {
constexpr int64_t kTokens = 4;
constexpr double kEpsilon = float(1e-5f);
const char *const kAttributes = "{epsilon = 1.000000e-05 : f32}";

struct NormCase {
  int64_t columns, width;
  const char *weight;
};
const NormCase kCases[] = {{64, 16, "f32"}, {896, 16, "bf16"}, {83, 16, "f16"},
                           {5, 16, "bf16"}, {83, 8, "f32"},    {130, 4, "f16"},
                           {1, 8, "f32"},   {67, 8, "bf16"}};

struct Arrays {
  explicit Arrays(const NormCase &c)
      : x(Random(1).array(size_t(kTokens * c.columns))),
        dy(Random(2).array(x.size())), init(Random(3).array(x.size())),
        weight(storeRandom(c.weight, size_t(c.columns), 4)),
        bias(storeRandom(c.weight, size_t(c.columns), 5)) {
    // A large mean: variance must not come from a difference of squares.
    for (float &v : x)
      v = 3 * v + 2;
  }
  std::vector<float> x, dy, init;
  StoredArray weight, bias;
};

/// One row in double precision.
Doubles rmsNorm(const Doubles &x, const std::vector<float> &weight) {
  double square = 0;
  for (double v : x)
    square += v * v;
  double r = 1 / std::sqrt(square / double(x.size()) + kEpsilon);
  Doubles y;
  for (size_t i = 0; i < x.size(); ++i)
    y.push_back(x[i] * r * weight[i]);
  return y;
}

Doubles layerNorm(const Doubles &x, const std::vector<float> &weight,
                  const std::vector<float> *bias) {
  double mean = 0, variance = 0, n = double(x.size());
  for (double v : x)
    mean += v / n;
  for (double v : x)
    variance += (v - mean) * (v - mean) / n;
  double r = 1 / std::sqrt(variance + kEpsilon);
  Doubles y;
  for (size_t i = 0; i < x.size(); ++i)
    y.push_back((x[i] - mean) * r * weight[i] + (bias ? (*bias)[i] : 0));
  return y;
}

Doubles rmsNormBackward(const Doubles &dy, const Doubles &x,
                        const std::vector<float> &weight) {
  double square = 0, dot = 0, n = double(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    square += x[i] * x[i];
    dot += dy[i] * weight[i] * x[i];
  }
  double r = 1 / std::sqrt(square / n + kEpsilon);
  Doubles dx;
  for (size_t i = 0; i < x.size(); ++i)
    dx.push_back(r * (dy[i] * weight[i] - x[i] * r * r * dot / n));
  return dx;
}

Doubles layerNormBackward(const Doubles &dy, const Doubles &x,
                          const std::vector<float> &weight) {
  double mean = 0, variance = 0, n = double(x.size()), sum = 0, dot = 0;
  for (double v : x)
    mean += v / n;
  for (double v : x)
    variance += (v - mean) * (v - mean) / n;
  double r = 1 / std::sqrt(variance + kEpsilon);
  for (size_t i = 0; i < x.size(); ++i) {
    sum += dy[i] * weight[i] / n;
    dot += dy[i] * weight[i] * (x[i] - mean) * r / n;
  }
  Doubles dx;
  for (size_t i = 0; i < x.size(); ++i)
    dx.push_back(r * (dy[i] * weight[i] - sum - (x[i] - mean) * r * dot));
  return dx;
}

/// Applies a row function to every token.
Doubles forRows(const std::vector<float> &x, int64_t columns,
                const std::function<Doubles(const Doubles &, int64_t)> &row) {
  Doubles all;
  for (int64_t t = 0; t < kTokens; ++t) {
    Doubles values(x.begin() + t * columns, x.begin() + (t + 1) * columns);
    Doubles y = row(values, t);
    all.insert(all.end(), y.begin(), y.end());
  }
  return all;
}

std::vector<std::string> operandTypes(const NormCase &c, int activations,
                                      int weights, bool init) {
  std::vector<std::string> types(activations, tensorType(c.columns));
  std::string weight =
      "!graph.weight<" + std::to_string(c.columns) + "x" + c.weight + ">";
  types.insert(types.end(), weights, weight);
  if (init)
    types.push_back(tensorType(c.columns));
  return types;
}

RowKernel makeNorm(const NormCase &c, const char *op, int activations,
                   int weights, bool init = false) {
  return RowKernel(makeSource(op, operandTypes(c, activations, weights, init),
                              kAttributes, {tensorType(c.columns)}),
                   {c.columns}, kTokens, c.width);
}

template <typename Body> void forCases(Body body) {
  for (const NormCase &c : kCases) {
    SCOPED_TRACE(std::to_string(c.columns) + " columns, width " +
                 std::to_string(c.width) + ", " + c.weight);
    body(c, Arrays(c));
  }
}

/// A gradient kernel, with and without an initial value, each in place.
void checkBackward(
    const NormCase &c, const Arrays &a, const char *op,
    const std::function<Doubles(const Doubles &)> &forward,
    const std::function<Doubles(const Doubles &, const Doubles &)> &backward) {
  auto gradientRow = [&](int64_t t) {
    return Doubles(a.dy.begin() + t * c.columns,
                   a.dy.begin() + (t + 1) * c.columns);
  };
  Doubles expected = forRows(a.x, c.columns, [&](const Doubles &x, int64_t t) {
    return backward(gradientRow(t), x);
  });
  if (c.columns < 100) {
    Doubles numeric = forRows(a.x, c.columns, [&](const Doubles &x, int64_t t) {
      return differentiate(forward, x, gradientRow(t));
    });
    for (size_t i = 0; i < numeric.size(); ++i)
      ASSERT_NEAR(numeric[i], expected[i], 1e-7);
  }

  auto plain = makeNorm(c, op, 2, 1).runAll({a.dy, a.x, a.weight}, {{0, 0}})[0];
  auto added = makeNorm(c, op, 2, 1, true)
                   .runAll({a.dy, a.x, a.weight, a.init}, {{0, 3}})[0];
  // One column cancels to nothing: judged against what was cancelled.
  double scale = c.columns == 1 ? 1e-6 : 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(plain[i], expected[i],
                std::max(scale, 3e-6 * (0.1 + std::fabs(expected[i]))));
    ASSERT_EQ(added[i], a.init[i] + plain[i]);
  }
}
} // namespace

TEST(Norm, RmsNorm) {
  forCases([](const NormCase &c, const Arrays &a) {
    auto y = makeNorm(c, "graph.rms_norm", 1, 1)
                 .runAll({a.x, a.weight}, {{0, 0}})[0];
    Doubles expected = forRows(a.x, c.columns, [&](const Doubles &x, int64_t) {
      return rmsNorm(x, a.weight.values);
    });
    EXPECT_LT(getRelativeError(y, expected), 4e-7);
  });
}

TEST(Norm, LayerNormWithAndWithoutBias) {
  forCases([](const NormCase &c, const Arrays &a) {
    for (bool bias : {false, true}) {
      std::vector<Input> inputs = {a.x, a.weight};
      if (bias)
        inputs.push_back(a.bias);
      auto y = makeNorm(c, "graph.layer_norm", 1, 1 + bias)
                   .runAll(inputs, {{0, 0}})[0];
      Doubles expected =
          forRows(a.x, c.columns, [&](const Doubles &x, int64_t) {
            return layerNorm(x, a.weight.values,
                             bias ? &a.bias.values : nullptr);
          });
      if (c.columns > 1) {
        EXPECT_LT(getRelativeError(y, expected), 2e-6);
      }
    }
  });
}

TEST(Norm, RmsNormBackward) {
  forCases([](const NormCase &c, const Arrays &a) {
    checkBackward(
        c, a, "graph.rms_norm_backward",
        [&](const Doubles &x) { return rmsNorm(x, a.weight.values); },
        [&](const Doubles &dy, const Doubles &x) {
          return rmsNormBackward(dy, x, a.weight.values);
        });
  });
}

TEST(Norm, LayerNormBackward) {
  forCases([](const NormCase &c, const Arrays &a) {
    if (c.columns == 1)
      return; // x - mean is zero: every gradient is
    checkBackward(
        c, a, "graph.layer_norm_backward",
        [&](const Doubles &x) {
          return layerNorm(x, a.weight.values, nullptr);
        },
        [&](const Doubles &dy, const Doubles &x) {
          return layerNormBackward(dy, x, a.weight.values);
        });
  });
}

TEST(Norm, CodeIsSmall) {
  NormCase c = {2048, 16, "f32"};
  EXPECT_LT(makeNorm(c, "graph.rms_norm", 1, 1).getCodeBytes(), 1536);
  EXPECT_LT(makeNorm(c, "graph.layer_norm_backward", 2, 1, true).getCodeBytes(),
            2560);
}
