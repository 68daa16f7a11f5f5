#include "test/Dialect/Toy/ToyDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace neap::toy;

#include "test/Dialect/Toy/ToyDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "test/Dialect/Toy/ToyTypes.cpp.inc"

#define GET_OP_CLASSES
#include "test/Dialect/Toy/ToyOps.cpp.inc"

void ToyDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "test/Dialect/Toy/ToyTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "test/Dialect/Toy/ToyOps.cpp.inc"
      >();
}

int64_t HandleType::getStorageBytes() const {
  int64_t bytes = getElementType().getIntOrFloatBitWidth() / 8;
  for (int64_t size : getShape())
    bytes *= size;
  return bytes;
}

FlatSymbolRefAttr HandleOp::getStorageSymbol() { return getStorageAttr(); }
neap::HandleSpace HandleOp::getHandleSpace() {
  if (getSpace() == "weights")
    return HandleSpace::Weights;
  return getSpace() == "values" ? HandleSpace::AdapterValues
                                : HandleSpace::AdapterGradients;
}

FlatSymbolRefAttr TrainableOp::getStorageSymbol() { return getStorageAttr(); }
FlatSymbolRefAttr TrainableOp::getParameterSymbol() { return getStorageAttr(); }
neap::HandleSpace TrainableOp::getHandleSpace() {
  return HandleSpace::AdapterValues;
}

Value AdjointOp::getAccumulator() { return getInit(); }
void AdjointOp::setAccumulator(Value init) { getInitMutable().assign(init); }

static std::optional<unsigned> getIndex(std::optional<uint64_t> attribute,
                                        unsigned result) {
  if (!attribute || result != 0)
    return std::nullopt;
  return static_cast<unsigned>(*attribute);
}

#define NEAP_TOY_COMPUTE(OP)                                                   \
  double OP::getFlops(int64_t) { return static_cast<double>(getFlops()); }     \
  double OP::getBytesTouched(int64_t) { return 0; }                            \
  bool OP::isRecomputable() { return !getOnce(); }                             \
  neap::KernelScratch OP::getScratch(const neap::KernelTarget &) {             \
    return {static_cast<int64_t>(getScratch()), 0};                            \
  }                                                                            \
  LogicalResult OP::emitKernel(neap::KernelEmitter &) {                        \
    return emitOpError("has no kernel");                                       \
  }                                                                            \
  bool OP::isOperandDifferentiable(unsigned index) {                           \
    return !llvm::is_contained(getSide(), static_cast<int64_t>(index));        \
  }                                                                            \
  std::optional<unsigned> OP::getInPlaceOperand(unsigned result) {             \
    return getIndex(getInPlace(), result);                                     \
  }                                                                            \
  std::optional<unsigned> OP::getViewOperand(unsigned result) {                \
    return getIndex(getView(), result);                                        \
  }
NEAP_TOY_COMPUTE(WorkOp)
NEAP_TOY_COMPUTE(SumOp)
#undef NEAP_TOY_COMPUTE

/// Adds to the gradient behind a trainable handle.
static void accumulate(OpBuilder &builder, Location loc, Value handle,
                       SmallVector<Value> inputs) {
  auto trainable =
      cast<neap::TrainableHandleOpInterface>(handle.getDefiningOp());
  inputs.push_back(HandleOp::create(builder, loc, handle.getType(),
                                    builder.getStringAttr("gradients"),
                                    trainable.getParameterSymbol()));
  AccumulateOp::create(builder, loc, inputs);
}

LogicalResult WorkOp::buildAdjoint(OpBuilder &builder, ValueRange dResults,
                                   ArrayRef<bool> needed,
                                   MutableArrayRef<Value> dOperands) {
  SmallVector<Value> inputs;
  for (Value gradient : dResults)
    if (gradient)
      inputs.push_back(gradient);
  llvm::append_range(inputs, getInputs());
  for (auto [index, operand] : llvm::enumerate(getInputs())) {
    if (!needed[index])
      continue;
    if (isHandleType(operand.getType()))
      accumulate(builder, getLoc(), operand, inputs);
    else
      dOperands[index] =
          AdjointOp::create(builder, getLoc(), operand.getType(), inputs,
                            /*init=*/Value(), static_cast<int64_t>(index));
  }
  return success();
}

LogicalResult SumOp::buildAdjoint(OpBuilder &, ValueRange dResults,
                                  ArrayRef<bool> needed,
                                  MutableArrayRef<Value> dOperands) {
  for (auto [index, operand] : llvm::enumerate(getInputs())) {
    if (!needed[index])
      continue;
    if (operand.getType() != dResults[0].getType())
      return emitOpError("has no adjoint for operands of other types");
    dOperands[index] = dResults[0];
  }
  return success();
}

double LossOp::getFlops(int64_t) { return static_cast<double>(getFlops()); }
double LossOp::getBytesTouched(int64_t) { return 0; }
bool LossOp::isRecomputable() { return false; }
neap::KernelScratch LossOp::getScratch(const neap::KernelTarget &) {
  return {static_cast<int64_t>(getScratch()), 0};
}
LogicalResult LossOp::emitKernel(neap::KernelEmitter &) {
  return emitOpError("has no kernel");
}
bool LossOp::isLoss() { return true; }
bool LossOp::isOperandDifferentiable(unsigned index) { return index == 0; }
LogicalResult LossOp::buildAdjoint(OpBuilder &, ValueRange, ArrayRef<bool>,
                                   MutableArrayRef<Value> gradients) {
  gradients[0] = getResult(0);
  return success();
}
