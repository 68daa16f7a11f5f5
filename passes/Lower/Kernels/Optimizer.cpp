// Gradient norm and parameter updates over the adapter areas.
//
// These ops have no operands. Lowering puts `elements` and the byte offsets of
// the areas from the arena's base on the op that it emits, and the code reads
// the base from the context. Work is split into fixed blocks of 4096 floats.
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/KernelMath.h"
#include "passes/Lower/RegisterKernels.h"
#include "runtime/include/neap/abi.h"

#include "llvm/ADT/SmallString.h"

#include <cstddef>

using namespace mlir;
using namespace neap;
using namespace neap::train;
using Values = KernelBuilder::Values;

namespace {
constexpr int64_t kBlockFloats = 4096;

template <typename Op> LogicalResult checkAreas(Op op) {
  if (int64_t(op.getElements()) >= 0)
    return success();
  return op.emitOpError("expected 'elements' and the areas' offsets to be set "
                        "before its kernel is emitted");
}

Value areaAddress(KernelEmitter &emitter, int64_t offset) {
  KernelBuilder &b = emitter.getBuilder();
  Value arena = emitter.loadContext(offsetof(neap_context, arena), b.ptrType());
  return b.addressBytes(arena, b.index(offset));
}

/// Vectors of block number `block` of `elements` floats, carrying values. Only
/// the last block has a masked tail.
Values forBlock(KernelBuilder &b, Value block, int64_t elements, Values carried,
                function_ref<Values(Value at, int64_t n, ValueRange)> body) {
  int64_t lanes = b.getLanes(), full = elements / lanes * lanes;
  Value begin = b.mul(block, kBlockFloats);
  Value end = b.min(b.add(begin, kBlockFloats), b.index(full));
  carried =
      b.forLoop(begin, end, lanes, carried, [&](Value at, ValueRange values) {
        return body(at, lanes, values);
      });
  if (full == elements)
    return carried;
  Value isLast = b.equal(block, b.index(full / kBlockFloats));
  auto tail = [&] { return body(b.index(full), elements - full, carried); };
  if (carried.empty()) {
    b.ifThen(isLast, [&] { tail(); });
    return {};
  }
  return b.ifThenElse(isLast, ValueRange(carried).getTypes(), tail,
                      [&] { return carried; });
}

//===----------------------------------------------------------------------===//
// Norm
//===----------------------------------------------------------------------===//

/// Block sums wait in scratch for one thread to add them in order. A wave of
/// blocks at a time, so that scratch does not grow with the adapters.
struct GradNormKernel
    : KernelOpInterface::ExternalModel<GradNormKernel, GradNormOp> {
  static constexpr int64_t kWaveBlocks = 512;

  KernelScratch getScratch(Operation *, const KernelTarget &) const {
    KernelScratch scratch;
    scratch.sharedBytes = kWaveBlocks * sizeof(double);
    return scratch;
  }

  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    auto norm = cast<GradNormOp>(op);
    if (failed(checkAreas(norm)))
      return failure();
    KernelBuilder &b = emitter.getBuilder();
    Type f64 = b.getF64Type();
    int64_t blocks = (norm.getElements() + kBlockFloats - 1) / kBlockFloats;
    Value total = b.forLoop(
        b.index(0), b.index(blocks), kWaveBlocks, b.scalar64(0),
        [&](Value first, ValueRange carried) {
          Value count =
              b.min(b.sub(b.index(blocks), first), b.index(kWaveBlocks));
          emitter.parallel(
              count, first, [&](Value task, Value, ValueRange captured) {
                Value sum = sumBlock(emitter, norm, b.add(captured[0], task));
                b.store(sum, emitter.getSharedScratch(), task);
              });
          return b.forLoop(
              b.index(0), count, 1, carried, [&](Value i, ValueRange sums) {
                Value sum = b.load(emitter.getSharedScratch(), i, f64);
                return Values{b.fadd(sums[0], sum)};
              });
        })[0];
    emitter.storeContext(total, offsetof(neap_context, norm_squared));
    return success();
  }

  static Value sumBlock(KernelEmitter &emitter, GradNormOp norm, Value block) {
    KernelBuilder &b = emitter.getBuilder();
    Value gradients = areaAddress(emitter, norm.getGradientsOffset());
    Value zero = b.broadcast(b.scalar64(0));
    Value sum = forBlock(b, block, norm.getElements(), {zero},
                         [&](Value at, int64_t n, ValueRange carried) {
                           Value g = b.extend(b.loadVector(gradients, at, n));
                           return Values{b.fadd(carried[0], b.fmul(g, g))};
                         })[0];
    return b.sumLanes(sum);
  }
};

//===----------------------------------------------------------------------===//
// Updates
//===----------------------------------------------------------------------===//

/// The decimal that a hyperparameter was written as: 1 - 0.999 differs in the
/// fifth digit between the f32 nearest to 0.999 and 0.999 itself, which is what
/// PyTorch computes with.
double toDecimal(const APFloat &value) {
  SmallString<24> text;
  value.toString(text, /*FormatPrecision=*/7);
  return APFloat(APFloat::IEEEdouble(), text).convertToDouble();
}

