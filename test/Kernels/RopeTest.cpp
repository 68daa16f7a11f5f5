// Rotary embedding: angles up to long contexts, both pairings, the inverse.
#include "test/Kernels/RowTesting.h"

#include <sstream>

using namespace neap::test;

namespace {
std::vector<float> makeFrequencies(int64_t count) {
  std::vector<float> frequencies;
  for (int64_t f = 0; f < count; ++f)
    frequencies.push_back(float(std::pow(10000.0, -double(f) / double(count))));
  return frequencies;
}

std::string tableAttributes(const std::vector<float> &frequencies) {
  std::ostringstream text;
  text << std::scientific;
  text.precision(9);
  text << "{frequencies = array<f32: ";
  for (size_t i = 0; i < frequencies.size(); ++i)
    text << (i ? ", " : "") << frequencies[i];
  text << ">, scale = 1.250000e+00 : f32}";
  return text.str();
}
} // namespace

TEST(RopeTable, FollowsTheAnglesOfLongContexts) {
  for (int64_t count : {1, 8, 20, 32})
    for (int64_t width : {4, 16}) {
      const int64_t tokens = 40000;
      auto frequencies = makeFrequencies(count);
      std::vector<int32_t> ids(size_t(tokens), 0);
      RowKernel kernel(makeSource("graph.rope_table", {"tensor<?xi32>"},
                                  tableAttributes(frequencies),
                                  {tensorType(2 * count)}),
                       {2 * count}, tokens, width);
      auto y = kernel.run({ids}, tokens)[0];
      double worst = 0;
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t f = 0; f < count; ++f) {
          double angle = float(t) * frequencies[f]; // the f32 product
          const float *row = &y[size_t(t * 2 * count)];
          worst = std::max(worst, std::fabs(row[f] - 1.25 * std::cos(angle)));
          worst = std::max(worst,
                           std::fabs(row[count + f] - 1.25 * std::sin(angle)));
        }
      EXPECT_LT(worst, 2e-7) << count << " frequencies";
      EXPECT_LT(kernel.getCodeBytes(), 2048);
    }
}

TEST(Rope, RotatesEveryPairing) {
  struct Case {
    int64_t heads, headDim, pairs;
  };
  const int64_t tokens = 5;
  for (Case c :
       {Case{2, 64, 32}, Case{3, 16, 8}, Case{2, 20, 10}, Case{3, 80, 16},
        Case{2, 5, 1}, Case{1, 128, 64}, Case{2, 11, 5}})
    for (int64_t width : {4, 8, 16})
      for (bool interleaved : {false, true})
        for (bool inverse : {false, true}) {
          SCOPED_TRACE(std::to_string(c.headDim) + " pairs " +
                       std::to_string(c.pairs) + " width " +
                       std::to_string(width));
          int64_t columns = c.heads * c.headDim;
          std::vector<float> x = Random(1).array(size_t(tokens * columns));
          std::vector<float> table =
              Random(2).array(size_t(tokens * 2 * c.pairs));
          std::string attributes =
              "{heads = " + std::to_string(c.heads) +
              " : i64, head_dim = " + std::to_string(c.headDim) + " : i64" +
              (interleaved ? ", interleaved" : "") +
              (inverse ? ", inverse" : "") + "}";
          RowKernel kernel(
              makeSource("graph.rope",
                         {tensorType(columns), tensorType(2 * c.pairs)},
                         attributes, {tensorType(columns)}),
              {columns}, tokens, width);
          auto y = kernel.runAll({x, table}, {{0, 0}})[0];

          Doubles expected = widen(x);
          for (int64_t t = 0; t < tokens; ++t)
            for (int64_t h = 0; h < c.heads; ++h)
              for (int64_t f = 0; f < c.pairs; ++f) {
                size_t head = size_t(t * columns + h * c.headDim);
                size_t first = head + size_t(interleaved ? 2 * f : f);
                size_t second =
                    head + size_t(interleaved ? 2 * f + 1 : c.pairs + f);
                double cos = table[size_t(t * 2 * c.pairs + f)];
                double sin = table[size_t(t * 2 * c.pairs + c.pairs + f)];
                if (inverse)
                  sin = -sin;
                expected[first] = x[first] * cos - x[second] * sin;
                expected[second] = x[second] * cos + x[first] * sin;
              }
          ASSERT_LT(getRelativeError(y, expected), 2e-7);
        }
}
