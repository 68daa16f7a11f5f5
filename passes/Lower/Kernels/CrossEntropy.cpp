// Output projection and cross-entropy in one pass over the weight.
//
// The head is treated as attention with K = V = W: a tile of at most 64 tokens
// walks the vocabulary in blocks, turns each block of logits into exp(z - m)
// with a running maximum m, and adds its product with W to the tile's rows of
// d_x, which are scaled down whenever m grows. The label's column takes no
// part: with o = sum over the other columns, p_label - 1 = -o / (o + e), so
// that rows the model is sure of lose no accuracy. docs/kernels-gemm.md
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/KernelMath.h"
#include "passes/Lower/Kernels/Gemm.h"
#include "passes/Lower/RegisterKernels.h"
#include "runtime/include/neap/abi.h"

#include <cstddef>

using namespace mlir;
using namespace neap;
using namespace neap::train;
using Values = KernelBuilder::Values;

/// Most tokens of a tile, and tokens of a block of the loss's sum.
static constexpr int64_t tileTokens = 64;
/// Columns of a block of logits. With the contraction block it fixes the order
/// of sums, so nothing may change it but the instruction set.
static constexpr int64_t vocabularyBlock = 512;
/// Below every logit, and far enough from overflow to be subtracted.
static constexpr double lowest = -1e30;

namespace {
/// Compile-time facts of one op for one target.
struct HeadShape {
  HeadShape(LinearCrossEntropyOp op, KernelTarget target) : target(target) {
    graph::WeightType weight = op.getWeight().getType();
    vocabulary = weight.getShape()[0];
    features = weight.getShape()[1];
    withGradient = bool(op.getDX());
    this->target.maxTokens = tileTokens;
    Type type = weight.getElementType();
    forward = {vocabulary, features, true, type, features, 0};
    backward = {features, vocabulary, false, type, 0, features, true};
    int64_t panel = target.panelColumns();
    block = std::max<int64_t>(vocabularyBlock / panel, 1) * panel;
    forward.outputStride = backward.inputStride = block;
    panelBytes = Gemm::getScratchBytes(forward, this->target);
    if (withGradient)
      panelBytes =
          std::max(panelBytes, Gemm::getScratchBytes(backward, this->target));
    panelBytes = int64_t(llvm::alignTo(panelBytes, 64));
  }
  int64_t getLogitBytes() const { return tileTokens * block * 4; }

  KernelTarget target;
  int64_t vocabulary, features, block, panelBytes;
  bool withGradient;
  GemmShape forward, backward;
};

/// Addresses of a tile's first row and of its thread's scratch.
struct Tile {
  Value rows;
  Value x, gradient, labels, losses;
  Value panels, logits;
  /// Per row: running maximum and sum over the columns but the label's, and
  /// the label's logit.
  Value maxima, sums, labelLogits;
};

class CrossEntropyEmitter {
public:
  CrossEntropyEmitter(KernelEmitter &emitter, LinearCrossEntropyOp op)
      : emitter(emitter), b(emitter.getBuilder()), math(b), op(op),
        shape(op, emitter.getTarget()), f32(b.getF32Type()) {}

  void emit();

private:
  struct Span {
    Value begin, end;
  };
  Value getLabel(Value labels, Value token);
  Value isActive(Value label);
  Span findActive(Value begin, Value end);
  void clearRows(Value begin, Value end);
  void clearGradient(Value row);
  Tile getTile(Span span, Value thread);
  void emitTile(Span span, Value thread);
  void startRows(const Tile &tile);
  void emitBlock(const Tile &tile, Value first);
  void padLogits(const Tile &tile, Value width);
  void emitForward(const Tile &tile, Value first, Value end);
  void emitBackward(const Tile &tile, Value first, Value end);
  void takeLabel(const Tile &tile, Value row, Value logits, Value column,
                 Value width);
  void emitSoftmax(const Tile &tile, Value row, Value logits, Value width);
  void finishRow(const Tile &tile, Value row, Value label);
  Value atMostZero(Value x);
  Value getLoss(Value others, Value margin);
  void finishGradient(Value row, Value label, Value othersScale,
                      Value labelScale);
  void addLosses();
  void forActiveRows(const Tile &tile,
                     function_ref<void(Value row, Value label)> body,
                     function_ref<void(Value row)> inactive = nullptr);

