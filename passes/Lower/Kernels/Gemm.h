// Matrix products with a weight that is packed into panels while it is read.
//
//   y[t, n] = finish(sum_k x[t, k] * w[n, k])
//
// for pc in contraction step KC
//   for groups of NB column panels (panel = NR columns)
//     pack or decode the panels: P[jb][k][0..NR)            (scratch, f32)
//     for i in rows step MR, for jb in group:
//       MR x NR accumulators over k in the block, then finish
//
// x is never packed: each row gives one broadcast load per k. Rows left over
// have exact kernels of 1..MR-1 rows, columns left over masked stores, so that
// nothing outside the given rows and columns is read or written.
//
// Every output is one sum per KC block with k ascending, and the blocks are
// finished in ascending order: bits depend on KC, never on the split of rows or
// panels, on MR, NR or NB. docs/kernels-gemm.md tells where this comes from.
#ifndef NEAP_PASSES_LOWER_KERNELS_GEMM_H
#define NEAP_PASSES_LOWER_KERNELS_GEMM_H

#include "dialects/Interfaces/KernelTarget.h"
#include "passes/Lower/KernelBuilder.h"

namespace neap {

/// What is known at compile time of a product.
struct GemmShape {
  int64_t columns;       ///< N
  int64_t contraction;   ///< K; a call may cover a part of it
  bool transposed;       ///< w stored N x K, otherwise K x N
  mlir::Type weightType; ///< f32, f16 or bf16
  int64_t inputStride;   ///< floats from one row of x to the next
  int64_t outputStride;  ///< floats from one row of y to the next
  bool uniform = false;  ///< finish treats the first block as any other
};

/// Addresses and half-open ranges of one call, in elements. Index 0 of `input`
/// and `output` is row 0, contraction 0, column 0.
struct GemmCall {
  mlir::Value input, weight, output, panels;
  mlir::Value rowBegin, rowEnd;
  mlir::Value panelBegin, panelEnd;
  /// Null for the whole contraction. Of a transposed weight only the whole.
  mlir::Value contractionBegin, contractionEnd;
};

/// One vector of a finished tile.
struct GemmResult {
  mlir::Value sum;    ///< this block's sum
  mlir::Value at;     ///< element of the output where it belongs
  mlir::Value column; ///< first column
  int64_t lanes;      ///< valid lanes
  bool first;         ///< of the first contraction block
};

class Gemm {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;
  /// Returns the vector to store at `result.at`.
  using Finish = llvm::function_ref<Value(const GemmResult &result)>;

  Gemm(KernelBuilder &builder, const GemmShape &shape,
       const KernelTarget &target);

  /// Column panels of the product: the unit of work to split over threads.
  int64_t getPanelCount() const;
  int64_t getPanelColumns() const { return panelColumns; }
  /// Scratch for packed panels, private to one thread.
  static int64_t getScratchBytes(const GemmShape &shape,
                                 const KernelTarget &target);

  /// Emits the loops of one call.
  void emit(const GemmCall &call, Finish finish);

private:
  struct Tiling {
    int64_t vectors, block, group, groupedRows;
    Tiling(const GemmShape &shape, const KernelTarget &target);
  };
  /// A block of the contraction and a group of panels.
  struct Group {
    Value begin;     ///< first contraction element
    Value length;    ///< of the block
    Value first;     ///< i1: the first block
    Value panel;     ///< first panel
    Value count;     ///< panels
    Value size;      ///< panels of a whole group
    Value next;      ///< panel of the group packed after this one
    Value nextBegin; ///< and its contraction
  };
  /// One panel of a group.
  struct Panel {
    Value address; ///< of its packed floats
    Value column;  ///< first column
    Value number;  ///< within the group
  };

  void emitGroup(const GemmCall &call, const Group &group, Finish finish);
  void emitRows(const GemmCall &call, const Group &group, Finish finish);
  void forPanels(const GemmCall &call, const Group &group,
                 llvm::function_ref<void(const Panel &)> body);
  void emitTile(const GemmCall &call, const Group &group, const Panel &panel,
                Value row, int64_t rows, Finish finish);
  Values accumulate(const GemmCall &call, const Group &group,
                    const Panel &panel, Value row, int64_t rows);
  void storeTile(const GemmCall &call, const Panel &panel, Value row,
                 int64_t rows, int64_t columns, Values sums, bool first,
                 Finish finish);
  void prefetchOutput(const GemmCall &call, const Panel &panel, Value row,
                      int64_t rows);
  void prefetchWeight(const GemmCall &call, const Group &group,
                      const Panel &panel, Value row, Value k);
  /// then(true) for panels of NR columns, then(false) for the last if shorter.
  void splitFull(Value column, llvm::function_ref<void(int64_t columns)> then);

  // Packing, in GemmPack.cpp.
  void pack(const GemmCall &call, const Group &group);
  void packTransposed(const GemmCall &call, const Group &group,
                      const Panel &panel);
  void packShortRows(Values rows, Value length, Value target);
  void packStraight(const GemmCall &call, const Group &group);
  /// `valid` columns of a row of the last panel, from `offset` of it.
  Value loadLeft(Value panel, Value row, int64_t offset, int64_t valid);

  KernelBuilder &b;
  GemmShape shape;
  int64_t tileRows;
  Tiling tiling;
  int64_t panelColumns;
  bool grouped; ///< more than one panel per group may pay
};

/// Transposes `lanes` vectors of `lanes` elements in registers.
void transposeLanes(KernelBuilder &builder, KernelBuilder::Values &rows);

} // namespace neap
#endif
