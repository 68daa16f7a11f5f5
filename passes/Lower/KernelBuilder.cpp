#include "passes/Lower/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace neap;
using Values = KernelBuilder::Values;

//===----------------------------------------------------------------------===//
// Types and constants
//===----------------------------------------------------------------------===//

VectorType KernelBuilder::vectorType(int64_t n) {
  return VectorType::get({n ? n : lanes}, getF32Type());
}
VectorType KernelBuilder::intVectorType(unsigned bits) {
  return VectorType::get({lanes}, getIntegerType(bits));
}
Type KernelBuilder::ptrType() {
  return LLVM::LLVMPointerType::get(getContext());
}

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}
Value KernelBuilder::scalar(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(float(value)));
}
Value KernelBuilder::scalar64(double value) {
  return arith::ConstantOp::create(*this, getF64FloatAttr(value));
}
Value KernelBuilder::splat(double value) {
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(vectorType(), getF32FloatAttr(float(value))));
}
Value KernelBuilder::splatInt(int64_t value, unsigned bits) {
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(intVectorType(bits),
                             getIntegerAttr(getIntegerType(bits), value)));
}
Value KernelBuilder::boolean(bool value) {
  return arith::ConstantOp::create(*this, getBoolAttr(value));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}
Value KernelBuilder::add(Value a, int64_t b) { return add(a, index(b)); }
Value KernelBuilder::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(a, b);
}
Value KernelBuilder::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(a, b);
}
Value KernelBuilder::mul(Value a, int64_t b) { return mul(a, index(b)); }
Value KernelBuilder::div(Value a, Value b) {
  return createOrFold<arith::DivUIOp>(a, b);
}
Value KernelBuilder::div(Value a, int64_t b) { return div(a, index(b)); }
Value KernelBuilder::ceilDiv(Value a, Value b) {
  return div(sub(add(a, b), index(1)), b);
}
Value KernelBuilder::ceilDiv(Value a, int64_t b) {
  return div(add(a, b - 1), b);
}
Value KernelBuilder::rem(Value a, int64_t b) {
  return createOrFold<arith::RemUIOp>(a, index(b));
}
Value KernelBuilder::min(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(a, b);
}
Value KernelBuilder::max(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(a, b);
}
Value KernelBuilder::less(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b);
}
Value KernelBuilder::equal(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}
Value KernelBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}

