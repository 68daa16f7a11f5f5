#include "passes/Lower/Kernels/AttentionTiles.h"

#include "passes/Lower/Kernels/Elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace neap;
using Values = KernelBuilder::Values;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void AttentionTiles::emit(const TileProduct &product) {
  int64_t lanes = b.getLanes(), pair = 2 * lanes;
  auto columnGroup = [&](Value column, int64_t vectors) {
    TileProduct::Span rows = product.rows(column);
    b.forLoop(rows.begin, rows.end, rowStep(), [&](Value row) {
      emitRegisterTile(product, row, column, vectors);
    });
  };
  int64_t paired = product.columns / pair * pair;
  if (paired == pair)
    columnGroup(b.index(0), 2);
  else if (paired)
    b.forLoop(b.index(0), b.index(paired), pair,
              [&](Value column) { columnGroup(column, 2); });
  if (paired < product.columns)
    columnGroup(b.index(paired), 1);
}

void AttentionTiles::emitRegisterTile(const TileProduct &product, Value row,
                                      Value column, int64_t vectors) {
  int64_t lanes = b.getLanes(), count = rowStep();
  // Element index of a vector of C, and the sum kept for it.
  Values places, sums, rowNumbers;
  for (int64_t r = 0; r < count; ++r) {
    rowNumbers.push_back(b.add(row, r));
    Value start = b.add(b.mul(rowNumbers[r], product.cRow), column);
    for (int64_t v = 0; v < vectors; ++v) {
      places.push_back(b.add(start, v * lanes));
      sums.push_back(product.initial
                         ? product.initial(rowNumbers[r], places.back())
                         : b.splat(0));
    }
  }
  Value a = b.address(product.a, b.mul(row, product.aRow), b.getF32Type());
  Value bColumn = b.address(product.b, column, b.getF32Type());
  TileProduct::Span k = product.contraction(row);
  sums =
      b.forLoop(k.begin, k.end, 1, sums, [&](Value step, ValueRange carried) {
        Values next(carried), right;
        Value rightRow = b.mul(step, product.bStep);
        for (int64_t v = 0; v < vectors; ++v)
          right.push_back(b.loadVector(bColumn, b.add(rightRow, v * lanes)));
        Value aStep = b.mul(step, product.aStep);
        for (int64_t r = 0; r < count; ++r) {
          Value left =
              b.broadcast(b.loadF32(a, b.add(aStep, r * product.aRow)));
          for (int64_t v = 0; v < vectors; ++v) {
            Value &sum = next[r * vectors + v];
            sum = b.fma(left, right[v], sum);
          }
        }
        return next;
      });
  for (int64_t i = 0; i < count * vectors; ++i) {
    Value result = sums[i];
    if (product.finish)
      result = product.finish(result, rowNumbers[i / vectors], places[i]);
    b.storeVector(result, product.c, places[i]);
  }
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

void AttentionTiles::copyIn(Value source, int64_t stride, Value rows,
                            Value tile, double scale) {
  b.forLoop(b.index(0), rows, 1, [&](Value row) {
    Value from = b.mul(row, stride), to = b.mul(row, padded);
    b.forVectors(headDim, [&](Value column, int64_t n) {
      Value x = b.loadVector(source, b.add(from, column), n);
      if (scale != 1)
        x = b.fmul(x, b.splat(scale));
      // A whole vector: lanes beyond the head are zero.
      b.storeVector(x, tile, b.add(to, column));
    });
  });
  b.forLoop(b.mul(rows, padded), b.index(kBlock * padded), b.getLanes(),
            [&](Value at) { b.storeVector(b.splat(0), tile, at); });
}

void AttentionTiles::copyOut(Value tile, Value rows, Value target,
                             int64_t stride,
                             function_ref<Value(Value)> factorOf) {
  b.forLoop(b.index(0), rows, 1, [&](Value row) {
    Value from = b.mul(row, padded), to = b.mul(row, stride);
    Value factor = factorOf ? b.broadcast(factorOf(row)) : Value();
    b.forVectors(headDim, [&](Value column, int64_t n) {
      Value x = b.loadVector(tile, b.add(from, column));
      if (factor)
        x = b.fmul(x, factor);
      b.storeVector(x, target, b.add(to, column), n);
    });
  });
}

void AttentionTiles::clear(Value tile) {
  b.forLoop(b.index(0), b.index(kBlock * padded), b.getLanes(),
            [&](Value at) { b.storeVector(b.splat(0), tile, at); });
}

void AttentionTiles::transpose(Value tile, Value target) {
  int64_t lanes = b.getLanes();
  b.forLoop(b.index(0), b.index(padded), lanes, [&](Value d) {
    b.forLoop(b.index(0), b.index(kBlock), lanes, [&](Value row) {
      Values block;
      Value from = b.add(b.mul(row, padded), d);
      for (int64_t i = 0; i < lanes; ++i)
        block.push_back(b.loadVector(tile, b.add(from, i * padded)));
      // Swaps the off-diagonal quarters of ever smaller sub-blocks.
      for (int64_t width = lanes / 2; width; width /= 2) {
        SmallVector<int64_t> upper, lower;
        for (int64_t l = 0; l < lanes; ++l) {
          upper.push_back(l & width ? lanes + l - width : l);
          lower.push_back(l & width ? lanes + l : l + width);
        }
        for (int64_t i = 0; i < lanes; ++i) {
          if (i & width)
            continue;
          Value first = block[i], second = block[i + width];
          block[i] = b.shuffle(first, second, upper);
          block[i + width] = b.shuffle(first, second, lower);
        }
      }
      Value to = b.add(b.mul(d, kBlock), row);
      for (int64_t i = 0; i < lanes; ++i)
        b.storeVector(block[i], target, b.add(to, i * kBlock));
    });
  });
}

//===----------------------------------------------------------------------===//
// Per-token figures
//===----------------------------------------------------------------------===//

void AttentionTiles::gatherColumn(Value source, int64_t stride, Value rows,
                                  Value x) {
  b.forLoop(b.index(0), b.index(kBlock), b.getLanes(),
            [&](Value at) { b.storeVector(b.splat(0), x, at); });
  b.forLoop(b.index(0), rows, 1, [&](Value row) {
    b.store(b.loadF32(source, b.mul(row, stride)), x, row);
  });
}

void AttentionTiles::rowDots(Value tile, Value other, int64_t stride,
                             Value rows, Value dots) {
  b.forLoop(b.index(0), rows, 1, [&](Value row) {
    Value left = b.mul(row, padded), right = b.mul(row, stride);
    Value dot = sumColumns(b, headDim, 1, [&](Value column, int64_t n) {
      return Values{b.fmul(b.loadVector(tile, b.add(left, column), n),
                           b.loadVector(other, b.add(right, column), n))};
    })[0];
    b.store(dot, dots, row);
  });
}

Value AttentionTiles::repeat(Value index) {
  return b.broadcast(arith::TruncIOp::create(b, b.getI32Type(), index));
}

Value AttentionTiles::lanesFrom(Value first) {
  return b.add(repeat(first), b.laneNumbers());
}

Value AttentionTiles::lanesAbove(Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, x, y);
}
