// Attention backward in two parallel phases. The first owns one key head and
// one block of 64 keys and adds up dk and dv over the heads of the group in
// ascending order, query blocks in descending order, queries ascending. The
// second owns one head and one block of queries and adds up dq over key blocks
// in ascending order. Scores are computed again in both.
// docs/kernels-attention.md describes tiles, orders and measurements.
#include "passes/Lower/Kernels/Attention.h"

#include "dialects/Graph/GraphDialect.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;
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
/// once per task.
class KeyTask : BackwardTask {
public:
  KeyTask(KernelEmitter &emitter, const AttentionShape &shape, Value task,
          Value thread, ValueRange captured)
      : BackwardTask(emitter, shape, captured[0]), blocks(captured[1]) {
    // Early keys meet the most queries; they come first.
    block = b.div(task, shape.kvHeads);
    keyHead = b.rem(task, shape.kvHeads);
    ScratchArrays scratch(b, emitter.getThreadScratch(thread));
    for (Value *tile : {&keys, &values, &queries, &gradients, &dKeys, &dValues})
      *tile = scratch.take(kBlock * padded);
    scores = scratch.take(kBlock * kBlock);
    dots = scratch.take(kBlock);
  }

  void emit() {
    Value firstKey = b.mul(block, kBlock);
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

private:
  void addQueryBlock(Value head, Value queryBlock) {
    Value first = b.mul(queryBlock, kBlock);
    rows = validRows(first);
    isDiagonal = b.equal(queryBlock, block);
    copyQueries(rowsAt(first, shape.queryStride(), head), rows, queries,
                gradients, dots);

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

  Value blocks, block, keyHead, keyRows;
  Value keys, values;       ///< transposed: d x 64
  Value queries, gradients; ///< rows of scale q and of do
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
    emitter.parallel(b.mul(blocks, shape.kvHeads), {tokens, blocks},
                     [&](Value task, Value thread, ValueRange captured) {
                       KeyTask(emitter, shape, task, thread, captured).emit();
                     });
    emitter.parallel(b.mul(blocks, shape.heads), {tokens, blocks},
                     [&](Value task, Value thread, ValueRange captured) {
                       QueryTask(emitter, shape, task, thread, captured).emit();
                     });
    return success();
  }
};
} // namespace

void neap::attachAttentionBackwardKernel(MLIRContext &context) {
  AttentionBackwardOp::attachInterface<AttentionBackwardKernel>(context);
}
