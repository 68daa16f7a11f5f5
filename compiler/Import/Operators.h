// The semantics of ONNX operators on arrays.
#ifndef NEAP_COMPILER_IMPORT_OPERATORS_H
#define NEAP_COMPILER_IMPORT_OPERATORS_H

#include "compiler/Import/Array.h"

namespace neap::onnx {

/// One application of an operator. Inputs may be unknown arrays: then the
/// results' types and shapes are computed and their elements left unknown.
struct Application {
  const Node &node;
  int64_t opset;
  /// Null for an omitted input.
  std::vector<const Array *> inputs;
  /// Elements are wanted; needs every input known.
  bool wantElements = false;
  /// Casts between float types keep double precision.
  bool exact = false;
  std::vector<Array> results;
  std::string error;

  bool fail(const std::string &message) {
    error = message;
    return false;
  }
  const Array *input(size_t i) const {
    return i < inputs.size() ? inputs[i] : nullptr;
  }
  /// A result of this type and shape; allocated if elements are wanted.
  Array *addResult(ElementType type, std::vector<int64_t> shape);
  /// Input `i` as integers, or the attribute `name` of older versions;
  /// nothing if both are missing.
  std::optional<std::vector<int64_t>> integers(size_t i,
                                               std::string_view name) const;
};

struct Operator {
  /// Computes results or sets an error and returns false.
  bool (*apply)(Application &) = nullptr;
  /// Bit i: the elements of input i are needed even for the shapes.
  uint32_t shapeInputs = 0;
  /// Only the shape of the inputs matters, never their elements.
  bool readsShapeOnly = false;
};

/// The operator, or null if the evaluator does not know it.
const Operator *findOperator(const Node &node);

/// More elements than this are never computed at import.
constexpr int64_t kMaximumElements = int64_t(1) << 26;

/// Resolves a possibly negative axis; nothing if it is out of range.
std::optional<int64_t> resolveAxis(int64_t axis, int64_t rank);

/// Elements begin, begin + step, .. of one axis.
struct SliceRange {
  int64_t begin = 0, step = 1, count = 0;
};
/// What a Slice node keeps of every axis of `shape`; nothing if its bounds are
/// unknown or not valid.
std::optional<std::vector<SliceRange>>
sliceRanges(const Application &app, const std::vector<int64_t> &shape);

// The tables that findOperator joins, by file.
struct NamedOperator {
  const char *name;
  Operator op;
};
const std::vector<NamedOperator> &elementwiseOperators();
const std::vector<NamedOperator> &shapeOperators();
const std::vector<NamedOperator> &indexOperators();
const std::vector<NamedOperator> &reduceOperators();

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_OPERATORS_H
