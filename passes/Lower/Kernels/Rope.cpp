// Rotary position embedding: the table of angles and the rotation.
#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/KernelMath.h"
#include "passes/Lower/Kernels/Elementwise.h"
#include "passes/Lower/RegisterKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

namespace {
/// A constant array in the object, named after the function being written.
Value addConstants(KernelBuilder &b, ArrayRef<float> values) {
  Operation *place = b.getInsertionBlock()->getParentOp();
  auto function = dyn_cast<LLVM::LLVMFuncOp>(place);
  if (!function)
    function = place->getParentOfType<LLVM::LLVMFuncOp>();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(function);
  auto type = LLVM::LLVMArrayType::get(b.getF32Type(), values.size());
  auto data = DenseElementsAttr::get(
      RankedTensorType::get({int64_t(values.size())}, b.getF32Type()), values);
  auto global = LLVM::GlobalOp::create(
      b, type, /*isConstant=*/true, LLVM::Linkage::Internal,
      (function.getName() + "_constants").str(), data, /*alignment=*/64);
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AddressOfOp::create(b, global);
}

struct RopeTableKernel
    : KernelOpInterface::ExternalModel<RopeTableKernel, RopeTableOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto table = cast<RopeTableOp>(op);
    ArrayRef<float> frequencies = table.getFrequencies();
    int64_t count = frequencies.size();
    emitter.parallelTokens([&](Value begin, Value end, Value) {
      Value constants = addConstants(b, frequencies);
      KernelMath math(b);
      Value factor = b.splat(table.getScale().convertToFloat());
      b.forLoop(begin, end, 1, [&](Value token) {
        Value position =
            arith::SIToFPOp::create(b, b.getF32Type(), token).getResult();
        Value wide = b.broadcast(position);
        Value row = b.mul(token, 2 * count);
        b.forVectors(count, [&](Value column, int64_t n) {
          Value f = b.loadVector(constants, column, n);
          auto [sin, cos] = math.sinCos(b.fmul(wide, f));
          Value at = b.add(row, column);
          b.storeVector(b.fmul(cos, factor), emitter.getOutput(0), at, n);
          b.storeVector(b.fmul(sin, factor), emitter.getOutput(0),
                        b.add(at, count), n);
        });
      });
    });
    return success();
  }
};

/// Rotates the pairs of one head. A vector holds one half of as many pairs.
class Rotation {
public:
  Rotation(KernelEmitter &emitter, RopeOp rope, Value tableRow, Value head)
      : b(emitter.getBuilder()), rope(rope), x(emitter.getInput(0)),
        table(emitter.getInput(1)), y(emitter.getOutput(0)),
        pairs(getColumns(rope.getTable()) / 2), tableRow(tableRow), head(head) {
  }

  void emit() {
    b.forVectors(pairs, [&](Value f, int64_t n) {
      Value at = b.add(tableRow, f);
      Value cos = b.loadVector(table, at, n);
      Value sin = b.loadVector(table, b.add(at, pairs), n);
      if (rope.getInverse())
        sin = b.fneg(sin);
      if (rope.getInterleaved())
        rotateInterleaved(f, n, cos, sin);
      else
        rotateHalves(f, n, cos, sin);
    });
    // The rest of the head is not rotated.
    b.forVectors(rope.getHeadDim() - 2 * pairs, [&](Value column, int64_t n) {
      Value at = b.add(b.add(head, column), 2 * pairs);
      b.storeVector(b.loadVector(x, at, n), y, at, n);
    });
  }

private:
  struct Pair {
    Value a, b;
  };
  Pair rotate(Pair p, Value cos, Value sin) {
    return {b.fma(p.a, cos, b.fneg(b.fmul(p.b, sin))),
            b.fma(p.b, cos, b.fmul(p.a, sin))};
  }

  void rotateHalves(Value f, int64_t n, Value cos, Value sin) {
    Value first = b.add(head, f), second = b.add(first, pairs);
    Pair turned = rotate(
        {b.loadVector(x, first, n), b.loadVector(x, second, n)}, cos, sin);
    b.storeVector(turned.a, y, first, n);
    b.storeVector(turned.b, y, second, n);
  }

  void rotateInterleaved(Value f, int64_t n, Value cos, Value sin) {
    int64_t lanes = b.getLanes();
    int64_t inLow = std::min(2 * n, lanes), inHigh = 2 * n - inLow;
    Value first = b.add(head, b.mul(f, 2)), second = b.add(first, lanes);
    Value low = b.loadVector(x, first, inLow);
    Value high = inHigh ? b.loadVector(x, second, inHigh) : b.splat(0);
    SmallVector<int64_t> even, odd, lowHalf, highHalf;
    for (int64_t i = 0; i < lanes; ++i) {
      even.push_back(2 * i);
      odd.push_back(2 * i + 1);
      lowHalf.push_back(i / 2 + i % 2 * lanes);
      highHalf.push_back(lanes / 2 + i / 2 + i % 2 * lanes);
    }
    Pair turned = rotate(
        {b.shuffle(low, high, even), b.shuffle(low, high, odd)}, cos, sin);
    b.storeVector(b.shuffle(turned.a, turned.b, lowHalf), y, first, inLow);
    if (inHigh)
      b.storeVector(b.shuffle(turned.a, turned.b, highHalf), y, second, inHigh);
  }

  KernelBuilder &b;
  RopeOp rope;
  Value x, table, y;
  int64_t pairs;
  Value tableRow, head; ///< first elements of the token's table row and head
};

struct RopeKernel : KernelOpInterface::ExternalModel<RopeKernel, RopeOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto rope = cast<RopeOp>(op);
    int64_t width = getColumns(rope.getX()), headDim = rope.getHeadDim();
    forEachToken(emitter, [&](Value token) {
      Value tableRow = b.mul(token, getColumns(rope.getTable()));
      Value begin = b.mul(token, width);
      b.forLoop(begin, b.add(begin, width), headDim, [&](Value head) {
        Rotation(emitter, rope, tableRow, head).emit();
      });
    });
    return success();
  }
};
} // namespace

void neap::registerRopeKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    RopeTableOp::attachInterface<RopeTableKernel>(*context);
    RopeOp::attachInterface<RopeKernel>(*context);
  });
}
