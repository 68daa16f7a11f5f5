// What the tests of matrix product kernels share: arrays of known values in
// every weight format, and comparison against sums in double precision.
#ifndef NEAP_TEST_KERNELS_GEMMTESTING_H
#define NEAP_TEST_KERNELS_GEMMTESTING_H

#include "passes/Lower/KernelTiles.h"
#include "test/Kernels/KernelHarness.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

namespace neap::test {

/// Uniform values in [-1/2, 1/2), reproducible.
class Random {
public:
  explicit Random(uint32_t seed) : state(seed) {}
  float next() {
    state = state * 1664525u + 1013904223u;
    return float(state >> 9) * (1.0f / 8388608.0f) - 0.5f;
  }
  std::vector<float> array(size_t count) {
    std::vector<float> values(count);
    for (float &value : values)
      value = next();
    return values;
  }

private:
  uint32_t state;
};

/// A frozen array: its bytes in a storage format, and what they mean.
struct StoredArray {
  std::vector<uint8_t> bytes;
  std::vector<float> values;
  const void *data() const { return bytes.data(); }
};

inline uint16_t toHalf(float value) {
  _Float16 half = _Float16(value);
  uint16_t bits;
  std::memcpy(&bits, &half, 2);
  return bits;
}

/// Random values stored as "f32", "f16" or "bf16".
inline StoredArray storeRandom(const std::string &type, size_t count,
                               uint32_t seed) {
  StoredArray array;
  array.values = Random(seed).array(count);
  size_t size = type == "f32" ? 4 : 2;
  array.bytes.resize(count * size);
  for (size_t i = 0; i < count; ++i) {
    float &value = array.values[i];
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    uint16_t half = type == "f16" ? toHalf(value) : uint16_t(bits >> 16);
    if (type == "f16")
      value = float(_Float16(value));
    if (type == "bf16") {
      bits &= 0xffff0000u;
      std::memcpy(&value, &bits, 4);
    }
    std::memcpy(&array.bytes[i * size],
                size == 4 ? static_cast<const void *>(&value) : &half, size);
  }
  return array;
}

/// "<?x19xf32>" as a tensor type.
inline std::string tensorType(int64_t columns) {
  return "tensor<?x" + std::to_string(columns) + "xf32>";
}
inline std::string weightType(int64_t rows, int64_t columns,
                              const std::string &element) {
  return "!graph.weight<" + std::to_string(rows) + "x" +
         std::to_string(columns) + "x" + element + ">";
}

/// The largest |actual - expected| / magnitude over rows that ran, where
/// magnitude is the sum of absolute products; NaN counts as infinite.
inline double getWorstError(const std::vector<float> &actual,
                            const std::vector<double> &expected,
                            const std::vector<double> &magnitude,
                            size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; ++i) {
    double error = std::abs(actual[i] - expected[i]) / (magnitude[i] + 1e-30);
    if (!(error <= worst))
      worst = std::isnan(error) ? INFINITY : error;
  }
  return worst;
}

/// A target of the given width that reserves for these threads and tokens.
inline KernelTarget getTarget(int64_t vectorFloats, int64_t maxTokens,
                              int64_t maxThreads) {
  KernelTarget target = getDefaultTiles(vectorFloats);
  target.maxTokens = maxTokens;
  target.maxThreads = maxThreads;
  return target;
}

/// Bytes of the first `count` floats, for comparison bit by bit.
inline bool sameBits(const std::vector<float> &a, const std::vector<float> &b,
                     size_t count) {
  return std::memcmp(a.data(), b.data(), count * sizeof(float)) == 0;
}

} // namespace neap::test
#endif
