// Attention backward. dk and dv of a block of 64 keys add up over the heads of
// the group in ascending order, query blocks in descending order, queries
// ascending; dq of a block of queries over key blocks in ascending order.
//
// With enough key heads for the threads a task owns a whole key head and its
// query heads, and every score is computed again once. Otherwise two parallel
// phases compute them again twice: the first owns a key head and a block of
// keys, the second a head and a block of queries. Each element is the same
// chain of operations either way, so the choice does not show in the results.
// docs/kernels-attention.md describes tiles, orders and measurements.
#include "passes/Lower/Kernels/Attention.h"

#include "dialects/Graph/GraphDialect.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;
using Values = KernelBuilder::Values;
using Span = TileProduct::Span;

namespace {
constexpr int64_t kBlock = AttentionTiles::kBlock;
constexpr int64_t kRowTiles = 6, kVectors = 2;

/// What both phases share: operands, one block of queries of one head, and
/// the tile of probabilities that becomes score gradients.
class BackwardTask {
public:
  BackwardTask(KernelEmitter &emitter, const AttentionShape &shape,
               Value tokens)
      : emitter(emitter), b(emitter.getBuilder()), math(b),
        tiles(b, shape.headDim), shape(shape), padded(tiles.getPadded()),
        tokens(tokens) {}

protected:
  enum Operand { Q, K, V, O, Lse, DO };

  Value elementAddress(Value base, Value element) {
    return b.address(base, element, b.getF32Type());
  }
  Value validRows(Value first) {
    return b.min(b.index(kBlock), b.sub(tokens, first));
  }
  /// First element of a head's rows, from token `first` on.
  Value rowsAt(Value first, int64_t stride, Value head) {
    return b.add(b.mul(first, stride), b.mul(head, shape.headDim));
  }
  Value loadAddress(Operand operand, Value element) {
    return elementAddress(emitter.getInput(operand), element);
  }

  void copyKeys(Operand operand, Value at, Value rows, Value tile) {
    tiles.copyIn(loadAddress(operand, at), shape.keyStride(), rows, tile);
  }
  /// Queries of one block of one head, scaled, and the gradient rows of their
  /// outputs, with their products: dots[t] = do[t] . o[t].
  void copyQueries(Value at, Value rows, Value queries, Value gradients,
                   Value dots) {
    int64_t stride = shape.queryStride();
    tiles.copyIn(loadAddress(Q, at), stride, rows, queries, shape.scale);
    tiles.copyIn(loadAddress(DO, at), stride, rows, gradients);
    tiles.rowDots(gradients, loadAddress(O, at), stride, rows, dots);
  }
  Value lseAddress(Value first, Value head) {
    return loadAddress(Lse, b.add(b.mul(first, shape.heads), head));
  }

  /// A product of row tiles over the head's features: C is a square tile.
  TileProduct scoreProduct(Value a, Value transposed, Value c) {
    TileProduct product{a, transposed, c, padded, 1, kBlock, kBlock, kBlock};
    product.contraction = [this](Value) {
      return Span{b.index(0), b.index(shape.headDim)};
    };
    return product;
  }
  /// A product of the square tile with a row tile, added to a row tile.
  TileProduct gradientProduct(Value a, Value rowTile, Value c) {
    TileProduct product{a, rowTile, c, 1, kBlock, padded, padded, padded};
    product.initial = [this, c](Value, Value at) {
      return b.loadVector(c, at);
    };
    return product;
  }

  KernelEmitter &emitter;
  KernelBuilder &b;
  KernelMath math;
  AttentionTiles tiles;
  AttentionShape shape;
  int64_t padded;
  Value tokens;
};

//===----------------------------------------------------------------------===//
// Keys and values
//===----------------------------------------------------------------------===//

/// Scores lie with queries down, keys across: keys and values are transposed
/// once per block of keys.
class KeyTask : BackwardTask {
public:
  KeyTask(KernelEmitter &emitter, const AttentionShape &shape, Value thread,
          ValueRange captured)
      : BackwardTask(emitter, shape, captured[0]), blocks(captured[1]) {
    ScratchArrays scratch(b, emitter.getThreadScratch(thread));
    for (Value *tile : {&keys, &values, &queries, &gradients, &dKeys, &dValues})
      *tile = scratch.take(kBlock * padded);
    scores = scratch.take(kBlock * kBlock);
    dots = scratch.take(kBlock);
  }

