// Elementwise kernels against double precision.
#include "test/Kernels/RowTesting.h"

using namespace neap::test;

namespace {
constexpr int64_t kTokens = 5;
constexpr int64_t kWidths[] = {4, 8, 16};
constexpr int64_t kColumns[] = {1, 3, 16, 19, 64, 83};

std::vector<float> values(int64_t columns, uint32_t seed, float spread = 4) {
  std::vector<float> x = Random(seed).array(size_t(kTokens * columns));
  for (float &v : x)
    v *= 2 * spread;
  return x;
}

/// Runs body(columns, width) over column counts and vector widths.
template <typename Body> void forShapes(Body body) {
  for (int64_t columns : kColumns)
    for (int64_t width : kWidths) {
      SCOPED_TRACE("columns " + std::to_string(columns) + " width " +
                   std::to_string(width));
      body(columns, width);
    }
}

RowKernel makeKernel(const std::string &op, size_t operands,
                     const std::string &attributes, size_t results,
                     int64_t columns, int64_t width) {
  std::string type = tensorType(columns);
  return RowKernel(makeSource(op, std::vector<std::string>(operands, type),
                              attributes,
                              std::vector<std::string>(results, type)),
                   std::vector<int64_t>(results, columns), kTokens, width);
}
} // namespace

TEST(Elementwise, ArithmeticIsExact) {
  forShapes([](int64_t columns, int64_t width) {
    auto a = values(columns, 1), b = values(columns, 2);
    auto sum = makeKernel("graph.add", 2, "", 1, columns, width)
                   .runAll({a, b}, {{0, 0}})[0];
    auto product = makeKernel("graph.mul", 2, "", 1, columns, width)
                       .runAll({a, b}, {{0, 0}})[0];
    auto scaled =
        makeKernel("graph.scale", 1, "{factor = 0.3 : f32}", 1, columns, width)
            .runAll({a}, {{0, 0}})[0];
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(sum[i], a[i] + b[i]);
      ASSERT_EQ(product[i], a[i] * b[i]);
      ASSERT_EQ(scaled[i], 0.3f * a[i]);
    }
  });
}

TEST(Elementwise, ColumnsAreSlicedPaddedAndJoined) {
  forShapes([](int64_t columns, int64_t width) {
    const int64_t offset = 7, wide = columns + offset + 5;
    auto x = values(wide, 1), y = values(columns, 2);
    RowKernel slice(makeSource("graph.slice_columns", {tensorType(wide)},
                               "{offset = 7 : i64}", {tensorType(columns)}),
                    {columns}, kTokens, width);
    RowKernel pad(makeSource("graph.pad_columns", {tensorType(columns)},
                             "{offset = 7 : i64}", {tensorType(wide)}),
                  {wide}, kTokens, width);
    RowKernel join(
        makeSource("graph.concat_columns",
                   {tensorType(columns), tensorType(wide), tensorType(columns)},
                   "", {tensorType(2 * columns + wide)}),
        {2 * columns + wide}, kTokens, width);
    auto sliced = slice.runAll({x})[0];
    auto padded = pad.runAll({y})[0];
    auto joined = join.runAll({y, x, y})[0];
    for (int64_t t = 0; t < kTokens; ++t) {
      for (int64_t n = 0; n < columns; ++n)
        ASSERT_EQ(sliced[t * columns + n], x[t * wide + offset + n]);
      for (int64_t n = 0; n < wide; ++n) {
        bool inside = n >= offset && n < offset + columns;
        ASSERT_EQ(padded[t * wide + n],
                  inside ? y[t * columns + n - offset] : 0);
      }
      for (int64_t n = 0; n < 2 * columns + wide; ++n) {
        float expected = n < columns ? y[t * columns + n]
                         : n < columns + wide
                             ? x[t * wide + n - columns]
                             : y[t * columns + n - columns - wide];
        ASSERT_EQ(joined[t * (2 * columns + wide) + n], expected);
      }
    }
  });
}

