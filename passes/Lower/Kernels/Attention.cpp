// Attention forward: each task owns one head and one block of 64 queries and
// walks the key blocks up to its own with an online softmax. Scores are kept
// transposed (keys down, queries across): maxima and sums then run down the
// tile, lane by lane, and only the queries are transposed, once per task.
// docs/kernels-attention.md describes tiles, orders and measurements.
#include "passes/Lower/Kernels/Attention.h"

#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/RegisterKernels.h"

#include <cmath>

using namespace mlir;
using namespace neap;
using namespace neap::graph;
using Values = KernelBuilder::Values;
using Span = TileProduct::Span;

namespace {
constexpr int64_t kBlock = AttentionTiles::kBlock;

/// The body of one task.
class ForwardTask {
public:
  ForwardTask(KernelEmitter &emitter, const AttentionShape &shape, Value task,
              Value thread, ValueRange captured)
      : emitter(emitter), b(emitter.getBuilder()), math(b),
        tiles(b, shape.headDim), shape(shape), tokens(captured[0]) {
    // The longest blocks first, so that threads end together.
    block = b.sub(b.sub(captured[1], b.index(1)), b.div(task, shape.heads));
    head = b.rem(task, shape.heads);
    firstQuery = b.mul(block, kBlock);
    rows = b.min(b.index(kBlock), b.sub(tokens, firstQuery));

    ScratchArrays scratch(b, emitter.getThreadScratch(thread));
    queries = scratch.take(kBlock * tiles.getPadded());
    keysValues = scratch.take(kBlock * tiles.getPadded());
    sums = scratch.take(kBlock * tiles.getPadded());
    scores = scratch.take(kBlock * kBlock);
    maxima = scratch.take(kBlock);
    totals = scratch.take(kBlock);
    factors = scratch.take(kBlock);
  }

  static int64_t getScratchBytes(const KernelTarget &target, int64_t headDim) {
    return getTileBytes(target, headDim, 3, 3);
  }

  void emit() {
    start();
    Value keyHead = b.mul(b.div(head, shape.getGroup()), shape.headDim);
    b.forLoop(b.index(0), b.add(block, 1), 1, [&](Value keyBlock) {
      Value firstKey = b.mul(keyBlock, kBlock);
      Value at = b.add(b.mul(firstKey, shape.keyStride()), keyHead);
      keys = b.min(b.index(kBlock), b.sub(tokens, firstKey));
      isDiagonal = b.equal(keyBlock, block);
      multiplyKeys(at);
      b.ifThen(isDiagonal, [&] { mask(); });
      b.forLoop(b.index(0), rows, b.getLanes(),
                [&](Value column) { advanceSoftmax(column); });
      addValues(at);
    });
    finish();
  }

private:
  Value elementAddress(Value base, Value element) {
    return b.address(base, element, b.getF32Type());
  }
  Value queryOffset() {
    return b.add(b.mul(firstQuery, shape.queryStride()),
                 b.mul(head, shape.headDim));
  }

  void start() {
    Value source = elementAddress(emitter.getInput(0), queryOffset());
    tiles.copyIn(source, shape.queryStride(), rows, keysValues, shape.scale);
    tiles.transpose(keysValues, queries);
    tiles.clear(sums);
    b.forLoop(b.index(0), b.index(kBlock), b.getLanes(), [&](Value at) {
      b.storeVector(b.splat(-INFINITY), maxima, at);
      b.storeVector(b.splat(0), totals, at);
    });
  }

  /// `limit` on the diagonal, a whole block elsewhere.
  Value onDiagonal(Value limit) {
    return b.select(isDiagonal, limit, b.index(kBlock));
  }

  /// scores[s, t] = k[s] . scale q[t], without what lies above the diagonal.
  void multiplyKeys(Value at) {
    tiles.copyIn(elementAddress(emitter.getInput(1), at), shape.keyStride(),
                 keys, keysValues);
    TileProduct product{keysValues, queries, scores, tiles.getPadded(),
                        1,          kBlock,  kBlock, kBlock};
    product.rows = [&](Value column) {
      Value limit = onDiagonal(b.add(column, 2 * b.getLanes()));
      return Span{b.index(0), b.min(keys, limit)};
    };
    product.contraction = [&](Value) {
      return Span{b.index(0), b.index(shape.headDim)};
    };
    tiles.emit(product);
  }

  /// Scores of keys after their query, computed or not, become -infinity. Keys
  /// beyond the row are after every query in it.
  void mask() {
    b.forLoop(
        b.index(0), b.index(kBlock * kBlock), b.getLanes(), [&](Value at) {
          Value key = tiles.repeat(b.div(at, kBlock));
          Value query = tiles.lanesFrom(b.rem(at, kBlock));
          Value score = b.loadVector(scores, at);
          score =
              b.select(tiles.lanesAbove(key, query), b.splat(-INFINITY), score);
          b.storeVector(score, scores, at);
        });
  }

  Value larger(Value x, Value y) { return b.select(math.greater(x, y), x, y); }