  /// A key head with its query heads; dq is accumulated in the result.
  void emitHead(Value task) {
    keyHead = task;
    ownsQueries = true;
    b.forLoop(b.index(0), blocks, 1, [&](Value each) { emitBlock(each); });
  }

  /// One block of one key head. Early keys meet the most queries and come
  /// first, so that threads end together.
  void emitTask(Value task) {
    keyHead = b.rem(task, shape.kvHeads);
    emitBlock(b.div(task, shape.kvHeads));
  }

private:
  void emitBlock(Value keyBlock) {
    block = keyBlock;
    firstKey = b.mul(block, kBlock);
    Value at = rowsAt(firstKey, shape.keyStride(), keyHead);
    keyRows = validRows(firstKey);
    copyKeys(K, at, keyRows, queries);
    tiles.transpose(queries, keys);
    copyKeys(V, at, keyRows, queries);
    tiles.transpose(queries, values);
    tiles.clear(dKeys);
    tiles.clear(dValues);

    Value firstHead = b.mul(keyHead, shape.getGroup());
    Value steps = b.sub(blocks, block);
    b.forLoop(firstHead, b.add(firstHead, shape.getGroup()), 1,
              [&](Value head) {
                b.forLoop(b.index(0), steps, 1, [&](Value step) {
                  Value last = b.sub(blocks, b.index(1));
                  addQueryBlock(head, b.sub(last, step));
                });
              });
    tiles.copyOut(dKeys, keyRows, elementAddress(emitter.getOutput(1), at),
                  shape.keyStride());
    tiles.copyOut(dValues, keyRows, elementAddress(emitter.getOutput(2), at),
                  shape.keyStride());
  }

  void addQueryBlock(Value head, Value queryBlock) {
    Value first = b.mul(queryBlock, kBlock);
    Value queriesAt = rowsAt(first, shape.queryStride(), head);
    rows = validRows(first);
    isDiagonal = b.equal(queryBlock, block);
    copyQueries(queriesAt, rows, queries, gradients, dots);

    // Above the diagonal nothing is computed.
    auto below = [&](Value column) {
      return Span{b.select(isDiagonal, column, b.index(0)), rows};
    };
    auto fromDiagonal = [&](Value key) {
      return Span{b.select(isDiagonal, key, b.index(0)), rows};
    };
    auto allKeys = [&](Value) { return Span{b.index(0), keyRows}; };

    TileProduct product = scoreProduct(queries, keys, scores);
    product.rows = below;
    tiles.emit(product);
    computeProbabilities(lseAddress(first, head));

    product = gradientProduct(scores, gradients, dValues);
    product.rows = allKeys;
    product.contraction = fromDiagonal;
    tiles.emit(product);

    product = scoreProduct(gradients, values, scores);
    product.rows = below;
    product.finish = [&](Value sum, Value row, Value at) {
      Value dot = b.broadcast(b.loadF32(dots, row));
      return b.fmul(b.loadVector(scores, at), b.fsub(sum, dot));
    };
    tiles.emit(product);

    product = gradientProduct(scores, queries, dKeys);
    product.rows = allKeys;
    product.contraction = fromDiagonal;
    tiles.emit(product);
    if (ownsQueries)
      addToQueryGradient(queriesAt);
  }

