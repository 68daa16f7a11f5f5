// Packing of a weight panel: P[k][0..NR) in f32, decoded on the way.
#include "passes/Lower/Kernels/Gemm.h"

using namespace mlir;
using namespace neap;
using Values = KernelBuilder::Values;

void neap::transposeLanes(KernelBuilder &b, Values &rows) {
  int64_t lanes = b.getLanes();
  // Stage d swaps the off-diagonal halves of each 2d x 2d square.
  for (int64_t d = 1; d < lanes; d *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low.push_back(lane & d ? lanes + lane - d : lane);
      high.push_back(lane & d ? lanes + lane : lane + d);
    }
    Values next(rows);
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & d)
        continue;
      next[i] = b.shuffle(rows[i], rows[i + d], low);
      next[i + d] = b.shuffle(rows[i], rows[i + d], high);
    }
    rows = next;
  }
}

void Gemm::pack(const GemmCall &call, const Group &group) {
  if (!shape.transposed)
    return packStraight(call, group);
  forPanels(call, group,
            [&](const Panel &panel) { packTransposed(call, group, panel); });
}

void Gemm::packTransposed(const GemmCall &call, const Group &group,
                          const Panel &panel) {
  int64_t lanes = b.getLanes();
  int64_t tail = shape.contraction % lanes;
  Value full = b.mul(b.div(group.length, lanes), lanes);
  b.forLoop(b.index(0), b.index(panelColumns), lanes, [&](Value offset) {
    // Rows beyond the last are packed as the last again; their columns are
    // never stored.
    Value firstRow = b.add(panel.column, offset);
    Values rows;
    for (int64_t i = 0; i < lanes; ++i) {
      Value row = b.min(b.add(firstRow, i), b.index(shape.columns - 1));
      rows.push_back(b.address(
          call.weight, b.add(b.mul(row, shape.contraction), group.begin),
          shape.weightType));
    }
    Value target = b.address(panel.address, offset, b.getF32Type());
    auto block = [&](Value k, int64_t from) {
      Values square;
      for (Value row : rows)
        square.push_back(b.loadVectorAs(shape.weightType, row, k));
      transposeLanes(b, square);
      for (int64_t i = from; i < lanes; ++i)
        b.storeVector(square[i], target, b.mul(b.add(k, i), panelColumns));
    };
    b.forLoop(b.index(0), full, lanes, [&](Value k) { block(k, 0); });
    if (tail == 0)
      return;
    // The last elements of a row come from a square that ends with the row.
    b.ifThen(b.less(full, group.length), [&] {
      if (shape.contraction < lanes)
        packShortRows(rows, group.length, target);
      else
        block(b.sub(group.length, b.index(lanes)), lanes - tail);
    });
  });
}

void Gemm::packShortRows(Values rows, Value length, Value target) {
  b.forLoop(b.index(0), length, 1, [&](Value k) {
    for (auto [i, row] : llvm::enumerate(rows))
      b.store(b.loadAs(shape.weightType, row, k), target,
              b.add(b.mul(k, panelColumns), i));
  });
}

/// Row by row over the whole group, so that each visit of a row reads as many
/// neighbouring columns as the group has.
void Gemm::packStraight(const GemmCall &call, const Group &group) {
  int64_t lanes = b.getLanes(), wholePanels = shape.columns / panelColumns;
  Value column = b.mul(group.panel, panelColumns);
  Value source =
      b.address(call.weight, b.add(b.mul(group.begin, shape.columns), column),
                shape.weightType);
  Value whole = b.min(group.count, b.sub(b.index(wholePanels), group.panel));
  if (wholePanels > 0)
    b.forLoop(b.index(0), group.length, 1, [&](Value k) {
      Value row = b.mul(k, shape.columns), target = b.mul(k, panelColumns);
      b.forLoop(b.index(0), whole, 1, [&](Value panel) {
        Value from = b.add(row, b.mul(panel, panelColumns));
        Value to = b.add(target, b.mul(panel, tiling.block * panelColumns));
        for (int64_t offset = 0; offset < panelColumns; offset += lanes)
          b.storeVector(
              b.loadVectorAs(shape.weightType, source, b.add(from, offset)),
              call.panels, b.add(to, offset));
      });
    });
  int64_t left = shape.columns % panelColumns;
  if (left == 0)
    return;
  b.ifThen(b.less(whole, group.count), [&] {
    Value panel =
        b.address(source, b.mul(whole, panelColumns), shape.weightType);
    Value target = b.address(
        call.panels, b.mul(whole, tiling.block * panelColumns), b.getF32Type());
    b.forLoop(b.index(0), group.length, 1, [&](Value k) {
      for (int64_t offset = 0; offset < panelColumns; offset += lanes)
        b.storeVector(
            loadLeft(panel, b.mul(k, shape.columns), offset, left - offset),
            target, b.add(b.mul(k, panelColumns), offset));
    });
  });
}

Value Gemm::loadLeft(Value panel, Value row, int64_t offset, int64_t valid) {
  int64_t lanes = b.getLanes();
  if (valid <= 0)
    return b.splat(0);
  if (valid >= lanes || shape.columns < lanes)
    return b.loadVectorAs(shape.weightType, panel, b.add(row, offset),
                          std::min(valid, lanes));
  // The row's last vector, moved down; the lanes above repeat.
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < lanes; ++i)
    order.push_back(std::min(lanes - valid + i, lanes - 1));
  Value last = b.loadVectorAs(shape.weightType, panel,
                              b.add(row, offset + valid - lanes));
  return b.shuffle(last, last, order);
}
