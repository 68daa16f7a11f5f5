// Sums, products and copies, element by element.
#include "passes/Lower/Kernels/Elementwise.h"

#include "dialects/Graph/GraphDialect.h"
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/RegisterKernels.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

//===----------------------------------------------------------------------===//
// Loops over rows
//===----------------------------------------------------------------------===//

void neap::forEachToken(KernelEmitter &emitter,
                        function_ref<void(Value)> body) {
  emitter.parallelTokens([&](Value begin, Value end, Value) {
    emitter.getBuilder().forLoop(begin, end, 1, body);
  });
}

void neap::forEachVector(KernelEmitter &emitter, int64_t columns,
                         function_ref<void(Value, int64_t)> body) {
  KernelBuilder &b = emitter.getBuilder();
  forEachToken(emitter, [&](Value token) {
    Value row = b.mul(token, columns);
    b.forVectors(columns,
                 [&](Value column, int64_t n) { body(b.add(row, column), n); });
  });
}

static constexpr int64_t kPartials = 4;

KernelBuilder::Values
neap::sumColumns(KernelBuilder &b, int64_t columns, int64_t sums,
                 function_ref<KernelBuilder::Values(Value, int64_t)> terms) {
  using Values = KernelBuilder::Values;
  int64_t lanes = b.getLanes(), step = kPartials * lanes;
  auto accumulate = [&](MutableArrayRef<Value> partials, int64_t part,
                        Value column, int64_t n) {
    for (auto [i, term] : llvm::enumerate(terms(column, n))) {
      Value &partial = partials[i * kPartials + part];
      partial = b.fadd(partial, term);
    }
  };
  Values partials(sums * kPartials, b.splat(0));
  int64_t grouped = columns / step * step;
  if (grouped)
    partials = b.forLoop(b.index(0), b.index(grouped), step, partials,
                         [&](Value column, ValueRange carried) {
                           Values next(carried);
                           for (int64_t part = 0; part < kPartials; ++part)
                             accumulate(next, part, b.add(column, part * lanes),
                                        lanes);
                           return next;
                         });
  for (int64_t column = grouped; column < columns; column += lanes)
    accumulate(partials, (column - grouped) / lanes, b.index(column),
               std::min(lanes, columns - column));
  Values results;
  for (int64_t i = 0; i < sums; ++i) {
    Value *p = &partials[i * kPartials];
    results.push_back(
        b.sumLanes(b.fadd(b.fadd(p[0], p[1]), b.fadd(p[2], p[3]))));
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {
struct AddKernel : KernelOpInterface::ExternalModel<AddKernel, AddOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    int64_t columns = getColumns(op->getResult(0));
    forEachVector(emitter, columns, [&](Value at, int64_t n) {
      Value sum = b.fadd(b.loadVector(emitter.getInput(0), at, n),
                         b.loadVector(emitter.getInput(1), at, n));
      b.storeVector(sum, emitter.getOutput(0), at, n);
    });
    return success();
  }
};

struct MulKernel : KernelOpInterface::ExternalModel<MulKernel, MulOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    int64_t columns = getColumns(op->getResult(0));
    forEachVector(emitter, columns, [&](Value at, int64_t n) {
      Value product = b.fmul(b.loadVector(emitter.getInput(0), at, n),
                             b.loadVector(emitter.getInput(1), at, n));
      b.storeVector(product, emitter.getOutput(0), at, n);
    });
    return success();
  }
};

struct ScaleKernel : KernelOpInterface::ExternalModel<ScaleKernel, ScaleOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    double factor = cast<ScaleOp>(op).getFactor().convertToFloat();
    int64_t columns = getColumns(op->getResult(0));
    forEachVector(emitter, columns, [&](Value at, int64_t n) {
      Value x = b.loadVector(emitter.getInput(0), at, n);
      b.storeVector(b.fmul(x, b.splat(factor)), emitter.getOutput(0), at, n);
    });
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Copies between arrays of different widths
//===----------------------------------------------------------------------===//

/// Columns of one row, `columns` wide, from element `source` to `target`.
void copyColumns(KernelBuilder &b, int64_t columns, Value from, Value source,
                 Value to, Value target) {
  b.forVectors(columns, [&](Value column, int64_t n) {
    Value x = b.loadVector(from, b.add(source, column), n);
    b.storeVector(x, to, b.add(target, column), n);
  });
}

struct SliceColumnsKernel
    : KernelOpInterface::ExternalModel<SliceColumnsKernel, SliceColumnsOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto slice = cast<SliceColumnsOp>(op);
    int64_t from = getColumns(slice.getX()), to = getColumns(slice.getY());
    forEachToken(emitter, [&](Value token) {
      copyColumns(b, to, emitter.getInput(0),
                  b.add(b.mul(token, from), slice.getOffset()),
                  emitter.getOutput(0), b.mul(token, to));
    });
    return success();
  }
};

struct PadColumnsKernel
    : KernelOpInterface::ExternalModel<PadColumnsKernel, PadColumnsOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto pad = cast<PadColumnsOp>(op);
    int64_t from = getColumns(pad.getX()), to = getColumns(pad.getY());
    int64_t offset = pad.getOffset();
    auto zero = [&](int64_t columns, Value at) {
      b.forVectors(columns, [&](Value column, int64_t n) {
        b.storeVector(b.splat(0), emitter.getOutput(0), b.add(at, column), n);
      });
    };
    forEachToken(emitter, [&](Value token) {
      Value row = b.mul(token, to);
      zero(offset, row);
      copyColumns(b, from, emitter.getInput(0), b.mul(token, from),
                  emitter.getOutput(0), b.add(row, offset));
      zero(to - offset - from, b.add(row, offset + from));
    });
    return success();
  }
};

struct ConcatColumnsKernel
    : KernelOpInterface::ExternalModel<ConcatColumnsKernel, ConcatColumnsOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    int64_t width = getColumns(op->getResult(0));
    forEachToken(emitter, [&](Value token) {
      Value row = b.mul(token, width);
      for (OpOperand &part : op->getOpOperands()) {
        int64_t columns = getColumns(part.get());
        copyColumns(b, columns, emitter.getInput(part.getOperandNumber()),
                    b.mul(token, columns), emitter.getOutput(0), row);
        row = b.add(row, columns);
      }
    });
    return success();
  }
};
} // namespace

void neap::registerElementwiseKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    AddOp::attachInterface<AddKernel>(*context);
    MulOp::attachInterface<MulKernel>(*context);
    ScaleOp::attachInterface<ScaleKernel>(*context);
    SliceColumnsOp::attachInterface<SliceColumnsKernel>(*context);
    PadColumnsOp::attachInterface<PadColumnsKernel>(*context);
    ConcatColumnsOp::attachInterface<ConcatColumnsKernel>(*context);
    attachActivationKernels(*context);
  });
  registry.addExtension(+[](MLIRContext *context, train::TrainDialect *) {
    attachDropoutKernel(*context);
  });
}
