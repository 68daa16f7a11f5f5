// Linear layers against double precision: every format, direction, tail and
// split.
#include "test/Kernels/GemmTesting.h"

#include <tuple>

using namespace neap;
using namespace neap::test;

namespace {
struct LinearCase {
  int64_t rows, columns; ///< of the weight: N x K
  const char *weight = "f32";
  const char *bias = nullptr;
  int64_t vectorFloats = 0; ///< 0: the host's
  bool backward = false;
  int64_t maxTokens = 65;
  int64_t panelGroup = 1;
};

/// A linear layer in either direction on random values, with its result in
/// double precision for the longest row.
class LinearFixture {
public:
  static constexpr float untouched = 7e30f;

  explicit LinearFixture(const LinearCase &c)
      : test(c), maxTokens(c.maxTokens),
        inputs(c.backward ? c.rows : c.columns),
        outputs(c.backward ? c.columns : c.rows),
        weight(storeRandom(c.weight, size_t(c.rows * c.columns), 1)),
        bias(storeRandom(c.bias ? c.bias : "f32", size_t(c.rows), 2)),
        x(Random(3).array(size_t(maxTokens * inputs))),
        init(Random(4).array(size_t(maxTokens * outputs))),
        kernel(getSource(), getTileTarget()) {}

  /// Runs the first `tokens` rows and checks that no other row is touched.
  std::vector<float> run(int64_t tokens, int threads, bool inPlace = false) {
    std::vector<float> y(size_t(maxTokens * outputs), untouched);
    if (inPlace)
      std::copy(init.begin(), init.begin() + tokens * outputs, y.begin());
    std::vector<const void *> arguments = {x.data(), weight.data()};
    if (test.backward)
      arguments.push_back(inPlace ? y.data() : init.data());
    else if (test.bias)
      arguments.push_back(bias.data());
    kernel.run(arguments, {y.data()}, tokens, threads);
    for (size_t i = size_t(tokens * outputs); i < y.size(); ++i)
      if (y[i] != untouched) {
        ADD_FAILURE() << "element " << i << " beyond the rows is written";
        break;
      }
    return y;
  }

  void check(int64_t tokens, int threads = 1) {
    if (expected.empty())
      computeExpected();
    std::vector<float> y = run(tokens, threads);
    EXPECT_LE(getWorstError(y, expected, magnitude, size_t(tokens * outputs)),
              1e-6)
        << describe() << " tokens " << tokens;
  }

  void checkSame(int64_t tokens, int64_t moreTokens, int threads) {
    EXPECT_TRUE(sameBits(run(tokens, 1), run(moreTokens, threads),
                         size_t(tokens * outputs)))
        << describe() << " tokens " << tokens << " of " << moreTokens
        << " threads " << threads;
  }

  std::string describe() const {
    return std::string(test.backward ? "backward " : "forward ") +
           std::to_string(test.rows) + "x" + std::to_string(test.columns) +
           " " + test.weight + " lanes " + std::to_string(getWidth());
  }

private:
  int64_t getWidth() const {
    return test.vectorFloats ? test.vectorFloats
                             : getHostTarget(1, 1).vectorFloats;
  }

  KernelTarget getTileTarget() const {
    KernelTarget target = getTarget(getWidth(), maxTokens, 4);
    target.panelGroup = test.panelGroup;
    return target;
  }

  std::string getSource() const {
    std::string in = tensorType(inputs), out = tensorType(outputs);
    std::string types =
        in + ", " + weightType(test.rows, test.columns, test.weight);
    std::string arguments = "%x: " + in + ", %w: " +
                            weightType(test.rows, test.columns, test.weight);
    std::string operands = "%x, %w";
    std::string third;
    if (test.backward)
      third = out;
    else if (test.bias)
      third =
          "!graph.weight<" + std::to_string(test.rows) + "x" + test.bias + ">";
    if (!third.empty()) {
      types += ", " + third;
      arguments += ", %z: " + third;
      operands += ", %z";
    }
    return "func.func @f(" + arguments + ") { %y = graph.linear" +
           (test.backward ? "_backward " : " ") + operands + " : (" + types +
           ") -> " + out + " return }";
  }

  void computeExpected() {
    expected.assign(size_t(maxTokens * outputs), 0);
    magnitude = expected;
    for (int64_t t = 0; t < maxTokens; ++t)
      for (int64_t n = 0; n < test.rows; ++n)
        for (int64_t k = 0; k < test.columns; ++k) {
          double w = weight.values[size_t(n * test.columns + k)];
          double value = w * x[size_t(t * inputs + (test.backward ? n : k))];
          size_t at = size_t(t * outputs + (test.backward ? k : n));
          expected[at] += value;
          magnitude[at] += std::abs(value);
        }
    for (size_t i = 0; i < expected.size(); ++i) {
      double start = test.backward ? init[i]
                     : test.bias   ? bias.values[i % size_t(outputs)]
                                   : 0;
      expected[i] += start;
      magnitude[i] += std::abs(start);
    }
  }

