// Reading weights into the arena: the runtime does it.
#include "dialects/Plan/PlanDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/RegisterKernels.h"
#include "runtime/include/neap/abi.h"

#include <cstddef>

using namespace mlir;
using namespace neap;

namespace {
struct FetchKernel
    : KernelOpInterface::ExternalModel<FetchKernel, plan::FetchOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    Value bytes = b.index(cast<plan::FetchOp>(op).getBytesFetched());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()),
        {b.ptrType(), b.ptrType(), b.getI64Type(), b.ptrType()});
    Value callee =
        emitter.loadContext(offsetof(neap_context, fetch), b.ptrType());
    LLVM::CallOp::create(b, type,
                         ValueRange{callee, emitter.getContext(),
                                    emitter.getInput(0), bytes,
                                    emitter.getOutput(0)});
    return success();
  }
};
} // namespace

void neap::registerFetchKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, plan::PlanDialect *) {
    plan::FetchOp::attachInterface<FetchKernel>(*context);
  });
}
