// Gradient norm, AdamW and SGD over an arena of four areas.
#include "test/Kernels/GemmTesting.h"

using namespace neap::test;

namespace {
/// Four areas with guard floats between them, and the attributes that say
/// where they lie.
class Areas {
public:
  static constexpr size_t guard = 16;
  static constexpr float untouched = 7e30f;

  explicit Areas(int64_t elements)
      : elements(size_t(elements)),
        floats(4 * (size_t(elements) + 2 * guard), untouched) {
    for (size_t area = 0; area < 4; ++area) {
      auto values = Random(uint32_t(area + 1)).array(this->elements);
      for (size_t i = 0; i < this->elements; ++i)
        get(area)[i] = area == 3 ? std::fabs(values[i]) * 0.01f : values[i];
    }
  }
  float *get(size_t area) {
    return floats.data() + area * (elements + 2 * guard) + guard;
  }
  float *values() { return get(0); }
  float *gradients() { return get(1); }
  float *moment1() { return get(2); }
  float *moment2() { return get(3); }

  std::string attributes() {
    std::string text = "elements = " + std::to_string(elements) + " : i64";
    const char *names[] = {"values", "gradients", "moment1", "moment2"};
    for (size_t area = 0; area < 4; ++area)
      text += std::string(", ") + names[area] +
              "_offset = " + std::to_string((get(area) - floats.data()) * 4) +
              " : i64";
    return text;
  }
  uint8_t *base() { return reinterpret_cast<uint8_t *>(floats.data()); }
  void expectGuards() {
    for (size_t area = 0; area < 4; ++area)
      for (size_t i = 0; i < guard; ++i) {
        ASSERT_EQ(get(area)[-1 - int64_t(i)], untouched);
        ASSERT_EQ(get(area)[elements + i], untouched);
      }
  }

  size_t elements;
  std::vector<float> floats;
};

CompiledKernel compile(const std::string &op, const std::string &attributes,
                       Areas &areas, int64_t width) {
  std::string all = areas.attributes();
  if (!attributes.empty())
    all = attributes + ", " + all;
  return CompiledKernel("func.func @f() { " + op + " {" + all + "} return }",
                        getTarget(width, 1, 4));
}

double squaredNorm(Areas &areas) {
  long double sum = 0;
  for (size_t i = 0; i < areas.elements; ++i)
    sum += double(areas.gradients()[i]) * areas.gradients()[i];
  return double(sum);
}

constexpr int64_t kSizes[] = {1, 16, 4096, 4099, 20011};
constexpr int64_t kWidths[] = {4, 8, 16};

template <typename Body> void forSizes(Body body) {
  for (int64_t elements : kSizes)
    for (int64_t width : kWidths) {
      SCOPED_TRACE(std::to_string(elements) + " elements, width " +
                   std::to_string(width));
      body(elements, width);
    }
}
} // namespace

TEST(Optimizer, GradNormIsStoredAndOrdered) {
  forSizes([](int64_t elements, int64_t width) {
    Areas areas(elements);
    double expected = squaredNorm(areas);
    auto kernel = compile("train.grad_norm", "", areas, width);
    kernel.context.arena = areas.base();
    double first = 0;
    for (int threads = 1; threads <= 4; ++threads) {
      kernel.context.norm_squared = 1e30;
      kernel.run({}, {}, 1, threads);
      if (threads == 1)
        first = kernel.context.norm_squared;
      ASSERT_EQ(kernel.context.norm_squared, first);
    }
    EXPECT_NEAR(first, expected, expected * 1e-14);
  });
}

// More blocks than scratch holds sums for.
TEST(Optimizer, GradNormRunsInWaves) {
  const int64_t elements = 4096 * 1030 + 5;
  Areas areas(elements);
  double expected = squaredNorm(areas);
  auto kernel = compile("train.grad_norm", "", areas, 8);
  kernel.context.arena = areas.base();
  kernel.run({}, {}, 1, 3);
  EXPECT_NEAR(kernel.context.norm_squared, expected, expected * 1e-13);
  EXPECT_LT(kernel.getScratchBytes(), 5000);
}

