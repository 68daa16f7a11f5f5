// lowerPrograms as a pass on textual IR: the storage layout is read from
// options.
#include "passes/Lower/LowerPrograms.h"
#include "passes/Lower/Passes.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Plan/PlanAttributes.h"
#include "passes/Verify/VerifyPlanned.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace neap {
#define GEN_PASS_DEF_EMITPROGRAMSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace neap

using namespace neap;

namespace {

struct EmitPrograms : neap::impl::EmitProgramsPassBase<EmitPrograms> {
  using EmitProgramsPassBase::EmitProgramsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<StorageLayout> storage = getStorage();
    if (failed(storage) || failed(expectPlanned()))
      return signalPassFailure();
    FailureOr<OwningOpRef<ModuleOp>> lowered =
        lowerPrograms(module, *storage, plan::getKernelTarget(module));
    if (failed(lowered))
      return signalPassFailure();
    module.getBodyRegion().takeBody((*lowered)->getBodyRegion());
    // The attributes describe the planned form, which is gone.
    module->removeAttr(plan::kMaxTokensAttr);
    module->removeAttr(plan::kDeviceAttr);
    module->removeAttr(kArenaBytesAttr);
    module->removeAttr(kSlotsOffsetAttr);
  }

private:
  LogicalResult expectPlanned() {
    ModuleOp module = getOperation();
    if (!module->hasAttrOfType<IntegerAttr>(plan::kMaxTokensAttr) ||
        !module->hasAttrOfType<plan::DeviceAttr>(plan::kDeviceAttr))
      return module.emitOpError()
             << "expected the attributes '" << plan::kMaxTokensAttr << "' and '"
             << plan::kDeviceAttr << "'";
    return verifyPlanned(module);
  }

  FailureOr<StorageLayout> getStorage() {
    StorageLayout storage;
    storage.valuesOffset = valuesOffset;
    storage.gradientsOffset = gradientsOffset;
    storage.moment1Offset = moment1Offset;
    storage.moment2Offset = moment2Offset;
    storage.parameterElementCount = parameterElementCount;
    if (failed(parsePositions(weights, storage.weightOffsets)) ||
        failed(parsePositions(parameters, storage.parameterElements)))
      return failure();
    return storage;
  }

  LogicalResult parsePositions(ArrayRef<std::string> texts,
                               llvm::StringMap<int64_t> &positions) {
    for (StringRef text : texts) {
      auto [name, position] = text.rsplit(':');
      if (position.getAsInteger(10, positions[name]) || positions[name] < 0)
        return getOperation().emitError()
               << "expected name:position, but found '" << text << "'";
    }
    return success();
  }
};

} // namespace
