// Products with a low-rank factor: x A^T, base + h F and the gradients h^T x.
// Nothing is packed: factors are small, and both layouts are read along their
// long dimension. docs/kernels-gemm.md
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/RegisterKernels.h"

using namespace mlir;
using namespace neap;
using namespace neap::train;
using graph::getColumns;
using Values = KernelBuilder::Values;

/// Tokens of a register tile in lora_down and lora_up.
static constexpr int64_t tileTokens = 4;
/// The canonical block of token reductions: its size and the order of blocks
/// are part of the result.
static constexpr int64_t reductionTokens = 64;

/// Vectors that, times four rows, leave registers for operands: AVX2 has 16.
static int64_t getTileVectors(KernelBuilder &b) {
  return b.getLanes() == 8 ? 2 : 4;
}

namespace {
/// A register tile of the gradient: ranks by vectors.
struct GradientTile {
  explicit GradientTile(KernelBuilder &b)
      : ranks(b.getLanes() == 8 ? 4 : 8), vectors(b.getLanes() == 8 ? 3 : 2) {}
  int64_t ranks, vectors;
};
} // namespace

/// body(column, valid) for column tiles [begin, end); `valid` is the tile's
/// width or, in code of its own, what is left of the columns.
static void forColumnTiles(KernelBuilder &b, Value begin, Value end,
                           int64_t columns, int64_t width,
                           function_ref<void(Value, int64_t)> body) {
  int64_t full = columns / width * width;
  b.forLoop(begin, end, 1, [&](Value tile) {
    Value column = b.mul(tile, width);
    if (full == columns)
      return body(column, width);
    if (full == 0)
      return body(column, columns);
    b.ifThen(
        b.less(column, b.index(full)), [&] { body(column, width); },
        [&] { body(column, columns - full); });
  });
}

/// Tokens of this thread in tiles, then one by one: body(token, count).
static void forTokenTiles(KernelEmitter &emitter,
                          function_ref<void(Value, int64_t)> body) {
  KernelBuilder &b = emitter.getBuilder();
  emitter.parallelRanges(
      emitter.getTokenCount(), tileTokens, [&](Value begin, Value end, Value) {
        Value tiles = b.div(b.sub(end, begin), tileTokens);
        Value full = b.add(begin, b.mul(tiles, tileTokens));
        b.forLoop(begin, full, tileTokens,
                  [&](Value token) { body(token, tileTokens); });
        b.forLoop(full, end, 1, [&](Value token) { body(token, 1); });
      });
}

namespace {
/// h[t, r] = scale * sum_k x[t, k] factor[r, k]: dot products along k, one
/// vector of partial sums per output, its lanes added by halving at the end.
struct LoraDownKernel
    : KernelOpInterface::ExternalModel<LoraDownKernel, LoraDownOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto down = cast<LoraDownOp>(op);
    int64_t rank = down.getFactor().getType().getShape()[0];
    int64_t columns = getColumns(down.getX());
    float scale = down.getScale().convertToFloat();
    forTokenTiles(emitter, [&](Value token, int64_t tokens) {
      Value x =
          b.address(emitter.getInput(0), b.mul(token, columns), b.getF32Type());
      Value h =
          b.address(emitter.getOutput(0), b.mul(token, rank), b.getF32Type());
      auto tile = [&](Value first, int64_t ranks) {
        Value factor = b.address(emitter.getInput(1), b.mul(first, columns),
                                 b.getF32Type());
        Values sums = emitDots(b, x, factor, columns, tokens, ranks);
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t r = 0; r < ranks; ++r)
            b.store(b.fmul(b.scalar(scale), b.sumLanes(sums[t * ranks + r])), h,
                    b.add(first, t * rank + r));
      };
      int64_t size = getTileVectors(b), full = rank / size * size;
      b.forLoop(b.index(0), b.index(full), size,
                [&](Value first) { tile(first, size); });
      if (full < rank)
        tile(b.index(full), rank - full);
    });
    return success();
  }

  static Values emitDots(KernelBuilder &b, Value x, Value factor,
                         int64_t columns, int64_t tokens, int64_t ranks) {
    return b.forVectors(
        columns, Values(tokens * ranks, b.splat(0)),
        [&](Value column, int64_t n, ValueRange sums) {
          Values factors, next;
          for (int64_t r = 0; r < ranks; ++r)
            factors.push_back(
                b.loadVector(factor, b.add(column, r * columns), n));
          for (int64_t t = 0; t < tokens; ++t) {
            Value row = b.loadVector(x, b.add(column, t * columns), n);
            for (int64_t r = 0; r < ranks; ++r)
              next.push_back(b.fma(row, factors[r], sums[t * ranks + r]));
          }
          return next;
        });
  }
};

