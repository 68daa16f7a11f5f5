// Dropout from a counter-based generator.
//
// The mask of element (t, n) is a pure function of (seed, row counter, stream,
// t, n), whatever the vector width, thread or order of evaluation:
//   mix(z):  z ^= z >> 30; z *= 0xbf58476d1ce4e5b9; z ^= z >> 27;
//            z *= 0x94d049bb133111eb; z ^= z >> 31              (64 bits)
//   key    = mix(mix(mix(mix(seed + G) + row + G) + stream + G) + t + G)
//   h(n)   = finish(finish(n * 0x9e3779b1 + low(key)) ^ high(key))
//   finish(x): x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15;
//              x *= 0x846ca68b; x ^= x >> 16                    (32 bits)
//   dropped iff h(n) < round(probability * 2^32), unsigned,
// with G = 0x9e3779b97f4a7c15. mix is SplitMix64's finalizer (Steele, Lea,
// Flood 2014) and finish a 32-bit one of low bias (Wellons 2018).
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/Kernels/Elementwise.h"
#include "runtime/include/neap/abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>
#include <cstddef>

using namespace mlir;
using namespace neap;

namespace {
/// Integer hashing on scalars (i64) and vectors (i32).
class Hash {
public:
  explicit Hash(KernelBuilder &b) : b(b) {}

  /// mix(state + value + G): absorbs one 64-bit value.
  Value absorb(Value state, Value value) {
    Value z = b.add(b.add(state, value), int64_t(0x9e3779b97f4a7c15u));
    z = b.mul(xorShift(z, 30), int64_t(0xbf58476d1ce4e5b9u));
    z = b.mul(xorShift(z, 27), int64_t(0x94d049bb133111ebu));
    return xorShift(z, 31);
  }

  Value finish(Value x) {
    x = b.mul(xorShift(x, 16), like(0x7feb352d, x));
    x = b.mul(xorShift(x, 15), like(0x846ca68b, x));
    return xorShift(x, 16);
  }

  Value like(int64_t value, Value x) {
    if (isa<VectorType>(x.getType()))
      return b.splatInt(int32_t(value));
    return b.index(value);
  }

  /// The low and the high half of a key, in every lane.
  Value lowHalf(Value key) {
    return b.broadcast(arith::TruncIOp::create(b, b.getI32Type(), key));
  }
  Value highHalf(Value key) {
    Value high = arith::ShRUIOp::create(b, key, b.index(32));
    return lowHalf(high);
  }

private:
  Value xorShift(Value x, int64_t count) {
    Value shifted = arith::ShRUIOp::create(b, x, like(count, x));
    return arith::XOrIOp::create(b, x, shifted);
  }

  KernelBuilder &b;
};

struct DropoutKernel
    : KernelOpInterface::ExternalModel<DropoutKernel, train::DropoutOp> {
  SmallVector<StringRef> getRunTimeAttributes(Operation *op) const {
    return {cast<train::DropoutOp>(op).getStreamAttrName()};
  }

  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto dropout = cast<train::DropoutOp>(op);
    double p = dropout.getProbability().convertToFloat();
    int64_t columns = graph::getColumns(dropout.getY());
    uint64_t threshold = uint64_t(std::llround(std::ldexp(p, 32)));

    emitter.parallelTokens([&](Value begin, Value end, Value) {
      Hash hash(b);
      auto field = [&](size_t offset) {
        return emitter.loadContext(offset, b.getI64Type());
      };
      Value state =
          hash.absorb(b.index(0), field(offsetof(neap_context, dropout_seed)));
      state = hash.absorb(state, field(offsetof(neap_context, row_counter)));
      state = hash.absorb(
          state, emitter.getRunTimeAttribute(dropout.getStreamAttrName()));

      b.forLoop(begin, end, 1, [&](Value token) {
        Value key = hash.absorb(state, token);
        Value low = hash.lowHalf(key), high = hash.highHalf(key);
        Value row = b.mul(token, columns);
        b.forVectors(columns, [&](Value column, int64_t n) {
          Value first =
              b.broadcast(arith::TruncIOp::create(b, b.getI32Type(), column));
          Value h = b.mul(b.add(first, b.laneNumbers()),
                          b.splatInt(int32_t(0x9e3779b1u)));
          h = hash.finish(b.add(h, low));
          h = hash.finish(arith::XOrIOp::create(b, h, high));
          Value dropped =
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, h,
                                    b.splatInt(int32_t(uint32_t(threshold))));
          Value at = b.add(row, column);
          Value x = b.loadVector(emitter.getInput(0), at, n);
          Value y = b.fmul(x, b.splat(1 / (1 - p)));
          b.storeVector(b.select(dropped, b.splat(0), y), emitter.getOutput(0),
                        at, n);
        });
      });
    });
    return success();
  }
};
} // namespace

void neap::attachDropoutKernel(MLIRContext &context) {
  train::DropoutOp::attachInterface<DropoutKernel>(context);
}