  /// One vector of queries: maxima, e^(score - maximum) and their sums.
  void advanceSoftmax(Value column) {
    constexpr int64_t chains = 4;
    int64_t lanes = b.getLanes();
    // addValues reads whole register tiles of queries.
    int64_t granule = std::max(lanes, tiles.rowStep());
    Value limit = b.add(b.mul(b.div(column, granule), granule), granule);
    limit = onDiagonal(limit);
    auto placeOf = [&](Value key, int64_t chain) {
      return b.add(b.mul(b.add(key, chain), kBlock), column);
    };

    Value before = b.loadVector(maxima, column);
    Values best =
        b.forLoop(b.index(0), limit, chains, Values(chains, before),
                  [&](Value key, ValueRange carried) {
                    Values next;
                    for (int64_t i = 0; i < chains; ++i)
                      next.push_back(larger(
                          b.loadVector(scores, placeOf(key, i)), carried[i]));
                    return next;
                  });
    Value maximum = larger(larger(best[0], best[1]), larger(best[2], best[3]));
    Value factor = math.expFlushed(b.fsub(before, maximum));
    b.storeVector(maximum, maxima, column);
    b.storeVector(factor, factors, column);

    Values added =
        b.forLoop(b.index(0), limit, chains, Values(chains, b.splat(0)),
                  [&](Value key, ValueRange carried) {
                    Values next;
                    for (int64_t i = 0; i < chains; ++i) {
                      Value at = placeOf(key, i);
                      Value p = math.expFlushed(
                          b.fsub(b.loadVector(scores, at), maximum));
                      b.storeVector(p, scores, at);
                      next.push_back(b.fadd(carried[i], p));
                    }
                    return next;
                  });
    Value total =
        b.fadd(b.fadd(added[0], added[1]), b.fadd(added[2], added[3]));
    b.storeVector(b.fma(b.loadVector(totals, column), factor, total), totals,
                  column);
  }

  /// sums[t] = factor[t] sums[t] + sum_s p[s, t] v[s]
  void addValues(Value at) {
    tiles.copyIn(elementAddress(emitter.getInput(2), at), shape.keyStride(),
                 keys, keysValues);
    TileProduct product{scores,
                        keysValues,
                        sums,
                        1,
                        kBlock,
                        tiles.getPadded(),
                        tiles.getPadded(),
                        tiles.getPadded()};
    product.rows = [&](Value) { return Span{b.index(0), rows}; };
    product.contraction = [&](Value row) {
      Value limit = onDiagonal(b.add(row, tiles.rowStep()));
      return Span{b.index(0), b.min(keys, limit)};
    };
    product.initial = [&](Value row, Value place) {
      Value factor = b.broadcast(b.loadF32(factors, row));
      return b.fmul(b.loadVector(sums, place), factor);
    };
    tiles.emit(product);
  }

  void finish() {
    b.forLoop(b.index(0), rows, b.getLanes(), [&](Value column) {
      Value total = b.loadVector(totals, column);
      b.storeVector(b.fdiv(b.splat(1), total), factors, column);
      Value lse = b.fadd(b.loadVector(maxima, column), math.log(total));
      b.storeVector(lse, totals, column);
    });
    tiles.copyOut(sums, rows,
                  elementAddress(emitter.getOutput(0), queryOffset()),
                  shape.queryStride(),
                  [&](Value row) { return b.loadF32(factors, row); });
    Value lse = elementAddress(emitter.getOutput(1),
                               b.add(b.mul(firstQuery, shape.heads), head));
    b.forLoop(b.index(0), rows, 1, [&](Value row) {
      b.store(b.loadF32(totals, row), lse, b.mul(row, shape.heads));
    });
  }

  KernelEmitter &emitter;
  KernelBuilder &b;
  KernelMath math;
  AttentionTiles tiles;
  AttentionShape shape;
  Value tokens, block, head, firstQuery, rows;
  Value queries;    ///< transposed, scaled: d x 64
  Value keysValues; ///< rows of k, then of v
  Value sums, scores, maxima, totals, factors;
  Value keys, isDiagonal; ///< of the current key block
};

struct AttentionKernel
    : KernelOpInterface::ExternalModel<AttentionKernel, AttentionOp> {
  KernelScratch getScratch(Operation *op, const KernelTarget &target) const {
    KernelScratch scratch;
    scratch.perThreadBytes = ForwardTask::getScratchBytes(
        target, cast<AttentionOp>(op).getHeadDim());
    return scratch;
  }

  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    AttentionShape shape(cast<AttentionOp>(op));
    Value tokens = emitter.getTokenCount();
    Value blocks = b.ceilDiv(tokens, kBlock);
    emitter.parallel(
        b.mul(blocks, shape.heads), {tokens, blocks},
        [&](Value task, Value thread, ValueRange captured) {
          ForwardTask(emitter, shape, task, thread, captured).emit();
        });
    return success();
  }
};
} // namespace

void neap::registerAttentionKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    AttentionOp::attachInterface<AttentionKernel>(*context);
    attachAttentionBackwardKernel(*context);
  });
}
