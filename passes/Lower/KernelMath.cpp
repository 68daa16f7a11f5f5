#include "passes/Lower/KernelMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;
using namespace neap;

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

Type KernelMath::integerTypeOf(Value x) {
  Type i32 = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(x.getType()))
    return vector.clone(i32);
  return i32;
}

static Value makeConstant(KernelBuilder &b, Type type, TypedAttr element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(vector, Attribute(element)));
  return arith::ConstantOp::create(b, element);
}

Value KernelMath::constant(double value, Value like) {
  return makeConstant(b, like.getType(), b.getF32FloatAttr(float(value)));
}
Value KernelMath::integer(int64_t value, Value like) {
  return makeConstant(b, like.getType(), b.getI32IntegerAttr(int32_t(value)));
}
Value KernelMath::toBits(Value x) {
  return arith::BitcastOp::create(b, integerTypeOf(x), x);
}
Value KernelMath::fromBits(Value bits) {
  Type f32 = b.getF32Type();
  auto vector = dyn_cast<VectorType>(bits.getType());
  return arith::BitcastOp::create(b, vector ? Type(vector.clone(f32)) : f32,
                                  bits);
}
Value KernelMath::shiftLeft(Value bits, int64_t count) {
  return arith::ShLIOp::create(b, bits, integer(count, bits));
}
Value KernelMath::shiftRight(Value bits, int64_t count) {
  return arith::ShRSIOp::create(b, bits, integer(count, bits));
}
Value KernelMath::less(Value x, Value y) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, y);
}
Value KernelMath::greater(Value x, Value y) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
}
Value KernelMath::abs(Value x) {
  Value bits = toBits(x);
  return fromBits(arith::AndIOp::create(b, bits, integer(0x7fffffff, bits)));
}
Value KernelMath::copySign(Value magnitude, Value sign) {
  Value bits = toBits(sign);
  Value signBit =
      arith::AndIOp::create(b, bits, integer(INT32_MIN, bits)).getResult();
  return fromBits(arith::OrIOp::create(b, toBits(abs(magnitude)), signBit));
}

Value KernelMath::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back(), x);
  for (double c : llvm::reverse(coefficients.drop_back()))
    sum = b.fma(sum, x, constant(c, x));
  return sum;
}

// Adding 1.5 * 2^23 leaves the nearest integer in the low mantissa bits, for
// |x| < 2^22. Unlike a conversion it is defined for NaN, and needs no rounding
// instruction.
KernelMath::Rounded KernelMath::roundToInteger(Value x) {
  Value magic = constant(12582912.0, x);
  Value shifted = b.fadd(x, magic);
  return {b.fsub(shifted, magic), toBits(shifted)};
}

//===----------------------------------------------------------------------===//
// Exponential and logarithm
//===----------------------------------------------------------------------===//

static constexpr double kLn2High = 0.693147182, kLn2Low = -1.90465421e-09;
static constexpr int64_t kMagicBits = 0x4b400000; // bits of 1.5 * 2^23

KernelMath::Reduced KernelMath::reduceExp(Value x) {
  Rounded n = roundToInteger(b.fmul(x, constant(1.44269504, x)));
  Value r = b.fma(n.value, constant(-kLn2High, x), x);
  r = b.fma(n.value, constant(-kLn2Low, x), r);
  Value mantissa = polynomial(r, {1.0, 1.0, 0x1.fffffcp-2, 0x1.555492p-3,
                                  0x1.5558bcp-5, 0x1.1239ep-7, 0x1.6a41f6p-10});
  Value exponent =
      arith::SubIOp::create(b, n.bits, integer(kMagicBits, n.bits));
  return {mantissa, exponent};
}

Value KernelMath::powerOfTwo(Value exponent) {
  Value biased = arith::AddIOp::create(b, exponent, integer(127, exponent));
  return fromBits(shiftLeft(biased, 23));
}

Value KernelMath::exp(Value x) {
  // Selections by ordered comparison let NaN pass, unlike min and max.
  Value low = constant(-104, x), high = constant(89, x);
  x = b.select(less(x, low), low, x);
  x = b.select(greater(x, high), high, x);
  Reduced e = reduceExp(x);
  // Two factors: 2^128 and the powers below 2^-126 are no normal floats.
  Value half = shiftRight(e.exponent, 1);
  Value rest = arith::SubIOp::create(b, e.exponent, half);
  return b.fmul(b.fmul(e.mantissa, powerOfTwo(half)), powerOfTwo(rest));
}

Value KernelMath::expFlushed(Value x) {
  // e^-87.4 needs 2^-126; at and below it the factor is 2^-127, encoded as 0.
  Value low = constant(-88.02, x);
  x = b.select(less(x, low), low, x);
  Reduced e = reduceExp(x);
  return b.fmul(e.mantissa, powerOfTwo(e.exponent));
}

