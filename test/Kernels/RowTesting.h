// What the tests of row-wise kernels share: one run that also checks
// everything a kernel promises whatever it computes.
#ifndef NEAP_TEST_KERNELS_ROWTESTING_H
#define NEAP_TEST_KERNELS_ROWTESTING_H

#include "test/Kernels/GemmTesting.h"

#include <functional>
#include <optional>

namespace neap::test {

/// The only operand of a kernel test: `op` applied to arguments of the given
/// types.
inline std::string makeSource(const std::string &op,
                              const std::vector<std::string> &operands,
                              const std::string &attributes,
                              const std::vector<std::string> &results) {
  auto join = [](const std::vector<std::string> &parts) {
    std::string text;
    for (const std::string &part : parts)
      text += (text.empty() ? "" : ", ") + part;
    return text;
  };
  std::vector<std::string> names, arguments;
  for (size_t i = 0; i < operands.size(); ++i) {
    names.push_back("%a" + std::to_string(i));
    arguments.push_back(names.back() + ": " + operands[i]);
  }
  std::string left;
  if (!results.empty())
    left = "%y:" + std::to_string(results.size()) + " = ";
  return "func.func @f(" + join(arguments) + ") { " + left + op + " " +
         join(names) + " " + attributes + " : (" + join(operands) + ") -> (" +
         join(results) + ") return }";
}

/// One operand's bytes.
struct Input {
  template <typename T>
  Input(const std::vector<T> &values)
      : bytes(reinterpret_cast<const uint8_t *>(values.data()),
              reinterpret_cast<const uint8_t *>(values.data()) +
                  values.size() * sizeof(T)) {}
  Input(const StoredArray &array) : bytes(array.bytes) {}
  std::vector<uint8_t> bytes;
};

/// A kernel whose results are arrays of `resultColumns[i]` columns per token.
class RowKernel {
public:
  static constexpr float untouched = 7e30f;

  RowKernel(const std::string &source, std::vector<int64_t> resultColumns,
            int64_t maxTokens, int64_t vectorFloats, int maxThreads = 4)
      : resultColumns(std::move(resultColumns)), maxTokens(maxTokens),
        maxThreads(maxThreads),
        kernel(source, getTarget(vectorFloats, maxTokens, maxThreads)) {}

  using Arrays = std::vector<std::vector<float>>;
  /// Result number to the operand number it lies over.
  using Aliases = std::vector<std::pair<size_t, size_t>>;

  /// Runs `tokens` rows with one thread, then checks that more threads and
  /// results laid over `aliases` give the same bits, and that no row beyond is
  /// touched.
  Arrays run(const std::vector<Input> &inputs, int64_t tokens,
             const Aliases &aliases = {}) {
    Arrays first = runOnce(inputs, tokens, 1, {});
    for (int threads = 2; threads <= maxThreads; ++threads)
      expectSame(first, runOnce(inputs, tokens, threads, {}), tokens,
                 "with threads");
    if (!aliases.empty())
      expectSame(first, runOnce(inputs, tokens, maxThreads, aliases), tokens,
                 "in place");
    return first;
  }

  /// The same, and that the first rows do not depend on those after them.
  Arrays runAll(const std::vector<Input> &inputs, const Aliases &aliases = {}) {
    Arrays all = run(inputs, maxTokens, aliases);
    for (int64_t tokens = 1; tokens < maxTokens; tokens += 1 + tokens)
      expectSame(run(inputs, tokens, aliases), all, tokens, "of a longer row");
    return all;
  }

  neap_context &getContext() { return kernel.context; }
  int64_t getCodeBytes() const { return kernel.getCodeBytes(); }

private:
  Arrays runOnce(std::vector<Input> inputs, int64_t tokens, int threads,
                 const Aliases &aliases) {
    Arrays results;
    std::vector<const void *> in;
    std::vector<void *> out;
    for (const Input &input : inputs)
      in.push_back(input.bytes.data());
    for (size_t i = 0; i < resultColumns.size(); ++i) {
      results.emplace_back(size_t(maxTokens * resultColumns[i]), untouched);
      for (auto [result, operand] : aliases)
        if (result == i)
          std::memcpy(results[i].data(), inputs[operand].bytes.data(),
                      size_t(tokens * resultColumns[i]) * sizeof(float));
    }
    for (size_t i = 0; i < results.size(); ++i)
      out.push_back(results[i].data());
    for (auto [result, operand] : aliases)
      in[operand] = results[result].data();
    kernel.run(in, out, tokens, threads);
    for (size_t i = 0; i < results.size(); ++i)
      for (size_t at = size_t(tokens * resultColumns[i]);
           at < results[i].size(); ++at)
        if (results[i][at] != untouched) {
          ADD_FAILURE() << "result " << i << " is written at element " << at
                        << ", beyond " << tokens << " rows";
          break;
        }
    return results;
  }

  void expectSame(const Arrays &a, const Arrays &b, int64_t tokens,
                  const char *what) {
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_TRUE(sameBits(a[i], b[i], size_t(tokens * resultColumns[i])))
          << "result " << i << " differs " << what << " (" << tokens
          << " tokens)";
  }

  std::vector<int64_t> resultColumns;
  int64_t maxTokens;
  int maxThreads;
  CompiledKernel kernel;
};

using Doubles = std::vector<double>;

inline Doubles widen(const std::vector<float> &values) {
  return Doubles(values.begin(), values.end());
}

/// Largest |actual - expected| over largest |expected|, which counts as `floor`
/// at least; infinite for NaN.
inline double getRelativeError(const std::vector<float> &actual,
                               const Doubles &expected, double floor = 1e-30) {
  double worst = 0, scale = floor;
  for (size_t i = 0; i < expected.size(); ++i) {
    double error = std::abs(actual[i] - expected[i]);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    scale = std::max(scale, std::abs(expected[i]));
  }
  return worst / scale;
}

/// d/dx sum_i weights[i] * f(x)[i], by central differences.
inline Doubles differentiate(const std::function<Doubles(const Doubles &)> &f,
                             Doubles x, const Doubles &weights) {
  constexpr double step = 1e-5;
  auto value = [&] {
    Doubles y = f(x);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i)
      sum += y[i] * weights[i];
    return sum;
  };
  Doubles gradient;
  for (double &entry : x) {
    double center = entry;
    entry = center + step;
    double above = value();
    entry = center - step;
    double below = value();
    entry = center;
    gradient.push_back((above - below) / (2 * step));
  }
  return gradient;
}

} // namespace neap::test
#endif
