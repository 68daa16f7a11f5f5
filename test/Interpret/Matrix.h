// Arrays in double precision.
#ifndef NEAP_TEST_INTERPRET_MATRIX_H
#define NEAP_TEST_INTERPRET_MATRIX_H

#include <cstdint>
#include <vector>

namespace neap::test {

/// Row-major [rows, columns].
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), data(rows * columns, 0) {}
  double &at(int64_t row, int64_t column) {
    return data[row * columns + column];
  }
  double at(int64_t row, int64_t column) const {
    return data[row * columns + column];
  }
};

/// The matrix of f(t, n).
template <typename F> Matrix generate(int64_t rows, int64_t columns, F f) {
  Matrix y(rows, columns);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t n = 0; n < columns; ++n)
      y.at(t, n) = f(t, n);
  return y;
}

/// Integers as one column.
inline Matrix toColumn(const std::vector<int32_t> &values) {
  return generate(int64_t(values.size()), 1,
                  [&](int64_t t, int64_t) { return values[t]; });
}

} // namespace neap::test

#endif