  KernelEmitter &emitter;
  KernelBuilder &b;
  KernelMath math;
  LinearCrossEntropyOp op;
  HeadShape shape;
  Type f32;
};
} // namespace

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

Value CrossEntropyEmitter::getLabel(Value labels, Value token) {
  return arith::ExtSIOp::create(b, b.getI64Type(),
                                b.load(labels, token, b.getI32Type()));
}

Value CrossEntropyEmitter::isActive(Value label) {
  static_assert(NEAP_IGNORE_LABEL < 0, "labels are columns otherwise");
  return b.less(b.index(-1), label);
}

CrossEntropyEmitter::Span CrossEntropyEmitter::findActive(Value begin,
                                                          Value end) {
  Value labels = emitter.getInput(2);
  Values found =
      b.forLoop(begin, end, 1, {end, begin}, [&](Value token, ValueRange span) {
        Value active = isActive(getLabel(labels, token));
        return Values{b.min(span[0], b.select(active, token, end)),
                      b.select(active, b.add(token, 1), span[1])};
      });
  return {found[0], found[1]};
}

void CrossEntropyEmitter::clearGradient(Value row) {
  b.forVectors(shape.features, [&](Value column, int64_t n) {
    b.storeVector(b.splat(0), row, column, n);
  });
}

void CrossEntropyEmitter::clearRows(Value begin, Value end) {
  b.forLoop(begin, end, 1, [&](Value token) {
    b.store(b.scalar(0), emitter.getSharedScratch(), token);
    if (shape.withGradient)
      clearGradient(
          b.address(emitter.getOutput(0), b.mul(token, shape.features), f32));
  });
}

void CrossEntropyEmitter::emit() {
  Value tokens = emitter.getTokenCount();
  Span active = findActive(b.index(0), tokens);
  clearRows(b.index(0), b.min(active.begin, active.end));
  clearRows(active.end, tokens);
  // As many tiles as keep every thread busy; their height changes no bits.
  Value count = b.max(b.sub(active.end, active.begin), b.index(0));
  Value threads = emitter.getThreadCount();
  Value tiles =
      b.mul(b.ceilDiv(b.ceilDiv(count, tileTokens), threads), threads);
  Value height = b.ceilDiv(count, b.max(tiles, b.index(1)));
  int64_t tileRows = shape.target.tileRows;
  height = b.mul(b.ceilDiv(height, tileRows), tileRows);
  height = b.max(b.min(height, b.index(tileTokens)), b.index(1));
  emitter.parallel(b.ceilDiv(count, height), {active.begin, active.end, height},
                   [&](Value task, Value thread, ValueRange captured) {
                     Value begin = b.add(captured[0], b.mul(task, captured[2]));
                     Value end = b.min(b.add(begin, captured[2]), captured[1]);
                     emitTile({begin, end}, thread);
                   });
  addLosses();
}

/// In blocks of 64 tokens, the last first, tokens ascending.
void CrossEntropyEmitter::addLosses() {
  Value tokens = emitter.getTokenCount();
  Value blocks = b.ceilDiv(tokens, tileTokens);
  Value total =
      emitter.loadContext(offsetof(neap_context, loss_sum), b.getF64Type());
  Values sum = b.forLoop(
      b.index(0), blocks, 1, total, [&](Value number, ValueRange carried) {
        Value block = b.sub(b.sub(blocks, number), b.index(1));
        Value begin = b.mul(block, tileTokens);
        Value end = b.min(b.add(begin, tileTokens), tokens);
        Values blockSum = b.forLoop(
            begin, end, 1, b.scalar64(0), [&](Value token, ValueRange so) {
              Value loss = b.loadF32(emitter.getSharedScratch(), token);
              return Values{b.fadd(so[0], b.extend(loss))};
            });
        return Values{b.fadd(carried[0], blockSum[0])};
      });
  emitter.storeContext(sum[0], offsetof(neap_context, loss_sum));
}

