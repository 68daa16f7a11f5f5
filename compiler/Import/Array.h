// Arrays of the constant evaluator.
#ifndef NEAP_COMPILER_IMPORT_ARRAY_H
#define NEAP_COMPILER_IMPORT_ARRAY_H

#include "compiler/Import/OnnxModel.h"

namespace neap::onnx {

/// Elements in row-major order, or only a type and a shape (`known` false).
/// Integers and booleans are held as int64, floats as double rounded to their
/// own type after every operation (see roundTo), which for the four basic
/// operations and the square root is that type's own arithmetic.
struct Array {
  ElementType type = ElementType::Undefined;
  std::vector<int64_t> shape;
  bool known = false;
  std::vector<int64_t> ints;
  std::vector<double> floats;

  bool isFloat() const { return isFloatType(type); }
  /// Elements; shapes of arrays are always valid.
  int64_t size() const;
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  /// Element `i` whatever its type.
  double at(int64_t i) const {
    return isFloat() ? floats[i] : static_cast<double>(ints[i]);
  }

  /// Marks the array known with `size()` zero elements.
  void allocate();

  static Array unknown(ElementType type, std::vector<int64_t> shape);
  static Array integers(std::vector<int64_t> shape,
                        std::vector<int64_t> values);
  static Array numbers(std::vector<int64_t> shape, std::vector<double> values);
};

/// The nearest value of `type` (round to nearest even); integers unchanged.
double roundTo(ElementType type, double value);

/// Decodes little-endian elements; `type` must have whole bytes.
Array decodeArray(ElementType type, std::vector<int64_t> shape,
                  std::string_view bytes);

/// Row-major strides of `shape`.
std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape);

/// NumPy's broadcast of two shapes; nothing if they do not fit.
std::optional<std::vector<int64_t>>
broadcastShapes(const std::vector<int64_t> &a, const std::vector<int64_t> &b);

/// Strides that read an array of `shape` as if broadcast to `target`.
std::vector<int64_t> broadcastStrides(const std::vector<int64_t> &shape,
                                      const std::vector<int64_t> &target);

/// Walks `shape` in row-major order and yields the offset under `strides`.
class StridedIterator {
public:
  StridedIterator(const std::vector<int64_t> &shape,
                  std::vector<int64_t> strides)
      : shape(shape), strides(std::move(strides)), index(shape.size(), 0) {}
  int64_t offset() const { return position; }
  void advance();

private:
  const std::vector<int64_t> &shape;
  std::vector<int64_t> strides, index;
  int64_t position = 0;
};

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_ARRAY_H