  /// dq[t] += sum_s ds[t, s] k[s]. The tiles of queries and their gradients
  /// are done with; keys and dq take their place. The diagonal block is the
  /// last one that a query meets.
  void addToQueryGradient(Value at) {
    Value target = elementAddress(emitter.getOutput(0), at);
    int64_t stride = shape.queryStride();
    copyKeys(K, rowsAt(firstKey, shape.keyStride(), keyHead), keyRows, queries);
    b.ifThen(
        b.equal(block, b.index(0)), [&] { tiles.clear(gradients); },
        [&] { tiles.copyIn(target, stride, rows, gradients); });
    TileProduct product = gradientProduct(scores, queries, gradients);
    product.aRow = kBlock;
    product.aStep = 1;
    product.rows = [&](Value) { return Span{b.index(0), rows}; };
    product.contraction = [&](Value row) {
      Value limit =
          b.select(isDiagonal, b.add(row, tiles.rowStep()), b.index(kBlock));
      return Span{b.index(0), b.min(keyRows, limit)};
    };
    tiles.emit(product);
    Value factor = b.select(isDiagonal, b.scalar(shape.scale), b.scalar(1));
    tiles.copyOut(gradients, rows, target, stride,
                  [&](Value) { return factor; });
  }

  void computeProbabilities(Value lse) {
    b.forLoop(b.index(0), rows, 1, [&](Value row) {
      Value wide = b.broadcast(b.loadF32(lse, b.mul(row, shape.heads)));
      Value lastKey = b.select(isDiagonal, row, b.index(kBlock));
      Value limit = tiles.repeat(lastKey);
      Value start = b.mul(row, kBlock);
      b.forLoop(b.index(0), b.index(kBlock), b.getLanes(), [&](Value column) {
        Value at = b.add(start, column);
        Value p = math.expFlushed(b.fsub(b.loadVector(scores, at), wide));
        Value masked = tiles.lanesAbove(tiles.lanesFrom(column), limit);
        b.storeVector(b.select(masked, b.splat(0), p), scores, at);
      });
    });
  }

  bool ownsQueries = false;
  Value blocks, keyHead;
  Value block, firstKey, keyRows; ///< of the current key block
  Value keys, values;             ///< transposed: d x 64
  Value queries, gradients;       ///< rows of scale q and of do
  Value dKeys, dValues, scores, dots;
  Value rows, isDiagonal; ///< of the current query block
};

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

/// Scores lie with keys down, queries across: queries and output gradients are
/// transposed once per task.
class QueryTask : BackwardTask {
public:
  QueryTask(KernelEmitter &emitter, const AttentionShape &shape, Value task,
            Value thread, ValueRange captured)
      : BackwardTask(emitter, shape, captured[0]) {
    block = b.sub(b.sub(captured[1], b.index(1)), b.div(task, shape.heads));
    head = b.rem(task, shape.heads);
    ScratchArrays scratch(b, emitter.getThreadScratch(thread));
    for (Value *tile : {&queries, &gradients, &keys, &values, &dQueries})
      *tile = scratch.take(kBlock * padded);
    scores = scratch.take(kBlock * kBlock);
    dots = scratch.take(kBlock);
    lse = scratch.take(kBlock);
  }

  void emit() {
    Value first = b.mul(block, kBlock);
    Value at = rowsAt(first, shape.queryStride(), head);
    rows = validRows(first);
    b.forLoop(b.index(0), b.index(kBlock), b.getLanes(),
              [&](Value column) { b.storeVector(b.splat(0), dots, column); });
    copyQueries(at, rows, keys, values, dots);
    tiles.transpose(keys, queries);
    tiles.transpose(values, gradients);
    tiles.gatherColumn(lseAddress(first, head), shape.heads, rows, lse);
    tiles.clear(dQueries);

    Value keyHead = b.div(head, shape.getGroup());
    b.forLoop(b.index(0), b.add(block, 1), 1,
              [&](Value keyBlock) { addKeyBlock(keyHead, keyBlock); });
    tiles.copyOut(dQueries, rows, elementAddress(emitter.getOutput(0), at),
                  shape.queryStride(),
                  [&](Value) { return b.scalar(shape.scale); });
  }

private:
  void addKeyBlock(Value keyHead, Value keyBlock) {
    Value first = b.mul(keyBlock, kBlock);
    Value at = rowsAt(first, shape.keyStride(), keyHead);
    Value keyRows = validRows(first);
    isDiagonal = b.equal(keyBlock, block);
    copyKeys(K, at, keyRows, keys);
    copyKeys(V, at, keyRows, values);

    auto onDiagonal = [&](Value limit) {
      return b.select(isDiagonal, limit, b.index(kBlock));
    };
    auto below = [&](Value column) {
      Value limit = onDiagonal(b.add(column, 2 * b.getLanes()));
      return Span{b.index(0), b.min(keyRows, limit)};
    };

    TileProduct product = scoreProduct(keys, queries, scores);
    product.rows = below;
    tiles.emit(product);
    computeProbabilities(keyRows);

    product = scoreProduct(values, gradients, scores);
    product.rows = below;
    product.finish = [&](Value sum, Value, Value place) {
      Value dot = b.loadVector(dots, b.rem(place, kBlock));
      return b.fmul(b.loadVector(scores, place), b.fsub(sum, dot));
    };
    tiles.emit(product);

    product = gradientProduct(scores, keys, dQueries);
    product.rows = [&](Value) { return Span{b.index(0), rows}; };
    product.contraction = [&](Value row) {
      Value limit = onDiagonal(b.add(row, tiles.rowStep()));
      return Span{b.index(0), b.min(keyRows, limit)};
    };
    tiles.emit(product);
  }