/// y[t, n] = base[t, n] + scale * sum_r h[t, r] factor[r, n].
struct LoraUpKernel : KernelOpInterface::ExternalModel<LoraUpKernel, LoraUpOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto up = cast<LoraUpOp>(op);
    int64_t columns = getColumns(up.getY());
    int64_t width = getTileVectors(b) * b.getLanes();
    forTokenTiles(emitter, [&](Value token, int64_t tokens) {
      forColumnTiles(b, b.index(0), b.index(llvm::divideCeil(columns, width)),
                     columns, width, [&](Value column, int64_t valid) {
                       emitTile(emitter, up, token, tokens, column, valid);
                     });
    });
    return success();
  }

  static void emitTile(KernelEmitter &emitter, LoraUpOp up, Value token,
                       int64_t tokens, Value column, int64_t valid) {
    KernelBuilder &b = emitter.getBuilder();
    int64_t columns = getColumns(up.getY()), rank = getColumns(up.getH());
    int64_t lanes = b.getLanes(), vectors = llvm::divideCeil(valid, lanes);
    Value h =
        b.address(emitter.getInput(0), b.mul(token, rank), b.getF32Type());
    Value factor = b.address(emitter.getInput(1), column, b.getF32Type());
    auto lanesOf = [&](int64_t v) {
      return std::min(lanes, valid - v * lanes);
    };

    Values sums = b.forLoop(
        b.index(0), b.index(rank), 1, Values(tokens * vectors, b.splat(0)),
        [&](Value r, ValueRange carried) {
          Values factors, next;
          for (int64_t v = 0; v < vectors; ++v)
            factors.push_back(b.loadVector(
                factor, b.add(b.mul(r, columns), v * lanes), lanesOf(v)));
          for (int64_t t = 0; t < tokens; ++t) {
            Value weight = b.broadcast(b.loadF32(h, b.add(r, t * rank)));
            for (int64_t v = 0; v < vectors; ++v)
              next.push_back(
                  b.fma(weight, factors[v], carried[t * vectors + v]));
          }
          return next;
        });

    Value scale = b.splat(up.getScale().convertToFloat());
    Value corner = b.add(b.mul(token, columns), column);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = b.add(corner, t * columns + v * lanes);
        Value sum = sums[t * vectors + v];
        Value y = b.fmul(scale, sum);
        if (up.getBase())
          y = b.fma(scale, sum,
                    b.loadVector(emitter.getInput(2), at, lanesOf(v)));
        b.storeVector(y, emitter.getOutput(0), at, lanesOf(v));
      }
  }
};

/// gradient[r, n] += scale * sum_t h[t, r] x[t, n] block by block, threads
/// split by columns. Blocks are outermost, so that a block's x stays in cache.
struct AccumulateOuterKernel
    : KernelOpInterface::ExternalModel<AccumulateOuterKernel,
                                       AccumulateOuterOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto outer = cast<AccumulateOuterOp>(op);
    int64_t columns = getColumns(outer.getX()), rank = getColumns(outer.getH());
    GradientTile tile(b);
    int64_t size = tile.ranks, full = rank / size * size;
    int64_t width = tile.vectors * b.getLanes();
    int64_t tiles = llvm::divideCeil(columns, width);
    emitter.parallelRanges(
        b.index(tiles), 1, [&](Value begin, Value end, Value) {
          Value tokens = emitter.getTokenCount();
          Value blocks = b.ceilDiv(tokens, reductionTokens);
          b.forLoop(b.index(0), blocks, 1, [&](Value number) {
            Value block = b.sub(b.sub(blocks, number), b.index(1));
            Value first = b.mul(block, reductionTokens);
            Value last = b.min(b.add(first, reductionTokens), tokens);
            forColumnTiles(b, begin, end, columns, width,
                           [&](Value column, int64_t valid) {
                             b.forLoop(b.index(0), b.index(full), size,
                                       [&](Value r) {
                                         emitTile(emitter, outer, first, last,
                                                  column, valid, r, size);
                                       });
                             if (full < rank)
                               emitTile(emitter, outer, first, last, column,
                                        valid, b.index(full), rank - full);
                           });
          });
        });
    return success();
  }

  static void emitTile(KernelEmitter &emitter, AccumulateOuterOp outer,
                       Value first, Value last, Value column, int64_t valid,
                       Value rankBegin, int64_t ranks) {
    KernelBuilder &b = emitter.getBuilder();
    int64_t columns = getColumns(outer.getX()), rank = getColumns(outer.getH());
    int64_t lanes = b.getLanes(), vectors = llvm::divideCeil(valid, lanes);
    auto lanesOf = [&](int64_t v) {
      return std::min(lanes, valid - v * lanes);
    };

    Values sums = b.forLoop(
        first, last, 1, Values(ranks * vectors, b.splat(0)),
        [&](Value token, ValueRange carried) {
          Values row, next;
          Value x = b.add(b.mul(token, columns), column);
          Value h = b.add(b.mul(token, rank), rankBegin);
          for (int64_t v = 0; v < vectors; ++v)
            row.push_back(b.loadVector(emitter.getInput(1), b.add(x, v * lanes),
                                       lanesOf(v)));
          for (int64_t r = 0; r < ranks; ++r) {
            Value weight =
                b.broadcast(b.loadF32(emitter.getInput(0), b.add(h, r)));
            for (int64_t v = 0; v < vectors; ++v)
              next.push_back(b.fma(weight, row[v], carried[r * vectors + v]));
          }
          return next;
        });

    Value scale = b.splat(outer.getScale().convertToFloat());
    Value gradient = emitter.getInput(2);
    for (int64_t r = 0; r < ranks; ++r)
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = b.add(b.add(b.mul(b.add(rankBegin, r), columns), column),
                         v * lanes);
        Value before = b.loadVector(gradient, at, lanesOf(v));
        b.storeVector(b.fma(scale, sums[r * vectors + v], before), gradient, at,
                      lanesOf(v));
      }
  }
};
} // namespace

void neap::registerLoraKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TrainDialect *) {
    LoraDownOp::attachInterface<LoraDownKernel>(*context);
    LoraUpOp::attachInterface<LoraUpKernel>(*context);
    AccumulateOuterOp::attachInterface<AccumulateOuterKernel>(*context);
  });
}
