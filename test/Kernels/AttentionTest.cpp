// Attention against a reference in double precision, whose gradients are
// themselves held against central differences.
#include "test/Kernels/RowTesting.h"

using namespace neap::test;

namespace {
struct Shape {
  int64_t heads, kvHeads, headDim;
  int64_t vectorFloats = 16;
};

std::string describe(const Shape &s) {
  return std::to_string(s.heads) + "/" + std::to_string(s.kvHeads) +
         " heads of " + std::to_string(s.headDim) + ", width " +
         std::to_string(s.vectorFloats);
}

std::string attributes(const Shape &s) {
  return "{heads = " + std::to_string(s.heads) +
         " : i64, kv_heads = " + std::to_string(s.kvHeads) +
         " : i64, head_dim = " + std::to_string(s.headDim) +
         " : i64, scale = 3.000000e-01 : f32}";
}
const double kScale = 0.3f;

/// The op's formulas, one row of the score matrix at a time.
struct Reference {
  Reference(const Shape &s, Doubles q, Doubles k, Doubles v)
      : s(s), q(std::move(q)), k(std::move(k)), v(std::move(v)),
        queryStride(s.heads * s.headDim), keyStride(s.kvHeads * s.headDim),
        tokens(int64_t(this->q.size()) / queryStride) {}

  const double *query(const Doubles &x, int64_t t, int64_t h) const {
    return &x[size_t(t * queryStride + h * s.headDim)];
  }
  size_t keyAt(int64_t t, int64_t h) const {
    return size_t(t * keyStride + h / (s.heads / s.kvHeads) * s.headDim);
  }
  double dot(const double *a, const double *b) const {
    double sum = 0;
    for (int64_t d = 0; d < s.headDim; ++d)
      sum += a[d] * b[d];
    return sum;
  }

  /// softmax of the scores of query t, and their log of sums.
  double probabilities(int64_t t, int64_t h, Doubles &p) const {
    double maximum = -INFINITY, sum = 0;
    p.assign(size_t(t + 1), 0);
    for (int64_t j = 0; j <= t; ++j) {
      p[size_t(j)] = kScale * dot(query(q, t, h), &k[keyAt(j, h)]);
      maximum = std::max(maximum, p[size_t(j)]);
    }
    for (double &score : p)
      sum += score = std::exp(score - maximum);
    for (double &score : p)
      score /= sum;
    return maximum + std::log(sum);
  }

  void forward() {
    o.assign(q.size(), 0);
    lse.assign(size_t(tokens * s.heads), 0);
    Doubles p;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t h = 0; h < s.heads; ++h) {
        lse[size_t(t * s.heads + h)] = probabilities(t, h, p);
        for (int64_t j = 0; j <= t; ++j)
          for (int64_t d = 0; d < s.headDim; ++d)
            o[size_t(t * queryStride + h * s.headDim + d)] +=
                p[size_t(j)] * v[keyAt(j, h) + size_t(d)];
      }
  }

  void backward(const Doubles &gradient) {
    dq.assign(q.size(), 0);
    dk.assign(k.size(), 0);
    dv.assign(v.size(), 0);
    Doubles p;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t h = 0; h < s.heads; ++h) {
        probabilities(t, h, p);
        const double *g = query(gradient, t, h), *row = query(q, t, h);
        double correction = dot(g, query(o, t, h));
        double *dRow = &dq[size_t(t * queryStride + h * s.headDim)];
        for (int64_t j = 0; j <= t; ++j) {
          size_t key = keyAt(j, h);
          double ds = p[size_t(j)] * (dot(g, &v[key]) - correction) * kScale;
          for (int64_t d = 0; d < s.headDim; ++d) {
            dRow[d] += ds * k[key + size_t(d)];
            dk[key + size_t(d)] += ds * row[d];
            dv[key + size_t(d)] += p[size_t(j)] * g[d];
          }
        }
      }
  }

  Shape s;
  Doubles q, k, v, o, lse, dq, dk, dv;
  int64_t queryStride, keyStride, tokens;
};

struct Operands {
  Operands(const Shape &s, int64_t tokens)
      : q(array(s.heads, s, tokens, 1)), k(array(s.kvHeads, s, tokens, 2)),
        v(array(s.kvHeads, s, tokens, 3)), dO(array(s.heads, s, tokens, 4)) {}

