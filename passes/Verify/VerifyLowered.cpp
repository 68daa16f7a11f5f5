#include "passes/Verify/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace neap {
#define GEN_PASS_DEF_VERIFYLOWEREDPASS
#include "passes/Verify/Passes.h.inc"
} // namespace neap

static LogicalResult verifyOperation(Operation *op) {
  if (isa<ModuleOp>(op))
    return success();
  if (!isa_and_nonnull<LLVM::LLVMDialect>(op->getDialect())) // (1)
    return op->emitOpError("is left after lowering");
  if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op))
    if (function.isExternal()) // (2)
      return op->emitOpError() << "'" << function.getName() << "' has no body";
  if (auto global = dyn_cast<LLVM::GlobalOp>(op))
    if (!global.getConstant()) // (3)
      return op->emitOpError()
             << "'" << global.getName() << "' is not constant";
  if (isa<LLVM::AllocaOp>(op) && !op->getBlock()->isEntryBlock()) // (4)
    return op->emitOpError("takes stack memory outside the first block");
  return success();
}

namespace {
struct VerifyLowered : neap::impl::VerifyLoweredPassBase<VerifyLowered> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    WalkResult result = getOperation().walk([](Operation *op) {
      return failed(verifyOperation(op)) ? WalkResult::interrupt()
                                         : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
