#include "dialects/Graph/GraphDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

#include "dialects/Graph/GraphDialect.cpp.inc"
#include "dialects/Graph/GraphEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Graph/GraphAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Graph/GraphTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.cpp.inc"

void GraphDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Graph/GraphTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Graph/GraphAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Graph/GraphOps.cpp.inc"
      >();
}

RankedTensorType neap::graph::getActivationType(MLIRContext *context,
                                                int64_t columns) {
  return RankedTensorType::get({ShapedType::kDynamic, columns},
                               Float32Type::get(context));
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type WeightType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseGreater())
    return {};
  return parser.getChecked<WeightType>(parser.getContext(), shape, element);
}

void WeightType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType() << ">";
}

LogicalResult WeightType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType) {
  if (shape.empty() || shape.size() > 2)
    return emitError() << "expected a weight of rank 1 or 2, but found rank "
                       << shape.size();
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16())
    return emitError() << "expected f32, f16 or bf16 elements, but found "
                       << elementType;
  return success();
}

int64_t WeightType::getStorageBytes() const {
  int64_t bytes = getElementType().getIntOrFloatBitWidth() / 8;
  for (int64_t dim : getShape())
    bytes *= dim;
  return bytes;
}

//===----------------------------------------------------------------------===//
// Verifiers. Constraint numbers are those of the op's description.
//===----------------------------------------------------------------------===//

static LogicalResult expectColumns(Operation *op, StringRef name, Value value,
                                   int64_t expected) {
  int64_t found = getColumns(value);
  if (found == expected)
    return success();
  return op->emitOpError() << "expected '" << name << "' to have " << expected
                           << " columns, but found " << found;
}

static LogicalResult expectShape(Operation *op, StringRef name, Value weight,
                                 ArrayRef<int64_t> expected) {
  auto type = cast<WeightType>(weight.getType());
  if (type.getShape() == expected)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError();
  diagnostic << "expected '" << name << "' to have shape [";
  llvm::interleaveComma(expected, diagnostic);
  diagnostic << "], but found [";
  llvm::interleaveComma(type.getShape(), diagnostic);
  return diagnostic << "]";
}

static LogicalResult expectRank2(Operation *op, StringRef name, Value weight) {
  if (cast<WeightType>(weight.getType()).getShape().size() == 2)
    return success();
  return op->emitOpError() << "expected '" << name
                           << "' to have rank 2, but found rank 1";
}

static ArrayRef<int64_t> shapeOf(Value weight) {
  return cast<WeightType>(weight.getType()).getShape();
}

LogicalResult WeightDeclOp::verify() {
  auto type = cast<WeightType>(getType());
  if (getFile().has_value() == getInlineData().has_value()) // weight_decl_c1
    return emitOpError("expected exactly one of 'file' and 'inline_data'");
  if (getFile() &&
      getBytes() != uint64_t(type.getStorageBytes())) // weight_decl_c2
    return emitOpError() << "expected 'bytes' to be " << type.getStorageBytes()
                         << ", but found " << getBytes();
  if (auto data = getInlineData()) // weight_decl_c2
    if (data->getShapedType().getShape() != type.getShape() ||
        data->getElementType() != type.getElementType())
      return emitOpError("expected 'inline_data' to have the declared type");
  if (getTransposed() && type.getShape().size() != 2) // weight_decl_c3
    return emitOpError("expected a transposed weight to have rank 2");
  return success();
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto decl =
      symbols.lookupNearestSymbolFrom<WeightDeclOp>(*this, getDeclAttr());
  if (!decl) // weight_c1
    return emitOpError() << "expected '" << getDecl()
                         << "' to name a graph.weight_decl";
  if (decl.getType() != getType()) // weight_c2
    return emitOpError() << "expected type " << decl.getType() << " of '"
                         << getDecl() << "', but found " << getType();
  return success();
}

FlatSymbolRefAttr WeightOp::getStorageSymbol() { return getDeclAttr(); }
HandleSpace WeightOp::getHandleSpace() { return HandleSpace::Weights; }

LogicalResult EmbeddingOp::verify() {
  if (failed(expectRank2(*this, "table", getTable()))) // embedding_c1
    return failure();
  return expectColumns(*this, "y", getY(), shapeOf(getTable())[1]);
}

LogicalResult PositionEmbeddingOp::verify() {
  if (failed(expectRank2(*this, "table", getTable()))) // position_embedding_c1
    return failure();
  return expectColumns(*this, "y", getY(), shapeOf(getTable())[1]);
}

LogicalResult RopeTableOp::verify() {
  return expectColumns(*this, "y", getY(),
                       2 * getFrequencies().size()); // rope_table_c1
}

LogicalResult LinearOp::verify() {
  if (failed(
          expectShape(*this, "weight", getWeight(),
                      {getColumns(getY()), getColumns(getX())}))) // linear_c1
    return failure();
  return getBias() ? expectShape(*this, "bias", getBias(),
                                 {getColumns(getY())}) // linear_c2
                   : success();
}

LogicalResult LinearBackwardOp::verify() {
  if (failed(expectShape(
          *this, "weight", getWeight(),
          {getColumns(getDy()), getColumns(getDx())}))) // linear_backward_c1
    return failure();
  return getInit() ? expectColumns(*this, "init", getInit(),
                                   getColumns(getDx())) // linear_backward_c2
                   : success();
}