  static std::vector<float> array(int64_t heads, const Shape &s, int64_t tokens,
                                  uint32_t seed) {
    auto x = Random(seed).array(size_t(tokens * heads * s.headDim));
    for (float &value : x)
      value *= 3;
    return x;
  }
  std::vector<float> q, k, v, dO;
};

/// Both kernels of one shape for rows of at most `maxTokens`.
class Attention {
public:
  Attention(const Shape &s, int64_t maxTokens, int maxThreads = 4)
      : s(s), queryType(tensorType(s.heads * s.headDim)),
        keyType(tensorType(s.kvHeads * s.headDim)),
        lseType(tensorType(s.heads)),
        forward(makeSource("graph.attention", {queryType, keyType, keyType},
                           attributes(s), {queryType, lseType}),
                {s.heads * s.headDim, s.heads}, maxTokens, s.vectorFloats),
        backward(
            makeSource(
                "graph.attention_backward",
                {queryType, keyType, keyType, queryType, lseType, queryType},
                attributes(s), {queryType, keyType, keyType}),
            {s.heads * s.headDim, s.kvHeads * s.headDim, s.kvHeads * s.headDim},
            maxTokens, s.vectorFloats, maxThreads) {}

  /// `slack` multiplies the tolerances: errors grow with the scores' size.
  void check(const Operands &x, int64_t tokens, double slack = 1) {
    SCOPED_TRACE(describe(s) + ", " + std::to_string(tokens) + " tokens");
    auto take = [&](const std::vector<float> &values, int64_t heads) {
      return std::vector<float>(values.begin(),
                                values.begin() + tokens * heads * s.headDim);
    };
    std::vector<float> q = take(x.q, s.heads), k = take(x.k, s.kvHeads),
                       v = take(x.v, s.kvHeads), dO = take(x.dO, s.heads);
    Reference expected(s, widen(q), widen(k), widen(v));
    expected.forward();
    expected.backward(widen(dO));

    auto y = forward.run({q, k, v}, tokens);
    EXPECT_LT(getRelativeError(y[0], expected.o), 2e-6 * slack);
    EXPECT_LT(getRelativeError(y[1], expected.lse), 1e-6);
    // A lone token's scores have no gradient: it is what cancels that counts.
    auto gradients = backward.run({q, k, v, y[0], y[1], dO}, tokens);
    EXPECT_LT(getRelativeError(gradients[0], expected.dq, 1), 4e-6 * slack);
    EXPECT_LT(getRelativeError(gradients[1], expected.dk, 1), 4e-6 * slack);
    EXPECT_LT(getRelativeError(gradients[2], expected.dv, 1), 4e-6 * slack);
  }

  Shape s;
  std::string queryType, keyType, lseType;
  RowKernel forward, backward;
};
} // namespace

TEST(Attention, ReferenceGradientsMatchCentralDifferences) {
  Shape s{4, 2, 5};
  Operands x(s, 6);
  Doubles q = widen(x.q), k = widen(x.k), v = widen(x.v), dO = widen(x.dO);
  Reference reference(s, q, k, v);
  reference.forward();
  reference.backward(dO);
  auto output = [&](const Doubles &q, const Doubles &k, const Doubles &v) {
    Reference r(s, q, k, v);
    r.forward();
    return r.o;
  };
  auto expectNear = [](const Doubles &a, const Doubles &b) {
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], 1e-8);
  };
  expectNear(
      reference.dq,
      differentiate([&](const Doubles &z) { return output(z, k, v); }, q, dO));
  expectNear(
      reference.dk,
      differentiate([&](const Doubles &z) { return output(q, z, v); }, k, dO));
  expectNear(
      reference.dv,
      differentiate([&](const Doubles &z) { return output(q, k, z); }, v, dO));
}