//===----------------------------------------------------------------------===//
// A tile of tokens
//===----------------------------------------------------------------------===//

Tile CrossEntropyEmitter::getTile(Span span, Value thread) {
  Tile tile;
  tile.rows = b.sub(span.end, span.begin);
  Value firstFeature = b.mul(span.begin, shape.features);
  tile.x = b.address(emitter.getInput(0), firstFeature, f32);
  if (shape.withGradient)
    tile.gradient = b.address(emitter.getOutput(0), firstFeature, f32);
  tile.labels = b.address(emitter.getInput(2), span.begin, b.getI32Type());
  tile.losses = b.address(emitter.getSharedScratch(), span.begin, f32);
  Value next = emitter.getThreadScratch(thread);
  auto take = [&](int64_t bytes) {
    Value address = next;
    next = b.addressBytes(next, b.index(bytes));
    return address;
  };
  tile.panels = take(shape.panelBytes);
  tile.logits = take(shape.getLogitBytes());
  tile.maxima = take(tileTokens * 4);
  tile.sums = take(tileTokens * 4);
  tile.labelLogits = take(tileTokens * 4);
  return tile;
}

void CrossEntropyEmitter::forActiveRows(const Tile &tile,
                                        function_ref<void(Value, Value)> body,
                                        function_ref<void(Value)> inactive) {
  b.forLoop(b.index(0), tile.rows, 1, [&](Value row) {
    Value label = getLabel(tile.labels, row);
    if (inactive)
      b.ifThen(
          isActive(label), [&] { body(row, label); }, [&] { inactive(row); });
    else
      b.ifThen(isActive(label), [&] { body(row, label); });
  });
}

void CrossEntropyEmitter::emitTile(Span span, Value thread) {
  clearRows(span.begin, span.end);
  Span active = findActive(span.begin, span.end);
  b.ifThen(b.less(active.begin, active.end), [&] {
    Tile tile = getTile(active, thread);
    startRows(tile);
    b.forLoop(b.index(0), b.index(shape.vocabulary), shape.block,
              [&](Value first) { emitBlock(tile, first); });
    forActiveRows(
        tile, [&](Value row, Value label) { finishRow(tile, row, label); },
        [&](Value row) {
          // Went through the products with its neighbours.
          if (shape.withGradient)
            clearGradient(
                b.address(tile.gradient, b.mul(row, shape.features), f32));
        });
  });
}

void CrossEntropyEmitter::startRows(const Tile &tile) {
  b.forLoop(b.index(0), tile.rows, 1, [&](Value row) {
    b.store(b.scalar(lowest), tile.maxima, row);
    b.store(b.scalar(0), tile.sums, row);
  });
}

//===----------------------------------------------------------------------===//
// A block of the vocabulary
//===----------------------------------------------------------------------===//

void CrossEntropyEmitter::emitBlock(const Tile &tile, Value first) {
  Value end = b.min(b.add(first, shape.block), b.index(shape.vocabulary));
  Value width = b.sub(end, first);
  if (shape.vocabulary % b.getLanes())
    padLogits(tile, width);
  emitForward(tile, first, end);
  forActiveRows(tile, [&](Value row, Value label) {
    Value logits = b.address(tile.logits, b.mul(row, shape.block), f32);
    takeLabel(tile, row, logits, b.sub(label, first), width);
    emitSoftmax(tile, row, logits, width);
  });
  if (shape.withGradient)
    emitBackward(tile, first, end);
}

/// Fills the last, partial vector of each row so that the softmax needs no
/// mask.
void CrossEntropyEmitter::padLogits(const Tile &tile, Value width) {
  int64_t lanes = b.getLanes();
  Value column = b.mul(b.div(width, lanes), lanes);
  b.ifThen(b.less(column, width), [&] {
    b.forLoop(b.index(0), tile.rows, 1, [&](Value row) {
      b.storeVector(b.splat(lowest), tile.logits,
                    b.add(b.mul(row, shape.block), column));
    });
  });
}