/// One block of an update: scalars computed once, then vectors.
class Update {
public:
  template <typename Op>
  Update(KernelEmitter &emitter, Op op)
      : emitter(emitter), b(emitter.getBuilder()),
        values(areaAddress(emitter, op.getValuesOffset())),
        gradients(areaAddress(emitter, op.getGradientsOffset())),
        moment1(areaAddress(emitter, op.getMoment1Offset())),
        moment2(areaAddress(emitter, op.getMoment2Offset())),
        gradScale(b.broadcast(field(offsetof(neap_context, grad_scale)))),
        rate(b.extend(field(offsetof(neap_context, learning_rate)))) {}

  Value field(size_t offset) {
    return emitter.loadContext(offset, b.getF32Type());
  }
  /// An f64 scalar rounded to f32 in every lane.
  Value wide(Value scalar) { return b.broadcast(b.truncate(scalar)); }

  /// Scaled gradient, which is set to zero.
  Value takeGradient(Value at, int64_t n) {
    Value g = b.fmul(b.loadVector(gradients, at, n), gradScale);
    b.storeVector(b.splat(0), gradients, at, n);
    return g;
  }

  KernelEmitter &emitter;
  KernelBuilder &b;
  Value values, gradients, moment1, moment2;
  Value gradScale; ///< vector
  Value rate;      ///< f64
};

/// Emits body(update, block) for every block of the areas.
template <typename Op>
LogicalResult forEachBlock(KernelEmitter &emitter, Op op,
                           function_ref<void(Update &, Value block)> body) {
  if (failed(checkAreas(op)))
    return failure();
  int64_t blocks = (op.getElements() + kBlockFloats - 1) / kBlockFloats;
  emitter.parallel(emitter.getBuilder().index(blocks), {},
                   [&](Value block, Value, ValueRange) {
                     Update update(emitter, op);
                     body(update, block);
                   });
  return success();
}

struct AdamWKernel : KernelOpInterface::ExternalModel<AdamWKernel, AdamWOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    auto adam = cast<AdamWOp>(op);
    return forEachBlock(emitter, adam, [&](Update &u, Value block) {
      emitBlock(u, adam, block);
    });
  }

  static void emitBlock(Update &u, AdamWOp adam, Value block) {
    KernelBuilder &b = u.b;
    double beta1 = toDecimal(adam.getBeta1()),
           beta2 = toDecimal(adam.getBeta2()),
           decay = toDecimal(adam.getWeightDecay());
    // Scalars in f64, as PyTorch's are.
    Value c1 = b.extend(u.field(offsetof(neap_context, bias_correction1)));
    Value c2 = b.extend(u.field(offsetof(neap_context, bias_correction2)));
    Value keep =
        u.wide(b.fsub(b.scalar64(1), b.fmul(u.rate, b.scalar64(decay))));
    Value step = u.wide(b.fneg(b.fdiv(u.rate, c1)));
    Value root = u.wide(b.sqrt(c2));

    forBlock(
        b, block, adam.getElements(), {}, [&](Value at, int64_t n, ValueRange) {
          Value g = u.takeGradient(at, n);
          Value p = b.fmul(b.loadVector(u.values, at, n), keep);
          Value m = b.loadVector(u.moment1, at, n);
          m = b.fadd(m, b.fmul(b.fsub(g, m), b.splat(1 - beta1)));
          Value v = b.fmul(b.loadVector(u.moment2, at, n), b.splat(beta2));
          v = b.fadd(v, b.fmul(b.fmul(b.splat(1 - beta2), g), g));
          Value denominator = b.fadd(b.fdiv(b.sqrt(v), root),
                                     b.splat(toDecimal(adam.getEpsilon())));
          p = b.fadd(p, b.fdiv(b.fmul(step, m), denominator));
          b.storeVector(m, u.moment1, at, n);
          b.storeVector(v, u.moment2, at, n);
          b.storeVector(p, u.values, at, n);
          return Values();
        });
  }
};

struct SgdKernel : KernelOpInterface::ExternalModel<SgdKernel, SgdOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    auto sgd = cast<SgdOp>(op);
    return forEachBlock(emitter, sgd, [&](Update &u, Value block) {
      emitBlock(u, sgd, block);
    });
  }

  static void emitBlock(Update &u, SgdOp sgd, Value block) {
    KernelBuilder &b = u.b;
    double momentum = toDecimal(sgd.getMomentum()),
           decay = toDecimal(sgd.getWeightDecay());
    KernelMath math(b);
    Value zero = b.scalar(0);
    Value first =
        math.greater(u.field(offsetof(neap_context, first_step)), zero);
    Value rate = u.wide(b.fneg(u.rate));

    forBlock(
        b, block, sgd.getElements(), {}, [&](Value at, int64_t n, ValueRange) {
          Value g = u.takeGradient(at, n);
          Value p = b.loadVector(u.values, at, n);
          if (decay != 0)
            g = b.fadd(g, b.fmul(p, b.splat(decay)));
          if (momentum != 0) {
            Value m = b.fmul(b.loadVector(u.moment1, at, n), b.splat(momentum));
            g = b.select(first, g, b.fadd(m, g));
            b.storeVector(g, u.moment1, at, n);
          }
          b.storeVector(b.fadd(p, b.fmul(g, rate)), u.values, at, n);
          return Values();
        });
  }
};
} // namespace

void neap::registerOptimizerKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TrainDialect *) {
    GradNormOp::attachInterface<GradNormKernel>(*context);
    AdamWOp::attachInterface<AdamWKernel>(*context);
    SgdOp::attachInterface<SgdKernel>(*context);
  });
}
