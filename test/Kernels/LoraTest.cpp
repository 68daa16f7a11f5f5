// Low-rank products against double precision.
#include "test/Kernels/GemmTesting.h"

using namespace neap;
using namespace neap::test;

namespace {
struct Shape {
  int64_t rank, columns;
};
const Shape shapes[] = {{1, 1},  {4, 64},   {8, 172},
                        {5, 37}, {13, 307}, {16, 96}};
const int64_t maxTokens = 200;

std::string adapterType(Shape shape) {
  return "!train.adapter<" + std::to_string(shape.rank) + "x" +
         std::to_string(shape.columns) + "xf32>";
}
int64_t getHostLanes() { return getHostTarget(1, 1).vectorFloats; }

/// `body` applied to arguments %a, %b, ... of the given types.
std::string getSource(const std::vector<std::string> &types,
                      const std::string &name, const std::string &result) {
  std::string arguments, operands, list;
  for (size_t i = 0; i < types.size(); ++i) {
    std::string separator = i ? ", " : "", value = "%a" + std::to_string(i);
    arguments += separator + value + ": " + types[i];
    operands += separator + value;
    list += separator + types[i];
  }
  std::string attributes = " {scale = 2.5e-01 : f32} : ";
  std::string type = result.empty() ? list : "(" + list + ") -> " + result;
  return "func.func @f(" + arguments + ") { " +
         (result.empty() ? "" : "%y = ") + "train." + name + " " + operands +
         attributes + type + " return }";
}

CompiledKernel compileDown(Shape shape, int64_t lanes) {
  return CompiledKernel(
      getSource({tensorType(shape.columns), adapterType(shape)}, "lora_down",
                tensorType(shape.rank)),
      getTarget(lanes, maxTokens, 4));
}
CompiledKernel compileUp(Shape shape, int64_t lanes, bool base) {
  std::vector<std::string> types = {tensorType(shape.rank), adapterType(shape)};
  if (base)
    types.push_back(tensorType(shape.columns));
  return CompiledKernel(getSource(types, "lora_up", tensorType(shape.columns)),
                        getTarget(lanes, maxTokens, 4));
}
CompiledKernel compileOuter(Shape shape, int64_t lanes) {
  return CompiledKernel(
      getSource({tensorType(shape.rank), tensorType(shape.columns),
                 adapterType(shape)},
                "accumulate_outer", ""),
      getTarget(lanes, maxTokens, 4));
}

void checkDown(Shape shape, int64_t lanes) {
  CompiledKernel kernel = compileDown(shape, lanes);
  auto [rank, columns] = shape;
  std::vector<float> x = Random(1).array(size_t(maxTokens * columns));
  std::vector<float> factor = Random(2).array(size_t(rank * columns));
  size_t size = size_t(maxTokens * rank);
  std::vector<double> expected(size), magnitude(size);
  for (int64_t t = 0; t < maxTokens; ++t)
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t k = 0; k < columns; ++k) {
        double term = 0.25 * x[size_t(t * columns + k)] *
                      double(factor[size_t(r * columns + k)]);
        expected[size_t(t * rank + r)] += term;
        magnitude[size_t(t * rank + r)] += std::abs(term);
      }
  std::vector<float> longest(size);
  kernel.run({x.data(), factor.data()}, {longest.data()}, maxTokens, 3);
  for (int64_t tokens : {1, 3, 65, 200}) {
    std::vector<float> h(size, 7);
    kernel.run({x.data(), factor.data()}, {h.data()}, tokens);
    size_t count = size_t(tokens * rank);
    EXPECT_LE(getWorstError(h, expected, magnitude, count), 1e-6)
        << rank << "x" << columns << " lanes " << lanes;
    EXPECT_TRUE(sameBits(h, longest, count));
    EXPECT_EQ(std::count(h.begin() + int64_t(count), h.end(), 7.0f),
              int64_t(size - count));
  }
}

void checkUp(Shape shape, int64_t lanes, bool withBase) {
  CompiledKernel kernel = compileUp(shape, lanes, withBase);
  auto [rank, columns] = shape;
  std::vector<float> h = Random(1).array(size_t(maxTokens * rank));
  std::vector<float> factor = Random(2).array(size_t(rank * columns));
  size_t size = size_t(maxTokens * columns);
  std::vector<float> base = Random(3).array(size);
  std::vector<double> expected(size), magnitude(size);
  for (size_t i = 0; i < size; ++i) {
    double sum = withBase ? base[i] : 0, total = std::abs(sum);
    for (size_t r = 0; r < size_t(rank); ++r) {
      double term = 0.25 * h[i / size_t(columns) * size_t(rank) + r] *
                    double(factor[r * size_t(columns) + i % size_t(columns)]);
      sum += term;
      total += std::abs(term);
    }
    expected[i] = sum;
    magnitude[i] = total;
  }
  std::vector<const void *> inputs = {h.data(), factor.data()};
  if (withBase)
    inputs.push_back(base.data());
  std::vector<float> longest(size);
  kernel.run(inputs, {longest.data()}, maxTokens, 4);
  for (int64_t tokens : {1, 3, 65, 200}) {
    // With a base, in place on it.
    std::vector<float> y = withBase ? base : std::vector<float>(size, 7);
    if (withBase)
      inputs.back() = y.data();
    kernel.run(inputs, {y.data()}, tokens);
    size_t count = size_t(tokens * columns);
    EXPECT_LE(getWorstError(y, expected, magnitude, count), 1e-6)
        << rank << "x" << columns << " lanes " << lanes;
    EXPECT_TRUE(sameBits(y, longest, count));
    for (size_t i = count; i < size; ++i)
      ASSERT_EQ(y[i], withBase ? base[i] : 7.0f) << "beyond the rows";
  }
}