namespace {
struct Curve {
  const char *kind;
  double (*value)(double);
  double (*derivative)(double);
};

double phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double inner(double x) {
  return std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}
const Curve kCurves[] = {
    {"silu", [](double x) { return x / (1 + std::exp(-x)); },
     [](double x) {
       double s = 1 / (1 + std::exp(-x));
       return s * (1 + x * (1 - s));
     }},
    {"gelu", [](double x) { return x * phi(x); },
     [](double x) {
       return phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
     }},
    {"gelu_tanh", [](double x) { return 0.5 * x * (1 + std::tanh(inner(x))); },
     [](double x) {
       double t = std::tanh(inner(x));
       return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * std::sqrt(2 / M_PI) *
                                  (1 + 3 * 0.044715 * x * x);
     }},
    {"relu", [](double x) { return x > 0 ? x : 0; },
     [](double x) { return x > 0 ? 1.0 : 0.0; }},
};

/// Ordinary values and some that saturate.
std::vector<float> arguments(int64_t columns, uint32_t seed) {
  std::vector<float> x = values(columns, seed, 5);
  for (size_t i = 0; i < x.size(); i += 7)
    x[i] *= 8;
  x[0] = -300, x[1] = 300, x[2] = 0;
  return x;
}
} // namespace

TEST(Elementwise, ActivationsAndTheirGradients) {
  for (const Curve &curve : kCurves)
    for (double x = -6; x < 6; x += 0.37)
      EXPECT_NEAR(curve.derivative(x),
                  (curve.value(x + 1e-5) - curve.value(x - 1e-5)) / 2e-5, 1e-8)
          << curve.kind;
  for (const Curve &curve : kCurves)
    for (int64_t width : kWidths) {
      SCOPED_TRACE(std::string(curve.kind) + " width " + std::to_string(width));
      const int64_t columns = 83;
      std::string kind =
          std::string("{kind = #graph<kind ") + curve.kind + ">}";
      auto x = arguments(columns, 1), dy = values(columns, 2);
      auto up = values(columns, 3);
      auto y = makeKernel("graph.activation", 1, kind, 1, columns, width)
                   .runAll({x}, {{0, 0}})[0];
      auto dx =
          makeKernel("graph.activation_backward", 2, kind, 1, columns, width)
              .runAll({dy, x}, {{0, 0}})[0];
      auto glu = makeKernel("graph.glu", 2, kind, 1, columns, width)
                     .runAll({x, up}, {{0, 0}})[0];
      auto gluGradients =
          makeKernel("graph.glu_backward", 3, kind, 2, columns, width)
              .runAll({dy, x, up}, {{0, 1}, {1, 2}});
      for (size_t i = 0; i < x.size(); ++i) {
        double f = curve.value(x[i]), d = curve.derivative(x[i]);
        // x (1 + erf) loses what cancels: absolute in x, as in PyTorch.
        double near =
            3e-7 * (1 + std::min(std::fabs(x[i]), 6.0f) + std::fabs(f));
        ASSERT_NEAR(y[i], f, near) << x[i];
        ASSERT_NEAR(dx[i], dy[i] * d, near * std::fabs(dy[i])) << x[i];
        ASSERT_NEAR(glu[i], f * up[i], near * std::fabs(up[i])) << x[i];
        ASSERT_NEAR(gluGradients[0][i], dy[i] * up[i] * d,
                    near * std::fabs(dy[i] * up[i]));
        ASSERT_NEAR(gluGradients[1][i], dy[i] * f, near * std::fabs(dy[i]));
      }
    }
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

namespace {
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
uint32_t finish(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}
/// The documented generator.
uint32_t hashElement(uint64_t seed, uint64_t row, uint64_t stream, uint64_t t,
                     uint32_t n) {
  uint64_t key = 0;
  for (uint64_t value : {seed, row, stream, t})
    key = mix(key + value + 0x9e3779b97f4a7c15u);
  uint32_t h = finish(n * 0x9e3779b1u + uint32_t(key));
  return finish(h ^ uint32_t(key >> 32));
}
std::string dropoutAttributes(const char *probability, int64_t stream) {
  return std::string("{probability = ") + probability +
         " : f32, stream = " + std::to_string(stream) + " : i64}";
}
} // namespace

TEST(Dropout, MaskIsTheDocumentedHashAtEveryWidth) {
  const int64_t columns = 83;
  auto x = values(columns, 1);
  const float p = 0.1f;
  for (int64_t width : kWidths) {
    RowKernel kernel =
        makeKernel("train.dropout", 1, dropoutAttributes("1.000000e-01", 3), 1,
                   columns, width);
    for (uint64_t row : {uint64_t(0), uint64_t(77), ~uint64_t(0)}) {
      kernel.getContext().dropout_seed = 0xfedcba9876543210u;
      kernel.getContext().row_counter = row;
      auto y = kernel.runAll({x}, {{0, 0}})[0];
      for (int64_t t = 0; t < kTokens; ++t)
        for (int64_t n = 0; n < columns; ++n) {
          bool dropped = hashElement(0xfedcba9876543210u, row, 3, t, n) <
                         std::llround(std::ldexp(double(p), 32));
          float kept = x[t * columns + n] * float(1 / (1 - double(p)));
          ASSERT_EQ(y[t * columns + n], dropped ? 0 : kept);
        }
    }
  }
}

TEST(Dropout, ProbabilityZeroKeepsEverything) {
  auto x = values(19, 1);
  auto y = makeKernel("train.dropout", 1, dropoutAttributes("0.0", 0), 1, 19, 8)
               .runAll({x})[0];
  EXPECT_TRUE(sameBits(x, y, x.size()));
}

// Counts that a fair generator misses with a probability below 1e-6: five
// standard deviations. Correlations between neighbours in every direction of
// the counter, where a weak hash shows first.
TEST(Dropout, MaskIsStatisticallyFair) {
  const int64_t columns = 4096, tokens = 64;
  const double p = 0.25, n = double(columns * tokens);
  RowKernel kernel(makeSource("train.dropout", {tensorType(columns)},
                              dropoutAttributes("2.500000e-01", 1),
                              {tensorType(columns)}),
                   {columns}, tokens, 16);
  std::vector<float> ones(size_t(columns * tokens), 1);
  auto mask = [&](uint64_t seed, uint64_t row) {
    kernel.getContext().dropout_seed = seed;
    kernel.getContext().row_counter = row;
    return kernel.run({ones}, tokens)[0];
  };
  auto first = mask(42, 0);
  double dropped = 0;
  for (float y : first)
    dropped += y == 0;
  EXPECT_NEAR(dropped, n * p, 5 * std::sqrt(n * p * (1 - p)));

  auto expectIndependent = [&](const std::vector<float> &a,
                               const std::vector<float> &b, int64_t shift,
                               const char *what) {
    double both = 0, pairs = 0;
    for (size_t i = 0; i + shift < a.size(); ++i, ++pairs)
      both += a[i] == 0 && b[i + shift] == 0;
    double q = p * p;
    EXPECT_NEAR(both, pairs * q, 5 * std::sqrt(pairs * q * (1 - q))) << what;
  };
  for (int64_t shift : {1, 2, 4, 16, 64, 1024})
    expectIndependent(first, first, shift, "neighbouring columns");
  expectIndependent(first, first, columns, "neighbouring tokens");
  expectIndependent(first, mask(42, 1), 0, "neighbouring rows");
  expectIndependent(first, mask(43, 0), 0, "neighbouring seeds");

  // Columns and tokens are dropped evenly: a chi-square test of each.
  auto chiSquare = [&](int64_t bins, auto binOf) {
    std::vector<double> count(size_t(bins), 0);
    for (size_t i = 0; i < first.size(); ++i)
      count[size_t(binOf(int64_t(i)))] += first[i] == 0;
    double expected = n * p / double(bins), sum = 0;
    for (double c : count)
      sum += (c - expected) * (c - expected) / (expected * (1 - p));
    EXPECT_NEAR(sum, double(bins), 5 * std::sqrt(2.0 * double(bins)));
  };
  chiSquare(tokens, [&](int64_t i) { return i / columns; });
  chiSquare(256, [&](int64_t i) { return i % 256; });
}

TEST(Elementwise, CodeIsSmall) {
  EXPECT_LT(makeKernel("graph.add", 2, "", 1, 2048, 16).getCodeBytes(), 1024);
  for (const char *name : {"silu", "gelu", "gelu_tanh", "relu"}) {
    std::string kind = std::string("{kind = #graph<kind ") + name + ">}";
    EXPECT_LT(
        makeKernel("graph.glu_backward", 3, kind, 2, 2048, 16).getCodeBytes(),
        1536)
        << name;
  }
  EXPECT_LT(
      makeKernel("train.dropout", 1, dropoutAttributes("0.5", 0), 1, 2048, 16)
          .getCodeBytes(),
      1536);
}
