// Linear layers with a frozen weight, forward and input gradient.
#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/Kernels/Gemm.h"
#include "passes/Lower/RegisterKernels.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

/// One product over all tokens, threads split by panels of its columns: four
/// ranges per thread, the longer ones first, so that threads end together.
static void emitProduct(KernelEmitter &emitter, const GemmShape &shape,
                        Gemm::Finish finish) {
  KernelBuilder &b = emitter.getBuilder();
  Gemm gemm(b, shape, emitter.getTarget());
  Value panels = b.index(gemm.getPanelCount()), one = b.index(1);
  Value threads = emitter.getThreadCount();
  Value wanted =
      b.select(b.equal(threads, one), one, b.mul(threads, b.index(4)));
  Value tasks = b.min(panels, wanted);
  Value length = b.div(panels, tasks);
  Value longer = b.sub(panels, b.mul(length, tasks));
  emitter.parallel(tasks, {length, longer},
                   [&](Value task, Value thread, ValueRange captured) {
                     auto boundary = [&](Value number) {
                       return b.add(b.mul(number, captured[0]),
                                    b.min(number, captured[1]));
                     };
                     GemmCall call;
                     call.input = emitter.getInput(0);
                     call.weight = emitter.getInput(1);
                     call.output = emitter.getOutput(0);
                     call.panels = emitter.getThreadScratch(thread);
                     call.rowBegin = b.index(0);
                     call.rowEnd = emitter.getTokenCount();
                     call.panelBegin = boundary(task);
                     call.panelEnd = boundary(b.add(task, 1));
                     gemm.emit(call, finish);
                   });
}

namespace {
struct LinearKernel : KernelOpInterface::ExternalModel<LinearKernel, LinearOp> {
  static GemmShape getShape(LinearOp op) {
    WeightType weight = op.getWeight().getType();
    int64_t columns = weight.getShape()[0], contraction = weight.getShape()[1];
    return {
        columns,     contraction, /*transposed=*/true, weight.getElementType(),
        contraction, columns};
  }
  KernelScratch getScratch(Operation *op, const KernelTarget &target) const {
    return {0, Gemm::getScratchBytes(getShape(cast<LinearOp>(op)), target)};
  }
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto linear = cast<LinearOp>(op);
    Type biasType;
    if (linear.getBias())
      biasType = cast<WeightType>(linear.getBias().getType()).getElementType();
    emitProduct(emitter, getShape(linear), [&](const GemmResult &result) {
      if (!result.first)
        return b.fadd(
            b.loadVector(emitter.getOutput(0), result.at, result.lanes),
            result.sum);
      if (!biasType)
        return result.sum;
      return b.fadd(result.sum, b.loadVectorAs(biasType, emitter.getInput(2),
                                               result.column, result.lanes));
    });
    return success();
  }
};

struct LinearBackwardKernel
    : KernelOpInterface::ExternalModel<LinearBackwardKernel, LinearBackwardOp> {
  static GemmShape getShape(LinearBackwardOp op) {
    WeightType weight = op.getWeight().getType();
    int64_t contraction = weight.getShape()[0], columns = weight.getShape()[1];
    return {
        columns,     contraction, /*transposed=*/false, weight.getElementType(),
        contraction, columns};
  }
  KernelScratch getScratch(Operation *op, const KernelTarget &target) const {
    return {
        0, Gemm::getScratchBytes(getShape(cast<LinearBackwardOp>(op)), target)};
  }
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto backward = cast<LinearBackwardOp>(op);
    bool accumulates = bool(backward.getInit());
    emitProduct(emitter, getShape(backward), [&](const GemmResult &result) {
      // The first block reads init where it lies, in place or not.
      if (result.first && !accumulates)
        return result.sum;
      Value before = result.first ? emitter.getInput(2) : emitter.getOutput(0);
      return b.fadd(b.loadVector(before, result.at, result.lanes), result.sum);
    });
    return success();
  }
};
} // namespace

void neap::registerLinearKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    LinearOp::attachInterface<LinearKernel>(*context);
    LinearBackwardOp::attachInterface<LinearBackwardKernel>(*context);
  });
}