void CrossEntropyEmitter::emitForward(const Tile &tile, Value first,
                                      Value end) {
  Gemm gemm(b, shape.forward, shape.target);
  GemmCall call;
  call.input = tile.x;
  call.weight = emitter.getInput(1);
  // Columns are counted from the vocabulary's start.
  call.output = b.address(tile.logits, b.sub(b.index(0), first), f32);
  call.panels = tile.panels;
  call.rowBegin = b.index(0);
  call.rowEnd = tile.rows;
  call.panelBegin = b.div(first, gemm.getPanelColumns());
  call.panelEnd = b.ceilDiv(end, gemm.getPanelColumns());
  Type biasType;
  if (op.getBias())
    biasType = cast<graph::WeightType>(op.getBias().getType()).getElementType();
  gemm.emit(call, [&](const GemmResult &result) {
    if (!result.first)
      return b.fadd(b.loadVector(call.output, result.at, result.lanes),
                    result.sum);
    if (!biasType)
      return result.sum;
    return b.fadd(result.sum, b.loadVectorAs(biasType, emitter.getInput(3),
                                             result.column, result.lanes));
  });
}

void CrossEntropyEmitter::emitBackward(const Tile &tile, Value first,
                                       Value end) {
  Gemm gemm(b, shape.backward, shape.target);
  GemmCall call;
  call.input = b.address(tile.logits, b.sub(b.index(0), first), f32);
  call.weight = emitter.getInput(1);
  call.output = tile.gradient;
  call.panels = tile.panels;
  call.rowBegin = b.index(0);
  call.rowEnd = tile.rows;
  call.panelBegin = b.index(0);
  call.panelEnd = b.index(gemm.getPanelCount());
  call.contractionBegin = first;
  call.contractionEnd = end;
  gemm.emit(call, [&](const GemmResult &result) {
    return b.fadd(b.loadVector(call.output, result.at, result.lanes),
                  result.sum);
  });
}

void CrossEntropyEmitter::takeLabel(const Tile &tile, Value row, Value logits,
                                    Value column, Value width) {
  Value inside = arith::AndIOp::create(b, b.less(b.index(-1), column),
                                       b.less(column, width));
  b.ifThen(inside, [&] {
    b.store(b.loadF32(logits, column), tile.labelLogits, row);
    b.store(b.scalar(lowest), logits, column);
  });
}

/// logits := exp(logits - maximum), with the row's statistics brought up to
/// date.
void CrossEntropyEmitter::emitSoftmax(const Tile &tile, Value row, Value logits,
                                      Value width) {
  int64_t lanes = b.getLanes();
  Value end = b.mul(b.ceilDiv(width, lanes), lanes);
  Values largest = b.forLoop(
      b.index(0), end, lanes, b.splat(lowest), [&](Value column, ValueRange m) {
        return Values{b.fmax(m[0], b.loadVector(logits, column))};
      });
  Value before = b.loadF32(tile.maxima, row);
  Value maximum = b.fmax(before, b.maxLanes(largest[0]));
  b.ifThen(math.less(before, maximum), [&] {
    Value factor = math.expFlushed(b.fsub(before, maximum));
    b.store(maximum, tile.maxima, row);
    b.store(b.fmul(b.loadF32(tile.sums, row), factor), tile.sums, row);
    if (!shape.withGradient)
      return;
    Value gradient = b.address(tile.gradient, b.mul(row, shape.features), f32);
    Value factors = b.broadcast(factor);
    b.forVectors(shape.features, [&](Value column, int64_t n) {
      b.storeVector(b.fmul(b.loadVector(gradient, column, n), factors),
                    gradient, column, n);
    });
  });
  Value maxima = b.broadcast(maximum);
  Values total = b.forLoop(
      b.index(0), end, lanes, b.splat(0), [&](Value column, ValueRange sum) {
        Value p = math.expFlushed(b.fsub(b.loadVector(logits, column), maxima));
        b.storeVector(p, logits, column);
        return Values{b.fadd(sum[0], p)};
      });
  b.store(b.fadd(b.loadF32(tile.sums, row), b.sumLanes(total[0])), tile.sums,
          row);
}