  LinearCase test;
  int64_t maxTokens, inputs, outputs;
  StoredArray weight, bias;
  std::vector<float> x, init;
  std::vector<double> expected, magnitude;
  CompiledKernel kernel;
};

const std::pair<int64_t, int64_t> shapes[] = {{64, 64}, {307, 172}, {60, 92},
                                              {92, 60}, {1, 1},     {33, 7},
                                              {7, 33},  {600, 530}};
} // namespace

TEST(Linear, MatchesDoublePrecision) {
  for (auto [rows, columns] : shapes)
    for (bool backward : {false, true}) {
      LinearFixture fixture({rows, columns, "f32", nullptr, 0, backward});
      for (int64_t tokens : {1, 7, 8, 9, 64, 65})
        fixture.check(tokens);
      fixture.check(65, 2);
    }
}

TEST(Linear, MatchesDoublePrecisionOnLongRows) {
  for (bool backward : {false, true}) {
    LinearFixture fixture({96, 100, "f32", nullptr, 0, backward, 257});
    for (int64_t tokens : {10, 11, 128, 200, 257})
      fixture.check(tokens);
  }
}

TEST(Linear, HandlesLongContractionsAndFewOutputs) {
  for (auto [rows, columns] :
       {std::pair<int64_t, int64_t>{8, 2048}, {16, 4864}})
    for (bool backward : {false, true}) {
      LinearFixture fixture({rows, columns, "f32", nullptr, 0, backward});
      for (int64_t tokens : {1, 65})
        fixture.check(tokens);
    }
}

TEST(Linear, DecodesHalfPrecision) {
  for (const char *type : {"f16", "bf16"})
    for (auto [rows, columns] :
         {std::pair<int64_t, int64_t>{7, 33}, {33, 7}, {60, 92}, {92, 540}})
      for (bool backward : {false, true}) {
        LinearFixture fixture({rows, columns, type, nullptr, 0, backward, 19});
        for (int64_t tokens : {1, 9, 19})
          fixture.check(tokens);
      }
}

// Row tiles that walk a group of panels take another way through the loops; the
// bits are the same.
TEST(Linear, PanelGroupsChangeNoBits) {
  for (bool backward : {false, true}) {
    LinearFixture one({333, 530, "f32", nullptr, 0, backward, 257, 1});
    LinearFixture eight({333, 530, "f32", nullptr, 0, backward, 257, 8});
    eight.check(257);
    size_t count = size_t(257 * (backward ? 530 : 333));
    EXPECT_TRUE(sameBits(one.run(257, 1), eight.run(257, 1), count));
    EXPECT_TRUE(sameBits(one.run(257, 1), eight.run(257, 3), count));
  }
}

TEST(Linear, AddsBiasOfEveryFormat) {
  for (const char *type : {"f32", "f16", "bf16"}) {
    LinearFixture fixture({45, 530, "f32", type});
    fixture.check(1);
    fixture.check(65, 2);
  }
}

TEST(Linear, WorksForEveryVectorWidth) {
  for (int64_t lanes : {4, 8}) {
    if (lanes > getHostTarget(1, 1).vectorFloats)
      GTEST_SKIP() << "no vectors of " << lanes << " floats here";
    for (auto [rows, columns, type] :
         {std::tuple<int64_t, int64_t, const char *>{61, 43, "f32"},
          {3, 70, "f16"},
          {23, 530, "bf16"}})
      for (bool backward : {false, true}) {
        LinearFixture fixture({rows, columns, type, nullptr, lanes, backward});
        for (int64_t tokens : {1, 5, 6, 13, 64})
          fixture.check(tokens);
      }
  }
}

TEST(Linear, BitsDependOnNeitherThreadsNorRowCount) {
  for (bool backward : {false, true})
    for (const char *type : {"f32", "f16"}) {
      LinearFixture fixture({400, 530, type, nullptr, 0, backward, 130});
      for (int threads : {1, 2, 3, 4}) {
        fixture.checkSame(130, 130, threads);
        fixture.checkSame(65, 130, threads);
        fixture.checkSame(1, 13, threads);
      }
    }
}

TEST(Linear, BackwardAddsToItsInitialValueInPlace) {
  LinearFixture fixture({600, 530, "f32", nullptr, 0, true});
  EXPECT_TRUE(sameBits(fixture.run(65, 2), fixture.run(65, 2, true), 65 * 530));
}

TEST(Linear, CodeAndScratchAreSmall) {
  KernelTarget target = getTarget(getHostTarget(1, 1).vectorFloats, 128, 3);
  CompiledKernel kernel(
      R"(func.func @f(%x: tensor<?x2048xf32>, %w: !graph.weight<2048x2048xf32>) {
    %y = graph.linear %x, %w : (tensor<?x2048xf32>, !graph.weight<2048x2048xf32>) -> tensor<?x2048xf32>
    return })",
      target);
  int64_t panel = target.contractionBlock * target.panelColumns() * 4;
  EXPECT_LE(kernel.getScratchBytes(), 3 * panel + 64);
  EXPECT_LE(kernel.getCodeBytes(), 10 * 1024);
}