void checkOuter(Shape shape, int64_t lanes) {
  CompiledKernel kernel = compileOuter(shape, lanes);
  auto [rank, columns] = shape;
  std::vector<float> h = Random(1).array(size_t(maxTokens * rank));
  std::vector<float> x = Random(2).array(size_t(maxTokens * columns));
  size_t size = size_t(rank * columns);
  const std::vector<float> before = Random(3).array(size);
  for (int64_t tokens : {1, 63, 64, 65, 200}) {
    std::vector<double> expected(before.begin(), before.end()), magnitude(size);
    for (size_t t = 0; t < size_t(tokens); ++t)
      for (size_t i = 0; i < size; ++i) {
        double term = 0.25 * h[t * size_t(rank) + i / size_t(columns)] *
                      double(x[t * size_t(columns) + i % size_t(columns)]);
        expected[i] += term;
        magnitude[i] += std::abs(term);
      }
    std::vector<float> one = before, four = before;
    kernel.run({h.data(), x.data(), one.data()}, {}, tokens, 1);
    kernel.run({h.data(), x.data(), four.data()}, {}, tokens, 4);
    for (size_t i = 0; i < size; ++i)
      magnitude[i] += std::abs(before[i]);
    EXPECT_LE(getWorstError(one, expected, magnitude, size), 1e-6)
        << rank << "x" << columns << " lanes " << lanes << " tokens " << tokens;
    EXPECT_TRUE(sameBits(one, four, size));
  }
}
} // namespace

TEST(Lora, DownMatchesDoublePrecision) {
  for (Shape shape : shapes)
    checkDown(shape, getHostLanes());
  checkDown({13, 37}, 4);
}

TEST(Lora, UpMatchesDoublePrecision) {
  for (Shape shape : shapes)
    checkUp(shape, getHostLanes(), /*withBase=*/true);
  checkUp({13, 37}, getHostLanes(), /*withBase=*/false);
  checkUp({13, 37}, 4, /*withBase=*/true);
}

TEST(Lora, OuterMatchesDoublePrecision) {
  for (Shape shape : shapes)
    checkOuter(shape, getHostLanes());
  checkOuter({13, 37}, 4);
}

TEST(Lora, WorksForAvx2Vectors) {
  if (getHostLanes() < 8)
    GTEST_SKIP() << "no vectors of 8 floats here";
  checkDown({13, 37}, 8);
  checkUp({13, 37}, 8, /*withBase=*/true);
  checkOuter({13, 37}, 8);
}

// The order of a token reduction is a promise to plans that process a row's
// tokens in tiles: blocks of 64 counted from token 0, the last block first.
TEST(Lora, OuterOverTilesLastFirstGivesTheSameBits) {
  Shape shape = {9, 50};
  CompiledKernel kernel = compileOuter(shape, getHostLanes());
  auto [rank, columns] = shape;
  std::vector<float> h = Random(1).array(size_t(maxTokens * rank));
  std::vector<float> x = Random(2).array(size_t(maxTokens * columns));
  size_t size = size_t(rank * columns);
  std::vector<float> whole = Random(3).array(size), tiled = whole;
  kernel.run({h.data(), x.data(), whole.data()}, {}, 200, 2);
  kernel.run({h.data() + 128 * rank, x.data() + 128 * columns, tiled.data()},
             {}, 72);
  kernel.run({h.data(), x.data(), tiled.data()}, {}, 128);
  EXPECT_TRUE(sameBits(whole, tiled, size));
}

TEST(Lora, CodeIsSmall) {
  Shape shape = {16, 2048};
  EXPECT_LE(compileDown(shape, getHostLanes()).getCodeBytes(), 4 * 1024);
  EXPECT_LE(compileUp(shape, getHostLanes(), true).getCodeBytes(), 4 * 1024);
  EXPECT_LE(compileOuter(shape, getHostLanes()).getCodeBytes(), 4 * 1024);
}
