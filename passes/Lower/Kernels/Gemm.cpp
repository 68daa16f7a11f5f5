#include "passes/Lower/Kernels/Gemm.h"

using namespace mlir;
using namespace neap;
using Values = KernelBuilder::Values;

/// Rows per panel column from which a row tile is kept in L1 across a group of
/// panels; below, one panel at a time keeps the packed floats in L1 and L2.
static constexpr int64_t groupedRowsPerColumn = 8;
/// A weight stored K x N is copied row by row: it gains from panels that stay
/// in L1 and from many of them at once, so that each visit of a row reads far.
static constexpr int64_t straightPanelBytes = 32 << 10;
static constexpr int64_t straightGroup = 16;
/// Contraction elements per iteration of a full tile's loop and of a shorter
/// one's. Longer bodies are no faster.
static constexpr int64_t unroll = 8;
static constexpr int64_t tailUnroll = 2;
/// Cache lines of the next group that a full tile prefetches per 16 elements
/// of its contraction: eight tiles then fetch a whole panel.
static constexpr int64_t linesPerSixteen = 4;
static constexpr int64_t linesPerIteration = linesPerSixteen * unroll / 16;
static constexpr int64_t lineBytes = 64;

Gemm::Tiling::Tiling(const GemmShape &shape, const KernelTarget &target) {
  int64_t lanes = target.vectorFloats;
  vectors = std::min<int64_t>(target.tileVectors,
                              llvm::divideCeil(shape.columns, lanes));
  int64_t longest = target.contractionBlock, panelsAtOnce = target.panelGroup;
  if (!shape.transposed) {
    longest = std::min(longest, straightPanelBytes /
                                    (vectors * lanes * int64_t(sizeof(float))));
    panelsAtOnce = std::max(panelsAtOnce, straightGroup);
  }
  block = std::min<int64_t>(longest, llvm::alignTo(shape.contraction, lanes));
  int64_t panels = llvm::divideCeil(shape.columns, vectors * lanes);
  groupedRows = groupedRowsPerColumn * vectors * lanes;
  group = target.maxTokens < groupedRows ? 1 : std::min(panelsAtOnce, panels);
}

Gemm::Gemm(KernelBuilder &builder, const GemmShape &shape,
           const KernelTarget &target)
    : b(builder), shape(shape), tileRows(target.tileRows),
      tiling(shape, target), panelColumns(tiling.vectors * target.vectorFloats),
      grouped(tiling.group > 1) {}

int64_t Gemm::getPanelCount() const {
  return llvm::divideCeil(shape.columns, panelColumns);
}