//===----------------------------------------------------------------------===//
// The end of a row
//===----------------------------------------------------------------------===//

/// Unlike a minimum it lets NaN pass.
Value CrossEntropyEmitter::atMostZero(Value x) {
  Value zero = b.scalar(0);
  return b.select(math.less(zero, x), zero, x);
}

/// -log(p_label) for a label ahead of the other columns' maximum by `margin`,
/// whose sum of exponentials relative to the larger of both is `others`.
Value CrossEntropyEmitter::getLoss(Value others, Value margin) {
  // Ahead: log(1 + others), which must not round to zero with 1 + others.
  Value one = b.scalar(1), zero = b.scalar(0);
  Value sum = b.fadd(one, others);
  Value exact = b.fsub(sum, one);
  Value ahead = b.select(math.less(zero, exact),
                         b.fdiv(b.fmul(math.log(sum), others), exact), others);
  // Behind: the label's own exponential may vanish, its logit does not.
  Value label = math.expFlushed(atMostZero(margin));
  Value behind = b.fsub(math.log(b.fadd(others, label)), margin);
  return b.select(math.less(margin, zero), behind, ahead);
}

void CrossEntropyEmitter::finishRow(const Tile &tile, Value row, Value label) {
  Value margin =
      b.fsub(b.loadF32(tile.labelLogits, row), b.loadF32(tile.maxima, row));
  // Both exponentials relative to the larger logit.
  Value rescale = math.expFlushed(atMostZero(b.fneg(margin)));
  Value others = b.fmul(b.loadF32(tile.sums, row), rescale);
  Value total = b.fadd(others, math.expFlushed(atMostZero(margin)));
  b.store(getLoss(others, margin), tile.losses, row);
  if (!shape.withGradient)
    return;
  Value scale = b.fdiv(
      emitter.loadContext(offsetof(neap_context, loss_scale), f32), total);
  finishGradient(b.address(tile.gradient, b.mul(row, shape.features), f32),
                 label, b.fmul(scale, rescale), b.fneg(b.fmul(scale, others)));
}

/// d_x := othersScale * d_x + labelScale * weight[label].
void CrossEntropyEmitter::finishGradient(Value row, Value label,
                                         Value othersScale, Value labelScale) {
  Type type = op.getWeight().getType().getElementType();
  Value weight =
      b.address(emitter.getInput(1), b.mul(label, shape.features), type);
  Value others = b.broadcast(othersScale), own = b.broadcast(labelScale);
  b.forVectors(shape.features, [&](Value column, int64_t n) {
    Value sum = b.fmul(others, b.loadVector(row, column, n));
    Value value = b.fma(own, b.loadVectorAs(type, weight, column, n), sum);
    b.storeVector(value, row, column, n);
  });
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

namespace {
struct CrossEntropyKernel
    : KernelOpInterface::ExternalModel<CrossEntropyKernel,
                                       LinearCrossEntropyOp> {
  KernelScratch getScratch(Operation *op, const KernelTarget &target) const {
    HeadShape shape(cast<LinearCrossEntropyOp>(op), target);
    int64_t statistics = 3 * tileTokens * 4;
    return {int64_t(llvm::alignTo(target.maxTokens * 4, 64)),
            shape.panelBytes + shape.getLogitBytes() + statistics};
  }
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    CrossEntropyEmitter(emitter, cast<LinearCrossEntropyOp>(op)).emit();
    return success();
  }
};
} // namespace

void neap::registerCrossEntropyKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TrainDialect *) {
    LinearCrossEntropyOp::attachInterface<CrossEntropyKernel>(*context);
  });
}
