// Elementary functions for kernels, in f32, written out as polynomials: no
// library call, no branch, the same operations for a scalar and for each lane
// of a vector of any width, so a value never depends on the lane it sits in.
//
// Bounds below are in units of the last place against the exact function,
// measured densely by test/Kernels/MathTest.cpp. Polynomials are minimax fits
// (Lawson iteration) with coefficients rounded to f32 one after another.
#ifndef NEAP_PASSES_LOWER_KERNELMATH_H
#define NEAP_PASSES_LOWER_KERNELMATH_H

#include "passes/Lower/KernelBuilder.h"

namespace neap {

/// Every argument is f32 or a vector of f32; results have the same type. NaN
/// gives NaN.
class KernelMath {
public:
  using Value = mlir::Value;

  explicit KernelMath(KernelBuilder &builder) : b(builder) {}

  /// e^x. Overflows to infinity, underflows gradually to zero. 1 ulp.
  Value exp(Value x);
  /// e^x for x <= 88: a result below the smallest normal number is zero. Three
  /// operations fewer than exp, for softmax, whose arguments are not positive.
  Value expFlushed(Value x);
  /// Natural logarithm: -infinity at 0, NaN below. 1 ulp.
  Value log(Value x);
  /// 1 / (1 + e^-x); zero below -88.7. 2.3 ulp.
  Value sigmoid(Value x);
  /// 1.4 ulp.
  Value tanh(Value x);
  /// 1.1 ulp.
  Value erf(Value x);

  struct SinCos {
    Value sin, cos;
  };
  /// 1.5 ulp for |x| <= 1e5; accuracy is lost gradually beyond 2^18.
  SinCos sinCos(Value x);

  /// A constant of the type of `like`.
  Value constant(double value, Value like);
  /// Coefficients from the lowest power up, by Horner's rule.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients);
  Value less(Value a, Value b);    ///< ordered
  Value greater(Value a, Value b); ///< ordered
  Value abs(Value x);
  /// |magnitude| with the sign of `sign`.
  Value copySign(Value magnitude, Value sign);

private:
  struct Rounded {
    Value value; ///< nearest integer as f32
    Value bits;  ///< the same in the low bits of an integer
  };
  struct Reduced {
    Value mantissa; ///< e^r
    Value exponent; ///< integer n with e^x = e^r 2^n
  };
  Rounded roundToInteger(Value x);
  Reduced reduceExp(Value x);
  Value powerOfTwo(Value exponent);
  mlir::Type integerTypeOf(Value x);
  Value integer(int64_t value, Value like);
  Value toBits(Value x);
  Value fromBits(Value bits);
  Value shiftLeft(Value bits, int64_t count);
  Value shiftRight(Value bits, int64_t count); ///< arithmetic

  KernelBuilder &b;
};

} // namespace neap
#endif