TEST(Attention, EveryShapeAndLength) {
  for (Shape s : {Shape{4, 4, 8}, Shape{4, 2, 16}, Shape{6, 2, 20},
                  Shape{3, 1, 64}, Shape{2, 1, 80}, Shape{4, 2, 64, 8},
                  Shape{3, 1, 20, 8}, Shape{4, 4, 5, 4}, Shape{2, 1, 16, 4}}) {
    Attention attention(s, 257);
    Operands x(s, 257);
    for (int64_t tokens : {1, 5, 63, 64, 65, 130, 257})
      attention.check(x, tokens);
  }
}

TEST(Attention, OddHeadSizes) {
  for (Shape s : {Shape{2, 1, 1}, Shape{2, 2, 31}, Shape{2, 1, 33},
                  Shape{1, 1, 96}, Shape{1, 1, 128}, Shape{1, 1, 83, 8}}) {
    Attention attention(s, 70);
    attention.check(Operands(s, 70), 70);
  }
}

// A query sees no later key: neither later tokens nor their absence change a
// bit of its output, and gradients of queries at the end do not reach back.
TEST(Attention, OutputsDependOnEarlierTokensOnly) {
  Shape s{4, 2, 20};
  const int64_t tokens = 200;
  Attention attention(s, tokens);
  Operands x(s, tokens);
  auto all = attention.forward.run({x.q, x.k, x.v}, tokens);
  auto allBackward =
      attention.backward.run({x.q, x.k, x.v, all[0], all[1], x.dO}, tokens);
  for (int64_t length : {1, 7, 64, 65, 100, 199}) {
    auto some = attention.forward.run({x.q, x.k, x.v}, length);
    size_t count = size_t(length * s.heads * s.headDim);
    EXPECT_TRUE(sameBits(some[0], all[0], count)) << length;
    EXPECT_TRUE(sameBits(some[1], all[1], size_t(length * s.heads))) << length;
    auto someBackward =
        attention.backward.run({x.q, x.k, x.v, all[0], all[1], x.dO}, length);
    EXPECT_TRUE(sameBits(someBackward[0], allBackward[0], count)) << length;
  }
}

// Nothing but the sums of do . o runs across lanes.
TEST(Attention, OutputsDoNotDependOnTheVectorWidth) {
  const int64_t tokens = 130;
  Operands x({3, 1, 20}, tokens);
  RowKernel::Arrays first;
  for (int64_t width : {4, 8, 16}) {
    Attention attention({3, 1, 20, width}, tokens);
    auto y = attention.forward.run({x.q, x.k, x.v}, tokens);
    if (first.empty())
      first = y;
    for (size_t i = 0; i < 2; ++i)
      EXPECT_TRUE(sameBits(y[i], first[i], y[i].size())) << width;
  }
}

// With few threads a task owns a whole key head and computes scores again once
// instead of twice; the plan's thread count must not show in the result.
TEST(Attention, PlansForFewAndManyThreadsAgreeBitwise) {
  for (Shape s : {Shape{4, 2, 20}, Shape{2, 1, 64}, Shape{2, 1, 33, 8},
                  Shape{4, 2, 16, 4}}) {
    const int64_t tokens = 200;
    Attention few(s, tokens, 1), many(s, tokens, 4);
    EXPECT_NE(few.backward.getCodeBytes(), many.backward.getCodeBytes());
    Operands x(s, tokens);
    auto y = few.forward.run({x.q, x.k, x.v}, tokens);
    for (int64_t length : {1, 63, 65, 200}) {
      SCOPED_TRACE(describe(s) + ", " + std::to_string(length) + " tokens");
      std::vector<Input> inputs = {x.q, x.k, x.v, y[0], y[1], x.dO};
      auto a = few.backward.run(inputs, length);
      auto b = many.backward.run(inputs, length);
      for (size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(sameBits(a[i], b[i], a[i].size())) << "gradient " << i;
    }
  }
}

TEST(Attention, LargeScoresStayFinite) {
  Shape s{2, 1, 16};
  const int64_t tokens = 130;
  Operands x(s, tokens);
  for (float &value : x.q)
    value *= 40;
  Attention attention(s, tokens);
  attention.check(x, tokens, 5);
}

TEST(Attention, CodeAndScratchAreSmall) {
  Attention attention({9, 3, 64}, 512);
  EXPECT_LT(attention.forward.getCodeBytes() +
                attention.backward.getCodeBytes(),
            25 * 1024);
}
