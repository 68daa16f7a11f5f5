// The pieces that attention's kernels are made of: tiles of 64 tokens in
// scratch, products of tiles, and passes over a tile.
//
// A row tile holds 64 rows of one head, `padded` floats each; a square tile 64
// x 64 scores. Rows beyond the valid ones and columns beyond the head are zero
// in what is copied in, so products need no masks and read no foreign memory.
#ifndef NEAP_PASSES_LOWER_KERNELS_ATTENTIONTILES_H
#define NEAP_PASSES_LOWER_KERNELS_ATTENTIONTILES_H

#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/KernelMath.h"

namespace neap {

/// C[i, j] = sum_k A[i, k] B[k, j] over register tiles of rowStep() rows and
/// two vectors. Every element is one chain of multiply-adds in ascending k.
struct TileProduct {
  using Value = mlir::Value;

  Value a, b, c;
  int64_t aRow, aStep; ///< element strides of A by i and by k
  int64_t bStep;       ///< of B by k; its columns are contiguous
  int64_t cRow;        ///< of C by i
  int64_t columns;     ///< j in [0, columns), whole vectors

  struct Span {
    Value begin, end;
  };
  /// Rows i for the columns from `column` on; begin is a multiple of the row
  /// step, and whole register tiles are computed.
  std::function<Span(Value column)> rows = nullptr;
  /// k for the rows from `row` on.
  std::function<Span(Value row)> contraction = nullptr;
  /// First value of the sums of vector `at` (element index in C) in row `row`;
  /// none: zero.
  std::function<Value(Value row, Value at)> initial = nullptr;
  /// What is stored of a sum; none: the sum.
  std::function<Value(Value sum, Value row, Value at)> finish = nullptr;
};

/// Emits into `builder`; all addresses are scratch unless said otherwise.
class AttentionTiles {
public:
  using Value = mlir::Value;
  static constexpr int64_t kBlock = 64; ///< tokens of a tile, on every target

  AttentionTiles(KernelBuilder &builder, int64_t headDim)
      : b(builder), math(builder), headDim(headDim),
        padded(getPadded(builder.getLanes(), headDim)) {}

  static int64_t getPadded(int64_t lanes, int64_t headDim) {
    return (headDim + lanes - 1) / lanes * lanes;
  }
  int64_t getPadded() const { return padded; }
  /// Rows of a register tile: as many accumulators as the registers of the
  /// usual machine with this width hold beside B's row and one broadcast.
  int64_t rowStep() const { return b.getLanes() == 8 ? 4 : 8; }

  void emit(const TileProduct &product);

  /// Copies rows [0, rows) from `source` (element stride `stride`), times
  /// `scale`, and clears the rest of the tile.
  void copyIn(Value source, int64_t stride, Value rows, Value tile,
              double scale = 1);
  /// Writes rows [0, rows) of a tile, times factorOf(row) if given.
  void copyOut(Value tile, Value rows, Value target, int64_t stride,
               llvm::function_ref<Value(Value row)> factorOf = nullptr);
  void clear(Value tile);
  /// target[d, row] = tile[row, d] for all d of the padded head.
  void transpose(Value tile, Value target);

  /// x[row] = source[row * stride] for valid rows, zero for the rest.
  void gatherColumn(Value source, int64_t stride, Value rows, Value x);
  /// dots[row] = sum_d tile[row, d] * other[row * stride + d], valid rows.
  void rowDots(Value tile, Value other, int64_t stride, Value rows, Value dots);

  /// An index as i32, in every lane; then with the lane number added.
  Value repeat(Value index);
  Value lanesFrom(Value first);
  /// Lanes of a > b, signed i32.
  Value lanesAbove(Value a, Value b);

private:
  void emitRegisterTile(const TileProduct &product, Value row, Value column,
                        int64_t vectors);

  KernelBuilder &b;
  KernelMath math;
  int64_t headDim, padded;
};

} // namespace neap
#endif
