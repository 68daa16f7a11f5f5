#include "dialects/Plan/PlanDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace neap::plan;

#include "dialects/Plan/PlanDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Plan/PlanAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Plan/PlanTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Plan/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Plan/PlanTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Plan/PlanAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Plan/PlanOps.cpp.inc"
      >();
}

int64_t neap::plan::getMaxTokens(ModuleOp module) {
  auto attr = module->getAttrOfType<IntegerAttr>(kMaxTokensAttr);
  assert(attr && "import sets the maximum token count");
  return attr.getInt();
}

neap::KernelTarget neap::plan::getKernelTarget(ModuleOp module) {
  neap::KernelTarget target;
  target.maxTokens = getMaxTokens(module);
  auto device = module->getAttrOfType<DeviceAttr>(kDeviceAttr);
  assert(device && "the pipeline attaches the device before planning");
  target.vectorFloats = device.getVectorFloats();
  target.tileRows = device.getTileRows();
  target.tileVectors = device.getTileVectors();
  target.contractionBlock = device.getContractionBlock();
  target.panelGroup = device.getPanelGroup();
  target.maxThreads = device.getMaxThreads();
  return target;
}

//===----------------------------------------------------------------------===//
// Fetch
//===----------------------------------------------------------------------===//

double FetchOp::getFlops(int64_t) { return 0; }

/// The read runs beside arithmetic and does not pass through the processor.
double FetchOp::getBytesTouched(int64_t) { return 0; }

int64_t FetchOp::getBytesFetched() {
  return llvm::alignTo(getTypeBytes(getHandle().getType(), 0), kFetchAlignment);
}

int64_t FetchOp::getResultAlignment(unsigned) { return kFetchAlignment; }

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

LogicalResult
SlotType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                 Type contentType) {
  if (isa<RankedTensorType>(contentType) || isHandleType(contentType))
    return success();
  return emitError() << "expected a ranked tensor or the type of a handle, but "
                        "found "
                     << contentType;
}

LogicalResult FetchOp::verify() {
  if (!isHandleType(getHandle().getType())) // fetch_c1
    return emitOpError() << "expected the type of a handle, but found "
                         << getHandle().getType();
  return success();
}

LogicalResult SlotOp::verify() {
  if (getOffset() % kSlotAlignment != 0) // slot_c1
    return emitOpError() << "expected 'offset' to be a multiple of "
                         << kSlotAlignment << ", but found " << getOffset();
  auto module = (*this)->getParentOfType<ModuleOp>();
  if (!module || !module->hasAttr(kMaxTokensAttr))
    return success();
  int64_t needed =
      getTypeBytes(getType().getContentType(), getMaxTokens(module));
  if (int64_t(getBytes()) < needed) // slot_c2
    return emitOpError() << "expected 'bytes' to be at least " << needed
                         << ", but found " << getBytes();
  return success();
}

/// What block argument or yielded value a slot or handle stands for.
static Type getInnerType(Type type) {
  if (auto slot = dyn_cast<SlotType>(type))
    return slot.getContentType();
  return type;
}

LogicalResult RunOp::verify() {
  Block &block = getBody().front();
  if (block.getOperations().size() != 2) // run_c1
    return emitOpError() << "expected one operation to run, but found "
                         << block.getOperations().size() - 1;
  if (block.getNumArguments() != getInputs().size()) // run_c2
    return emitOpError() << "expected " << getInputs().size()
                         << " block arguments, but found "
                         << block.getNumArguments();
  for (auto [index, input] : llvm::enumerate(getInputs()))
    if (getInnerType(input.getType()) !=
        block.getArgument(index).getType()) // run_c2
      return emitOpError() << "expected block argument #" << index
                           << " to have type " << getInnerType(input.getType())
                           << ", but found "
                           << block.getArgument(index).getType();
  auto yield = cast<YieldOp>(block.getTerminator());
  if (yield.getValues().size() != getOutputs().size()) // run_c3
    return emitOpError() << "expected " << getOutputs().size()
                         << " yielded values, but found "
                         << yield.getValues().size();
  for (auto [index, output] : llvm::enumerate(getOutputs()))
    if (getInnerType(output.getType()) !=
        yield.getValues()[index].getType()) // run_c3
      return emitOpError() << "expected yielded value #" << index
                           << " to have type " << getInnerType(output.getType())
                           << ", but found "
                           << yield.getValues()[index].getType();
  return success();
}