TEST(Optimizer, AdamWFollowsPyTorch) {
  forSizes([](int64_t elements, int64_t width) {
    Areas start(elements);
    auto kernel = compile(
        "train.adamw",
        "beta1 = 0.9 : f32, beta2 = 0.999 : f32, epsilon = 1.0e-08 : f32, "
        "weight_decay = 0.1 : f32",
        start, width);
    const double rate = 2e-3f, c1 = 1 - std::pow(0.9, 3),
                 c2 = 1 - std::pow(0.999, 3);
    auto run = [&](int threads) {
      Areas areas = start;
      kernel.context.arena = areas.base();
      kernel.context.grad_scale = 0.5f;
      kernel.context.learning_rate = float(rate);
      kernel.context.bias_correction1 = float(c1);
      kernel.context.bias_correction2 = float(c2);
      kernel.run({}, {}, 1, threads);
      areas.expectGuards();
      return areas;
    };
    Areas areas = run(1);
    for (int threads = 2; threads <= 4; ++threads)
      ASSERT_TRUE(
          sameBits(run(threads).floats, areas.floats, areas.floats.size()));
    for (int64_t i = 0; i < elements; ++i) {
      double g = 0.5 * start.gradients()[i], p = start.values()[i];
      double m = start.moment1()[i], v = start.moment2()[i];
      p *= 1 - rate * 0.1;
      m += (g - m) * (1 - 0.9);
      v = 0.999 * v + (1 - 0.999) * g * g;
      double change = rate / c1 * m / (std::sqrt(v) / std::sqrt(c2) + 1e-8);
      ASSERT_NEAR(areas.moment1()[i], m, 1e-7);
      ASSERT_NEAR(areas.moment2()[i], v, 2e-7 * v);
      ASSERT_NEAR(areas.values()[i], p - change,
                  1.8e-7 * std::fabs(p) + 5e-7 * std::fabs(change));
      ASSERT_EQ(areas.gradients()[i], 0);

      // The same operations in f32, in PyTorch's order: equal bits.
      float gf = 0.5f * start.gradients()[i];
      float pf = start.values()[i] * float(1 - rate * 0.1);
      float mf = start.moment1()[i];
      float difference = (gf - mf) * float(1 - 0.9);
      mf = mf + difference;
      float square = float(1 - 0.999) * gf * gf;
      float vf = start.moment2()[i] * 0.999f;
      vf = vf + square;
      float root = std::sqrt(vf) / float(std::sqrt(double(float(c2))));
      float numerator = -float(rate / double(float(c1))) * mf;
      ASSERT_EQ(areas.moment1()[i], mf);
      ASSERT_EQ(areas.moment2()[i], vf);
      ASSERT_EQ(areas.values()[i], pf + numerator / (root + 1e-8f));
    }
  });
}

TEST(Optimizer, SgdWithAndWithoutMomentum) {
  for (const char *momentum : {"0.0", "0.9"})
    for (float firstStep : {0.0f, 1.0f})
      forSizes([&](int64_t elements, int64_t width) {
        Areas start(elements), areas = start;
        if (firstStep == 1) // whatever the memory holds before step 1
          areas.moment1()[0] = NAN;
        auto kernel = compile("train.sgd",
                              std::string("momentum = ") + momentum +
                                  " : f32, weight_decay = 0.01 : f32",
                              start, width);
        kernel.context.arena = areas.base();
        kernel.context.grad_scale = 0.25f;
        kernel.context.learning_rate = 0.1f;
        kernel.context.first_step = firstStep;
        kernel.run({}, {}, 1, 4);
        areas.expectGuards();
        double mu = std::atof(momentum);
        for (int64_t i = 0; i < elements; ++i) {
          double p = start.values()[i];
          double g = 0.25 * start.gradients()[i] + 0.01 * p;
          if (mu != 0 && firstStep == 0)
            g += mu * start.moment1()[i];
          ASSERT_NEAR(areas.values()[i], p - 0.1 * g, 1.5e-7);
          ASSERT_EQ(areas.gradients()[i], 0);
          if (mu != 0)
            ASSERT_NEAR(areas.moment1()[i], g, 1e-7);
          else if (firstStep == 0)
            ASSERT_EQ(areas.moment1()[i], start.moment1()[i]);
        }
      });
}

TEST(OptimizerDeathTest, AreasMustBeSet) {
  EXPECT_DEATH(CompiledKernel("func.func @f() { train.grad_norm return }",
                              getTarget(8, 1, 1)),
               "expected 'elements' and the areas' offsets to be set");
}