int64_t Gemm::getScratchBytes(const GemmShape &shape,
                              const KernelTarget &target) {
  Tiling tiling(shape, target);
  return tiling.group * tiling.block * tiling.vectors * target.vectorFloats *
         int64_t(sizeof(float));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void Gemm::emit(const GemmCall &given, Finish finish) {
  GemmCall call = given;
  if (!call.contractionBegin) {
    call.contractionBegin = b.index(0);
    call.contractionEnd = b.index(shape.contraction);
  }
  Value size = b.index(1);
  if (grouped) {
    Value rows = b.sub(call.rowEnd, call.rowBegin);
    size = b.select(b.less(rows, b.index(tiling.groupedRows)), b.index(1),
                    b.index(tiling.group));
  }
  Value panels = b.sub(call.panelEnd, call.panelBegin);
  Value groups = b.ceilDiv(panels, size);
  b.forLoop(call.contractionBegin, call.contractionEnd, tiling.block,
            [&](Value begin) {
              b.forLoop(b.index(0), groups, 1, [&](Value number) {
                Group group;
                group.begin = begin;
                group.length = b.min(b.sub(call.contractionEnd, begin),
                                     b.index(tiling.block));
                group.first = b.equal(begin, call.contractionBegin);
                group.panel = b.add(call.panelBegin, b.mul(number, size));
                group.size = size;
                group.count = b.min(b.sub(call.panelEnd, group.panel), size);
                // What is packed next: the following group, or the first of the
                // next block. Clamped to the weight: prefetches are hints.
                Value following = b.add(group.panel, size);
                Value more = b.less(following, call.panelEnd);
                group.next = b.select(more, following, call.panelBegin);
                group.nextBegin =
                    b.select(more, begin,
                             b.min(b.add(begin, tiling.block),
                                   b.index(shape.contraction - 1)));
                emitGroup(call, group, finish);
              });
            });
}

void Gemm::forPanels(const GemmCall &call, const Group &group,
                     function_ref<void(const Panel &)> body) {
  auto visit = [&](Value number) {
    Panel panel;
    panel.number = number;
    panel.column = b.mul(b.add(group.panel, number), panelColumns);
    panel.address =
        b.address(call.panels, b.mul(number, tiling.block * panelColumns),
                  b.getF32Type());
    body(panel);
  };
  if (grouped)
    b.forLoop(b.index(0), group.count, 1, visit);
  else
    visit(b.index(0));
}

void Gemm::emitGroup(const GemmCall &call, const Group &group, Finish finish) {
  pack(call, group);
  emitRows(call, group, finish);
}

void Gemm::emitRows(const GemmCall &call, const Group &group, Finish finish) {
  // A remainder of fewer than half a tile joins the last full tile, and both
  // are halved: kernels of one to three rows are bound by latency.
  Value rows = b.sub(call.rowEnd, call.rowBegin);
  Value tiles = b.div(rows, tileRows);
  Value left = b.rem(rows, tileRows);
  Value zero = b.index(0), one = b.index(1);
  Value take = b.select(b.less(left, b.index(tileRows / 2)),
                        b.min(b.min(left, one), tiles), zero);
  Value fullRows = b.mul(b.sub(tiles, take), tileRows);
  Value fullEnd = b.add(call.rowBegin, fullRows);
  left = b.sub(rows, fullRows);
  Value halves =
      b.select(b.less(b.index(tileRows), left), b.index(2), b.min(left, one));
  Value part =
      b.select(b.less(b.index(tileRows), left), b.ceilDiv(left, 2), left);

  b.forLoop(call.rowBegin, fullEnd, tileRows, [&](Value row) {
    forPanels(call, group, [&](const Panel &panel) {
      emitTile(call, group, panel, row, tileRows, finish);
    });
  });
  SmallVector<int64_t> counts;
  for (int64_t count = 1; count < tileRows; ++count)
    counts.push_back(count);
  b.forLoop(zero, halves, 1, [&](Value half) {
    Value row = b.add(fullEnd, b.mul(half, part));
    Value count = b.min(b.sub(call.rowEnd, row), part);
    forPanels(call, group, [&](const Panel &panel) {
      b.switchOn(count, counts, [&](int64_t rows) {
        emitTile(call, group, panel, row, rows, finish);
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// One tile
//===----------------------------------------------------------------------===//

void Gemm::splitFull(Value column, function_ref<void(int64_t)> then) {
  int64_t full = shape.columns / panelColumns * panelColumns;
  if (full == shape.columns)
    return then(panelColumns);
  if (full == 0)
    return then(shape.columns);
  b.ifThen(
      b.less(column, b.index(full)), [&] { then(panelColumns); },
      [&] { then(shape.columns - full); });
}

void Gemm::emitTile(const GemmCall &call, const Group &group,
                    const Panel &panel, Value row, int64_t rows,
                    Finish finish) {
  prefetchOutput(call, panel, row, rows);
  Values sums = accumulate(call, group, panel, row, rows);
  splitFull(panel.column, [&](int64_t columns) {
    auto store = [&](bool first) {
      storeTile(call, panel, row, rows, columns, sums, first, finish);
    };
    if (shape.uniform || shape.contraction <= tiling.block)
      return store(!shape.uniform);
    b.ifThen(group.first, [&] { store(true); }, [&] { store(false); });
  });
}

Values Gemm::accumulate(const GemmCall &call, const Group &group,
                        const Panel &panel, Value row, int64_t rows) {
  int64_t lanes = b.getLanes();
  Value first = b.add(b.mul(row, shape.inputStride), group.begin);
  Value input = b.address(call.input, first, b.getF32Type());
  auto step = [&](Value k, ValueRange sums) {
    Values weights, next;
    for (int64_t v = 0; v < tiling.vectors; ++v)
      weights.push_back(b.loadVector(panel.address,
                                     b.add(b.mul(k, panelColumns), v * lanes)));
    for (int64_t r = 0; r < rows; ++r) {
      Value x = b.broadcast(b.loadF32(input, b.add(k, r * shape.inputStride)));
      for (int64_t v = 0; v < tiling.vectors; ++v)
        next.push_back(b.fma(x, weights[v], sums[r * tiling.vectors + v]));
    }
    return next;
  };
  bool full = rows == tileRows;
  int64_t steps = full ? unroll : tailUnroll;
  Value limit = b.mul(b.div(group.length, steps), steps);
  Values sums(rows * tiling.vectors, b.splat(0));
  sums = b.forLoop(b.index(0), limit, steps, sums,
                   [&](Value k, ValueRange carried) {
                     Values next(carried);
                     if (full)
                       prefetchWeight(call, group, panel, row, k);
                     for (int64_t u = 0; u < steps; ++u)
                       next = step(b.add(k, u), next);
                     return next;
                   });
  return b.forLoop(limit, group.length, 1, sums, step);
}

void Gemm::storeTile(const GemmCall &call, const Panel &panel, Value row,
                     int64_t rows, int64_t columns, Values sums, bool first,
                     Finish finish) {
  int64_t lanes = b.getLanes();
  Value corner = b.add(b.mul(row, shape.outputStride), panel.column);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < tiling.vectors; ++v) {
      int64_t valid = std::min(lanes, columns - v * lanes);
      if (valid <= 0)
        continue;
      GemmResult result{sums[r * tiling.vectors + v],
                        b.add(corner, r * shape.outputStride + v * lanes),
                        b.add(panel.column, v * lanes), valid, first};
      b.storeVector(finish(result), call.output, result.at, valid);
    }
}

//===----------------------------------------------------------------------===//
// Prefetches
//===----------------------------------------------------------------------===//

void Gemm::prefetchOutput(const GemmCall &call, const Panel &panel, Value row,
                          int64_t rows) {
  if (shape.contraction <= tiling.block)
    return;
  Value corner = b.add(b.mul(row, shape.outputStride), panel.column);
  int64_t step = lineBytes / int64_t(sizeof(float));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t column = 0; column < panelColumns; column += step)
      b.prefetch(call.output, b.add(corner, r * shape.outputStride + column),
                 b.getF32Type(), /*forWrite=*/true, /*locality=*/3);
}

void Gemm::prefetchWeight(const GemmCall &call, const Group &group,
                          const Panel &panel, Value row, Value k) {
  // Tiles are numbered in the order they run; each iteration of a tile takes
  // the next lines of the group that will be packed after this one.
  Value tile =
      b.add(b.mul(b.div(b.sub(row, call.rowBegin), tileRows), group.count),
            panel.number);
  Value lastRow =
      b.index((shape.transposed ? shape.columns : shape.contraction) - 1);
  if (shape.transposed) {
    Value firstRow =
        b.add(b.mul(group.next, panelColumns), b.mul(tile, linesPerSixteen));
    // Iterations within the same line take turns with the rows.
    firstRow = b.add(firstRow, b.div(b.mul(b.rem(k, 16), linesPerSixteen), 16));
    for (int64_t i = 0; i < linesPerIteration; ++i) {
      Value at = b.mul(b.min(b.add(firstRow, i), lastRow), shape.contraction);
      b.prefetch(call.weight, b.add(b.add(at, group.nextBegin), k),
                 shape.weightType, /*forWrite=*/false, /*locality=*/2);
    }
    return;
  }
  int64_t bytes = shape.weightType.getIntOrFloatBitWidth() / 8;
  auto split = [&](Value line, int64_t panels) {
    int64_t lines =
        std::max<int64_t>(panels * panelColumns * bytes / lineBytes, 1);
    return Values{b.div(line, lines), b.rem(line, lines)};
  };
  Value line = b.add(b.mul(tile, tiling.block / unroll * linesPerIteration),
                     b.div(b.mul(k, linesPerIteration), unroll));
  for (int64_t i = 0; i < linesPerIteration; ++i) {
    Values place = split(b.add(line, i), 1);
    if (grouped) {
      Values wide = split(b.add(line, i), tiling.group);
      Value many = b.less(b.index(1), group.size);
      place = {b.select(many, wide[0], place[0]),
               b.select(many, wide[1], place[1])};
    }
    Value at = b.min(b.add(group.nextBegin, place[0]), lastRow);
    Value column = b.add(b.mul(group.next, panelColumns),
                         b.mul(place[1], lineBytes / bytes));
    b.prefetch(call.weight, b.add(b.mul(at, shape.columns), column),
               shape.weightType, /*forWrite=*/false, /*locality=*/2);
  }
}
