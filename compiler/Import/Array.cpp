#include "compiler/Import/Array.h"

#include <cassert>
#include <cmath>
#include <cstring>

namespace neap::onnx {

int64_t Array::size() const {
  std::optional<int64_t> count = elementCount(shape);
  assert(count && "arrays have valid shapes");
  return *count;
}

void Array::allocate() {
  known = true;
  if (isFloat())
    floats.assign(size(), 0);
  else
    ints.assign(size(), 0);
}

Array Array::unknown(ElementType type, std::vector<int64_t> shape) {
  Array array;
  array.type = type;
  array.shape = std::move(shape);
  return array;
}

Array Array::integers(std::vector<int64_t> shape, std::vector<int64_t> values) {
  Array array = unknown(ElementType::Int64, std::move(shape));
  array.known = true;
  array.ints = std::move(values);
  return array;
}

Array Array::numbers(std::vector<int64_t> shape, std::vector<double> values) {
  Array array = unknown(ElementType::Float, std::move(shape));
  array.known = true;
  array.floats = std::move(values);
  return array;
}

/// Rounds to a float type of `precision` significant bits whose smallest
/// normal exponent is `lowest` and whose largest finite value is `largest`.
static double roundBits(double value, int precision, int lowest,
                        double largest) {
  if (value == 0 || !std::isfinite(value))
    return value;
  int exponent = std::max(std::ilogb(value), lowest);
  double unit = std::ldexp(1.0, exponent - precision + 1);
  double rounded = std::nearbyint(value / unit) * unit;
  return std::fabs(rounded) > largest ? std::copysign(INFINITY, value)
                                      : rounded;
}

double roundTo(ElementType type, double value) {
  switch (type) {
  case ElementType::Float:
    return static_cast<double>(static_cast<float>(value));
  case ElementType::Float16:
    return roundBits(value, 11, -14, 65504);
  case ElementType::BFloat16:
    return roundBits(value, 8, -126, 3.3895313892515355e38);
  default:
    return value;
  }
}

static double decodeHalf(uint16_t bits) {
  int exponent = (bits >> 10) & 0x1f;
  int fraction = bits & 0x3ff;
  double value = exponent == 0    ? std::ldexp(fraction, -24)
                 : exponent == 31 ? (fraction ? NAN : INFINITY)
                                  : std::ldexp(fraction + 1024, exponent - 25);
  return bits & 0x8000 ? -value : value;
}

template <typename T> static T load(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

static double decodeFloat(ElementType type, const char *bytes) {
  switch (type) {
  case ElementType::Float:
    return load<float>(bytes);
  case ElementType::Double:
    return load<double>(bytes);
  case ElementType::Float16:
    return decodeHalf(load<uint16_t>(bytes));
  default: {
    uint32_t word = uint32_t(load<uint16_t>(bytes)) << 16;
    return load<float>(reinterpret_cast<const char *>(&word));
  }
  }
}

static int64_t decodeInteger(ElementType type, const char *bytes) {
  switch (type) {
  case ElementType::Int8:
    return load<int8_t>(bytes);
  case ElementType::Uint8:
  case ElementType::Bool:
    return load<uint8_t>(bytes);
  case ElementType::Int16:
    return load<int16_t>(bytes);
  case ElementType::Uint16:
    return load<uint16_t>(bytes);
  case ElementType::Int32:
    return load<int32_t>(bytes);
  case ElementType::Uint32:
    return load<uint32_t>(bytes);
  default:
    return load<int64_t>(bytes);
  }
}

Array decodeArray(ElementType type, std::vector<int64_t> shape,
                  std::string_view bytes) {
  Array array = Array::unknown(type, std::move(shape));
  array.allocate();
  int64_t width = elementBytes(type);
  assert(int64_t(bytes.size()) == array.size() * width &&
         "tensors are checked when read");
  for (int64_t i = 0, end = array.size(); i < end; ++i) {
    if (array.isFloat())
      array.floats[i] = decodeFloat(type, bytes.data() + i * width);
    else
      array.ints[i] = decodeInteger(type, bytes.data() + i * width);
  }
  return array;
}

std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::optional<std::vector<int64_t>>
broadcastShapes(const std::vector<int64_t> &a, const std::vector<int64_t> &b) {
  size_t rank = std::max(a.size(), b.size());
  std::vector<int64_t> result(rank);
  for (size_t i = 0; i < rank; ++i) {
    int64_t x = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    int64_t y = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (x != y && x != 1 && y != 1)
      return std::nullopt;
    result[i] = x == 1 ? y : x;
  }
  return result;
}

std::vector<int64_t> broadcastStrides(const std::vector<int64_t> &shape,
                                      const std::vector<int64_t> &target) {
  std::vector<int64_t> own = rowMajorStrides(shape), strides(target.size(), 0);
  size_t lead = target.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    strides[lead + i] = shape[i] == 1 ? 0 : own[i];
  return strides;
}

void StridedIterator::advance() {
  for (size_t axis = shape.size(); axis-- > 0;) {
    position += strides[axis];
    if (++index[axis] < shape[axis])
      return;
    position -= strides[axis] * shape[axis];
    index[axis] = 0;
  }
}

} // namespace neap::onnx
