#include "dialects/Train/TrainDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace neap;
using namespace neap::train;
using graph::getColumns;

#include "dialects/Train/TrainDialect.cpp.inc"
#include "dialects/Train/TrainEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Train/TrainAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Train/TrainTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Train/TrainOps.cpp.inc"

void TrainDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Train/TrainTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Train/TrainAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Train/TrainOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Types and handles
//===----------------------------------------------------------------------===//

Type AdapterType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseGreater())
    return {};
  return parser.getChecked<AdapterType>(parser.getContext(), shape, element);
}

void AdapterType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType() << ">";
}

LogicalResult AdapterType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  ArrayRef<int64_t> shape, Type elementType) {
  if (shape.size() != 2) // parameter_c1
    return emitError() << "expected an adapter of rank 2, but found rank "
                       << shape.size();
  if (!elementType.isF32())
    return emitError() << "expected f32 elements, but found " << elementType;
  return success();
}

int64_t AdapterType::getStorageBytes() const {
  return 4 * getShape()[0] * getShape()[1];
}

static LogicalResult verifyParameterUse(Operation *op, FlatSymbolRefAttr name,
                                        Type type,
                                        SymbolTableCollection &symbols) {
  auto parameter = symbols.lookupNearestSymbolFrom<ParameterOp>(op, name);
  if (!parameter) // value_c1, gradient_c1
    return op->emitOpError()
           << "expected '" << name.getValue() << "' to name a train.parameter";
  if (parameter.getType() != type) // value_c2, gradient_c2
    return op->emitOpError()
           << "expected type " << parameter.getType() << " of '"
           << name.getValue() << "', but found " << type;
  return success();
}

LogicalResult ValueOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParameterUse(*this, getParameterAttr(), getType(), symbols);
}
FlatSymbolRefAttr ValueOp::getStorageSymbol() { return getParameterAttr(); }
FlatSymbolRefAttr ValueOp::getParameterSymbol() { return getParameterAttr(); }
HandleSpace ValueOp::getHandleSpace() { return HandleSpace::AdapterValues; }

LogicalResult GradientOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParameterUse(*this, getParameterAttr(), getType(), symbols);
}
FlatSymbolRefAttr GradientOp::getStorageSymbol() { return getParameterAttr(); }
HandleSpace GradientOp::getHandleSpace() {
  return HandleSpace::AdapterGradients;
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

static LogicalResult expectFactor(Operation *op, Value factor, int64_t rank,
                                  int64_t columns) {
  ArrayRef<int64_t> found = cast<AdapterType>(factor.getType()).getShape();
  if (found[0] == rank && found[1] == columns)
    return success();
  return op->emitOpError() << "expected the adapter to be " << rank << " x "
                           << columns << ", but found " << found[0] << " x "
                           << found[1];
}

LogicalResult LoraDownOp::verify() { // lora_down_c1
  return expectFactor(*this, getFactor(), getColumns(getH()),
                      getColumns(getX()));
}

LogicalResult LoraUpOp::verify() {
  if (getBase() && getBase().getType() != getY().getType()) // lora_up_c2
    return emitOpError() << "expected 'base' to have type " << getY().getType()
                         << ", but found " << getBase().getType();
  return expectFactor(*this, getFactor(), getColumns(getH()),
                      getColumns(getY())); // lora_up_c1
}

LogicalResult DropoutOp::verify() {
  float p = getProbability().convertToFloat();
  if (p >= 0 && p < 1) // dropout_c1
    return success();
  return emitOpError() << "expected 'probability' in [0, 1), but found " << p;
}

LogicalResult AccumulateOuterOp::verify() { // accumulate_outer_c1
  return expectFactor(*this, getGradient(), getColumns(getH()),
                      getColumns(getX()));
}

LogicalResult LinearCrossEntropyOp::verify() {
  auto weight = cast<graph::WeightType>(getWeight().getType());
  if (weight.getShape().size() != 2 ||
      weight.getShape()[1] != getColumns(getX())) // linear_cross_entropy_c1
    return emitOpError() << "expected 'weight' to be V x "
                         << getColumns(getX());
  if (getDX() &&
      getDX().getType() != getX().getType()) // linear_cross_entropy_c3
    return emitOpError() << "expected 'd_x' to have type " << getX().getType()
                         << ", but found " << getDX().getType();
  if (!getBias())
    return success();
  auto bias = cast<graph::WeightType>(getBias().getType());
  if (bias.getShape() !=
      weight.getShape().take_front()) // linear_cross_entropy_c2
    return emitOpError() << "expected 'bias' to have shape ["
                         << weight.getShape()[0] << "]";
  return success();
}