Value KernelBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value KernelBuilder::fsub(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value KernelBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value KernelBuilder::fdiv(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}
Value KernelBuilder::fmax(Value a, Value b) {
  return arith::MaxNumFOp::create(*this, a, b);
}
Value KernelBuilder::fmin(Value a, Value b) {
  return arith::MinNumFOp::create(*this, a, b);
}
Value KernelBuilder::fneg(Value a) { return arith::NegFOp::create(*this, a); }
Value KernelBuilder::sqrt(Value a) { return LLVM::SqrtOp::create(*this, a); }
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return LLVM::FMAOp::create(*this, a, b, c);
}
Value KernelBuilder::broadcast(Value scalar) {
  return vector::BroadcastOp::create(
      *this, VectorType::get({lanes}, scalar.getType()), scalar);
}
Value KernelBuilder::extend(Value a) {
  Type element = getElementTypeOrSelf(a.getType());
  Type wide = element.isF32() ? Type(getF64Type()) : Type(getF32Type());
  Type type = wide;
  if (auto vector = dyn_cast<VectorType>(a.getType()))
    type = vector.clone(wide);
  return arith::ExtFOp::create(*this, type, a);
}
Value KernelBuilder::truncate(Value a) {
  return arith::TruncFOp::create(*this, getF32Type(), a);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::forLoop(Value lower, Value upper, int64_t step,
                            function_ref<void(Value)> body) {
  forLoop(lower, upper, step, {}, [&](Value iv, ValueRange) {
    body(iv);
    return Values();
  });
}

Values KernelBuilder::forLoop(Value lower, Value upper, int64_t step,
                              ValueRange init,
                              function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, lower, upper, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  Block *block = loop.getBody();
  // Without carried values the builder has already added a terminator.
  if (block->mightHaveTerminator())
    block->getTerminator()->erase();
  setInsertionPointToEnd(block);
  Values yielded = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, yielded);
  return Values(loop.getResults());
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> then,
                           function_ref<void()> otherwise) {
  auto branch =
      scf::IfOp::create(*this, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

Values KernelBuilder::ifThenElse(Value condition, TypeRange types,
                                 function_ref<Values()> then,
                                 function_ref<Values()> otherwise) {
  auto branch =
      scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  auto fill = [&](Block *block, function_ref<Values()> body) {
    setInsertionPointToEnd(block);
    Values yielded = body();
    scf::YieldOp::create(*this, yielded);
  };
  fill(branch.thenBlock(), then);
  fill(branch.elseBlock(), otherwise);
  return Values(branch.getResults());
}

void KernelBuilder::switchOn(Value selector, ArrayRef<int64_t> values,
                             function_ref<void(int64_t)> emitCase) {
  Value position =
      arith::IndexCastUIOp::create(*this, getIndexType(), selector);
  auto op = scf::IndexSwitchOp::create(*this, TypeRange(), position, values,
                                       values.size());
  OpBuilder::InsertionGuard guard(*this);
  for (auto [region, value] : llvm::zip(op.getCaseRegions(), values)) {
    createBlock(&region);
    emitCase(value);
    scf::YieldOp::create(*this);
  }
  createBlock(&op.getDefaultRegion());
  scf::YieldOp::create(*this);
}

void KernelBuilder::forVectors(int64_t columns,
                               function_ref<void(Value, int64_t)> body) {
  forVectors(columns, {}, [&](Value column, int64_t n, ValueRange) {
    body(column, n);
    return Values();
  });
}

Values KernelBuilder::forVectors(
    int64_t columns, ValueRange init,
    function_ref<Values(Value, int64_t, ValueRange)> body) {
  int64_t full = columns / lanes * lanes;
  Values carried(init);
  if (full == lanes)
    carried = body(index(0), lanes, carried);
  else if (full > 0)
    carried = forLoop(index(0), index(full), lanes, carried,
                      [&](Value column, ValueRange args) {
                        return body(column, lanes, args);
                      });
  if (full < columns)
    carried = body(index(full), columns - full, carried);
  return carried;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::address(Value base, Value elementIndex, Type elementType) {
  return LLVM::GEPOp::create(*this, ptrType(), elementType, base,
                             ArrayRef<LLVM::GEPArg>{elementIndex});
}
Value KernelBuilder::addressBytes(Value base, Value byteOffset) {
  return address(base, byteOffset, getI8Type());
}

static unsigned elementAlignment(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIntOrFloat() ? (element.getIntOrFloatBitWidth() + 7) / 8
                                : sizeof(void *);
}

Value KernelBuilder::load(Value base, Value elementIndex, Type elementType) {
  return LLVM::LoadOp::create(*this, elementType,
                              address(base, elementIndex, elementType),
                              elementAlignment(elementType));
}
void KernelBuilder::store(Value value, Value base, Value elementIndex) {
  LLVM::StoreOp::create(*this, value,
                        address(base, elementIndex, value.getType()),
                        elementAlignment(value.getType()));
}
Value KernelBuilder::loadF32(Value base, Value elementIndex) {
  return load(base, elementIndex, getF32Type());
}

Value KernelBuilder::laneMask(int64_t n) {
  SmallVector<bool> bits(lanes);
  for (int64_t i = 0; i < lanes; ++i)
    bits[i] = i < n;
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(VectorType::get({lanes}, getI1Type()), bits));
}

Value KernelBuilder::loadVector(Value base, Value elementIndex, int64_t n) {
  return loadVectorAs(getF32Type(), base, elementIndex, n);
}

Value KernelBuilder::loadVectorAs(Type elementType, Value base,
                                  Value elementIndex, int64_t n) {
  auto type = VectorType::get({lanes}, elementType);
  Value pointer = address(base, elementIndex, elementType);
  unsigned alignment = elementAlignment(elementType);
  Value vector;
  if (n == 0 || n == lanes) {
    vector = LLVM::LoadOp::create(*this, type, pointer, alignment);
  } else {
    // Masked loads of 16-bit elements need AVX512BW and friends; lane by lane
    // works everywhere and tails are rare.
    bool wide = elementType.isF32();
    Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
    if (wide) {
      vector = LLVM::MaskedLoadOp::create(*this, type, pointer, laneMask(n),
                                          zero, alignment);
    } else {
      vector = zero;
      for (int64_t lane = 0; lane < n; ++lane)
        vector =
            insertLane(load(pointer, index(lane), elementType), vector, lane);
    }
  }
  return elementType.isF32() ? vector : extend(vector);
}

Value KernelBuilder::loadAs(Type elementType, Value base, Value elementIndex) {
  Value value = load(base, elementIndex, elementType);
  return elementType.isF32() ? value : extend(value);
}

void KernelBuilder::storeVector(Value vector, Value base, Value elementIndex,
                                int64_t n) {
  Type elementType = cast<VectorType>(vector.getType()).getElementType();
  Value pointer = address(base, elementIndex, elementType);
  unsigned alignment = elementAlignment(elementType);
  if (n == 0 || n == lanes)
    LLVM::StoreOp::create(*this, vector, pointer, alignment);
  else
    LLVM::MaskedStoreOp::create(*this, vector, pointer, laneMask(n), alignment);
}

void KernelBuilder::prefetch(Value base, Value elementIndex, Type elementType,
                             bool forWrite, int locality) {
  LLVM::Prefetch::create(*this, address(base, elementIndex, elementType),
                         forWrite ? 1 : 0, locality, /*cache=*/1);
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

Value KernelBuilder::shuffle(Value a, Value b, ArrayRef<int64_t> order) {
  return vector::ShuffleOp::create(*this, a, b, order);
}
Value KernelBuilder::extractLane(Value vector, int64_t lane) {
  return vector::ExtractOp::create(*this, vector, lane);
}
Value KernelBuilder::insertLane(Value scalar, Value vector, int64_t lane) {
  return vector::InsertOp::create(*this, scalar, vector, lane);
}
Value KernelBuilder::keepLanes(Value a, int64_t n, double other) {
  return n == 0 || n == lanes ? a : select(laneMask(n), a, splat(other));
}
Value KernelBuilder::laneNumbers() {
  SmallVector<int32_t> numbers(lanes);
  for (int64_t i = 0; i < lanes; ++i)
    numbers[i] = int32_t(i);
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(intVectorType(), ArrayRef(numbers)));
}

Value KernelBuilder::halve(Value vector,
                           function_ref<Value(Value, Value)> combine) {
  for (int64_t width = lanes; width > 1; width /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < width / 2; ++i) {
      low.push_back(i);
      high.push_back(i + width / 2);
    }
    vector =
        combine(shuffle(vector, vector, low), shuffle(vector, vector, high));
  }
  return extractLane(vector, 0);
}
Value KernelBuilder::sumLanes(Value vector) {
  return halve(vector, [&](Value a, Value b) { return fadd(a, b); });
}
Value KernelBuilder::maxLanes(Value vector) {
  return halve(vector, [&](Value a, Value b) { return fmax(a, b); });
}