LogicalResult RmsNormOp::verify() {
  return expectShape(*this, "weight", getWeight(),
                     {getColumns(getX())}); // rms_norm_c1
}

template <typename NormBackwardOp>
static LogicalResult verifyNormBackward(NormBackwardOp op) {
  int64_t columns = getColumns(op.getX());
  // rms_norm_backward_c1, layer_norm_backward_c1
  if (failed(expectShape(op, "weight", op.getWeight(), {columns})))
    return failure();
  // rms_norm_backward_c2, layer_norm_backward_c2
  return op.getInit() ? expectColumns(op, "init", op.getInit(), columns)
                      : success();
}

LogicalResult RmsNormBackwardOp::verify() { return verifyNormBackward(*this); }
LogicalResult LayerNormBackwardOp::verify() {
  return verifyNormBackward(*this);
}

LogicalResult LayerNormOp::verify() {
  int64_t columns = getColumns(getX());
  if (failed(expectShape(*this, "weight", getWeight(),
                         {columns}))) // layer_norm_c1
    return failure();
  return getBias()
             ? expectShape(*this, "bias", getBias(), {columns}) // layer_norm_c2
             : success();
}

LogicalResult RopeOp::verify() {
  if (failed(expectColumns(*this, "x", getX(),
                           getHeads() * getHeadDim()))) // rope_c1
    return failure();
  int64_t rotated = getColumns(getTable());
  if (rotated % 2 != 0 || rotated > int64_t(getHeadDim())) // rope_c2
    return emitOpError()
           << "expected 'table' to have an even number of at most "
           << getHeadDim() << " columns, but found " << rotated;
  return success();
}

template <typename Op> static LogicalResult verifyAttention(Op op) {
  int64_t dim = op.getHeadDim();
  // attention_c2, attention_backward_c2
  if (op.getHeads() % op.getKvHeads() != 0)
    return op.emitOpError() << "expected 'kv_heads' to divide " << op.getHeads()
                            << ", but found " << op.getKvHeads();
  // attention_c1, attention_backward_c1
  if (failed(expectColumns(op, "q", op.getQ(), op.getHeads() * dim)) ||
      failed(expectColumns(op, "k", op.getK(), op.getKvHeads() * dim)) ||
      failed(expectColumns(op, "v", op.getV(), op.getKvHeads() * dim)) ||
      failed(expectColumns(op, "o", op.getO(), op.getHeads() * dim)))
    return failure();
  // attention_c3, attention_backward_c3
  return expectColumns(op, "lse", op.getLse(), op.getHeads());
}

LogicalResult AttentionOp::verify() { return verifyAttention(*this); }

LogicalResult AttentionBackwardOp::verify() {
  if (failed(verifyAttention(*this)))
    return failure();
  if (getDq().getType() != getQ().getType() ||
      getDk().getType() != getK().getType() ||
      getDv().getType() != getV().getType()) // attention_backward_c4
    return emitOpError(
        "expected gradients to have the types of 'q', 'k' and 'v'");
  return expectColumns(*this, "d_o", getDO(),
                       getColumns(getO())); // attention_backward_c5
}

LogicalResult SliceColumnsOp::verify() {
  int64_t end = getOffset() + getColumns(getY());
  if (end > getColumns(getX())) // slice_columns_c1
    return emitOpError() << "expected the slice to end within "
                         << getColumns(getX()) << " columns, but found " << end;
  return success();
}

LogicalResult PadColumnsOp::verify() {
  int64_t end = getOffset() + getColumns(getX());
  if (end > getColumns(getY())) // pad_columns_c1
    return emitOpError() << "expected the columns to end within "
                         << getColumns(getY()) << ", but found " << end;
  return success();
}

LogicalResult ConcatColumnsOp::verify() {
  int64_t total = 0;
  for (Value x : getXs())
    total += getColumns(x);
  return expectColumns(*this, "y", getY(), total); // concat_columns_c1
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

namespace {
/// Joins a chain of additions of padded columns that tile the result into one
/// concat_columns: what the gradients of slices of a packed projection give.
struct JoinPaddedColumns : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;

  static bool collect(Value value, bool isRoot,
                      SmallVectorImpl<PadColumnsOp> &pads) {
    if (auto pad = value.getDefiningOp<PadColumnsOp>()) {
      pads.push_back(pad);
      return true;
    }
    auto add = value.getDefiningOp<AddOp>();
    if (!add || (!isRoot && !add->hasOneUse()))
      return false;
    return collect(add.getA(), false, pads) && collect(add.getB(), false, pads);
  }

  LogicalResult matchAndRewrite(AddOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<PadColumnsOp> pads;
    if (!collect(op.getY(), true, pads))
      return failure();
    llvm::sort(pads, [](PadColumnsOp a, PadColumnsOp b) {
      return a.getOffset() < b.getOffset();
    });
    SmallVector<Value> parts;
    int64_t next = 0;
    for (PadColumnsOp pad : pads) {
      if (int64_t(pad.getOffset()) != next)
        return failure();
      parts.push_back(pad.getX());
      next += getColumns(pad.getX());
    }
    if (next != getColumns(op.getY()))
      return failure();
    rewriter.replaceOpWithNewOp<ConcatColumnsOp>(op, op.getY().getType(),
                                                 parts);
    return success();
  }
};
} // namespace

void AddOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                        MLIRContext *context) {
  patterns.add<JoinPaddedColumns>(context);
}
