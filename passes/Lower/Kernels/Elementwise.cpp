// Elementwise kernels.
#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/RegisterKernels.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

namespace {
struct AddKernel : KernelOpInterface::ExternalModel<AddKernel, AddOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    int64_t columns = getColumns(cast<AddOp>(op).getY());
    emitter.parallelTokens([&](Value begin, Value end, Value) {
      b.forLoop(begin, end, 1, [&](Value token) {
        Value row = b.mul(token, columns);
        b.forVectors(columns, [&](Value column, int64_t n) {
          Value at = b.add(row, column);
          Value sum = b.fadd(b.loadVector(emitter.getInput(0), at, n),
                             b.loadVector(emitter.getInput(1), at, n));
          b.storeVector(sum, emitter.getOutput(0), at, n);
        });
      });
    });
    return success();
  }
};
} // namespace

void neap::registerElementwiseKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    AddOp::attachInterface<AddKernel>(*context);
  });
}