  void computeProbabilities(Value keyRows) {
    b.forLoop(b.index(0), keyRows, 1, [&](Value key) {
      // Off the diagonal every key is before every query.
      Value before = b.select(isDiagonal, key, b.index(-1));
      Value limit = tiles.repeat(before);
      Value start = b.mul(key, kBlock);
      b.forLoop(b.index(0), b.index(kBlock), b.getLanes(), [&](Value column) {
        Value at = b.add(start, column);
        Value p = math.expFlushed(
            b.fsub(b.loadVector(scores, at), b.loadVector(lse, column)));
        Value masked = tiles.lanesAbove(limit, tiles.lanesFrom(column));
        b.storeVector(b.select(masked, b.splat(0), p), scores, at);
      });
    });
  }

  Value block, head, rows;
  Value queries, gradients; ///< transposed: d x 64
  Value keys, values;       ///< rows
  Value dQueries, scores, dots, lse;
  Value isDiagonal; ///< of the current key block
};

struct AttentionBackwardKernel
    : KernelOpInterface::ExternalModel<AttentionBackwardKernel,
                                       AttentionBackwardOp> {
  KernelScratch getScratch(Operation *op, const KernelTarget &target) const {
    KernelScratch scratch;
    scratch.perThreadBytes =
        getTileBytes(target, cast<AttentionBackwardOp>(op).getHeadDim(),
                     kRowTiles, kVectors);
    return scratch;
  }

  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    AttentionShape shape(cast<AttentionBackwardOp>(op));
    Value tokens = emitter.getTokenCount();
    Value blocks = b.ceilDiv(tokens, kBlock);
    Values captures = {tokens, blocks};
    if (suitsWholeHeads(shape, emitter.getTarget().maxThreads)) {
      emitter.parallel(
          b.index(shape.kvHeads), captures,
          [&](Value task, Value thread, ValueRange captured) {
            KeyTask(emitter, shape, thread, captured).emitHead(task);
          });
      return success();
    }
    emitter.parallel(b.mul(blocks, shape.kvHeads), captures,
                     [&](Value task, Value thread, ValueRange captured) {
                       KeyTask(emitter, shape, thread, captured).emitTask(task);
                     });
    emitter.parallel(b.mul(blocks, shape.heads), captures,
                     [&](Value task, Value thread, ValueRange captured) {
                       QueryTask(emitter, shape, task, thread, captured).emit();
                     });
    return success();
  }

  /// Whether five products per tile on as many threads as key heads can feed
  /// take less time than seven on all of them.
  static bool suitsWholeHeads(const AttentionShape &shape, int64_t threads) {
    int64_t rounds = (shape.kvHeads + threads - 1) / threads;
    return 5 * rounds * threads <= 7 * shape.kvHeads;
  }
};
} // namespace

void neap::attachAttentionBackwardKernel(MLIRContext &context) {
  AttentionBackwardOp::attachInterface<AttentionBackwardKernel>(context);
}