Value KernelMath::log(Value x) {
  // Subnormal numbers are scaled into the normal range first.
  Value tiny = less(x, constant(0x1p-126, x));
  Value scaled = b.select(tiny, b.fmul(x, constant(0x1p23, x)), x);
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)): subtracting the bits of sqrt(1/2)
  // carries into the exponent exactly when the mantissa is above it.
  Value bits = toBits(scaled);
  Value root = integer(0x3f3504f3, bits);
  Value exponent = shiftRight(arith::SubIOp::create(b, bits, root), 23);
  Value m = fromBits(
      arith::SubIOp::create(b, bits, shiftLeft(exponent, 23)).getResult());
  Value e = arith::SIToFPOp::create(b, x.getType(), exponent);
  e = b.fadd(e, b.select(tiny, constant(-23, x), constant(0, x)));

  Value f = b.fsub(m, constant(1, x));
  Value f2 = b.fmul(f, f);
  Value p = polynomial(f, {0x1.555548p-2, -0x1.000006p-2, 0x1.99a476p-3,
                           -0x1.555c46p-3, 0x1.233ba8p-3, -0x1.fc2886p-4,
                           0x1.e6bf3ap-4, -0x1.de02bcp-4, 0x1.14760cp-4});
  // f - f^2/2 + f^3 p + e ln2, small terms first.
  Value sum = b.fma(e, constant(kLn2Low, x), b.fmul(b.fmul(f2, f), p));
  sum = b.fma(f2, constant(-0.5, x), sum);
  Value result = b.fma(e, constant(kLn2High, x), b.fadd(f, sum));

  Value zero = constant(0, x), infinity = constant(INFINITY, x);
  result = b.select(less(x, infinity), result, x); // infinity and NaN
  result = b.select(less(x, zero), constant(NAN, x), result);
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, zero);
  return b.select(isZero, constant(-INFINITY, x), result);
}

//===----------------------------------------------------------------------===//
// Sigmoid, hyperbolic tangent, error function
//===----------------------------------------------------------------------===//

Value KernelMath::sigmoid(Value x) {
  Value one = constant(1, x);
  return b.fdiv(one, b.fadd(one, exp(b.fneg(x))));
}

Value KernelMath::tanh(Value x) {
  Value a = abs(x), one = constant(1, x), two = constant(2, x);
  Value a2 = b.fmul(a, a);
  Value p = polynomial(a2, {-0x1.555532p-2, 0x1.1106fcp-3, -0x1.b83738p-5,
                            0x1.5207b8p-6, -0x1.75619ap-8});
  Value small = b.fma(b.fmul(p, a2), a, a);
  // 1 - 2 / (e^2a + 1); the bound keeps e^2a finite where the result is 1.
  Value bound = constant(20, x);
  Value bounded = b.select(greater(a, bound), bound, a);
  Value e = expFlushed(b.fmul(two, bounded));
  Value large = b.fsub(one, b.fdiv(two, b.fadd(e, one)));
  return copySign(b.select(less(a, constant(0.625, x)), small, large), x);
}

Value KernelMath::erf(Value x) {
  Value a = abs(x);
  Value p =
      polynomial(b.fmul(a, a),
                 {0x1.06eba8p-3, -0x1.812740p-2, 0x1.ce2d64p-4, -0x1.b8011ap-6,
                  0x1.544a1ap-8, -0x1.a60a2ep-11, 0x1.4f676p-14});
  Value small = b.fma(p, a, a);
  // 1 - e^q with q a fit of log(erfc(a)); erf is 1 in f32 from 3.92 on.
  Value bound = constant(3.95, x);
  Value t = b.select(greater(a, bound), bound, a);
  Value q = polynomial(t, {-0x1.b220fep-13, -0x1.20ac3p+0, -0x1.4647b6p-1,
                           -0x1.a96520p-4, 0x1.6b8e22p-6, -0x1.8da03cp-9,
                           0x1.98d194p-13});
  Value large = b.fsub(constant(1, x), expFlushed(q));
  return copySign(b.select(less(a, constant(0.925, x)), small, large), x);
}

//===----------------------------------------------------------------------===//
// Sine and cosine
//===----------------------------------------------------------------------===//

KernelMath::SinCos KernelMath::sinCos(Value x) {
  // x - n pi/2 in three steps; the first product and difference are exact under
  // a fused multiply-add while n has fewer than 22 bits, the second rounds
  // relative to the result, the third supplies what cancellation uncovers.
  Rounded n = roundToInteger(b.fmul(x, constant(0.636619772, x)));
  Value r = b.fma(n.value, constant(-1.57079637, x), x);
  r = b.fma(n.value, constant(4.37113883e-08, x), r);
  r = b.fma(n.value, constant(1.71512451e-15, x), r);

  Value r2 = b.fmul(r, r);
  Value s = polynomial(
      r2, {-0x1.555556p-3, 0x1.111176p-7, -0x1.a05b94p-13, 0x1.7cc4e2p-19});
  s = b.fma(b.fmul(s, r2), r, r);
  Value c = polynomial(
      r2, {1.0, -0.5, 0x1.55554ap-5, -0x1.6c0c1ap-10, 0x1.99e0ecp-16});

  // Odd quadrants exchange the two; the sign bits follow from bit 1.
  Value one = integer(1, n.bits), two = integer(2, n.bits);
  auto bit = [&](Value v, Value mask) -> Value {
    return arith::AndIOp::create(b, v, mask);
  };
  Value odd =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bit(n.bits, one), one);
  auto flip = [&](Value v, Value quadrant) {
    Value sign = shiftLeft(bit(quadrant, two), 30);
    return fromBits(arith::XOrIOp::create(b, toBits(v), sign));
  };
  Value next = arith::AddIOp::create(b, n.bits, one);
  return {flip(b.select(odd, c, s), n.bits), flip(b.select(odd, s, c), next)};
}
