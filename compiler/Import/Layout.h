// How the axes of an ONNX value map onto the tokens and columns of a graph
// activation.
//
// Exporters reshape and transpose the same numbers between [B, S, H], [B*S, H],
// [B, heads, S, D] and more. None of it computes anything, so none of it is
// raised: every value is a graph activation plus a layout. An axis is a list
// of atoms, outermost first:
//
//   [1, S, 64]          {}   {Token S}      {Column 64 x 1}
//   [1, S, 4, 16]       {}   {Token S}      {Column 4 x 16}  {Column 16 x 1}
//   [1, 4, S, 16]       {}   {Column 4 x 16}  {Token S}      {Column 16 x 1}
#ifndef NEAP_COMPILER_IMPORT_LAYOUT_H
#define NEAP_COMPILER_IMPORT_LAYOUT_H

#include <cstdint>
#include <optional>
#include <vector>

namespace neap::onnx {

enum class AtomKind { Batch, Token, Column, Repeat };

/// `size` steps of `stride` columns (tokens, rows of the batch). A Repeat atom
/// re-reads the same columns; its stride is 0.
struct Atom {
  AtomKind kind = AtomKind::Column;
  int64_t size = 1, stride = 1;
  bool operator==(const Atom &other) const {
    return kind == other.kind && size == other.size && stride == other.stride;
  }
};

using Axis = std::vector<Atom>;

struct Layout {
  std::vector<Axis> axes;
  int64_t offset = 0; ///< column of the first element

  std::vector<int64_t> shape() const;

  // Each returns nothing where the result has no layout of this kind.
  std::optional<Layout> reshaped(const std::vector<int64_t> &shape) const;
  Layout transposed(const std::vector<int64_t> &order) const;
  std::optional<Layout> expanded(const std::vector<int64_t> &shape) const;
  /// Elements begin, begin + step, .. of an axis that runs over columns only,
  /// or all elements of any axis.
  std::optional<Layout> sliced(size_t axis, int64_t begin, int64_t step,
                               int64_t count) const;

  /// Columns in row-major order of the axes; nothing if columns repeat.
  std::optional<std::vector<int64_t>> columns() const;
  /// The same axes over columns that lie in row-major order from 0.
  Layout rebased() const;
};

inline int64_t axisSize(const Axis &axis) {
  int64_t size = 1;
  for (const Atom &atom : axis)
    size *= atom.size;
  return size;
}

/// Whether the axis has size 1 or holds only atoms of `kind`.
bool holdsOnly(const Axis &axis, AtomKind kind);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_LAYOUT_H
