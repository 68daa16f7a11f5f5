// A small embedded language for kernels: structured control flow (scf), i64
// and f32 arithmetic, vectors of the target's width, and memory through
// !llvm.ptr. Kernels address memory by pointer and element index rather than by
// memref: rows are run-time many, and a descriptor of dynamic shape cannot
// cross the bare-pointer calls between outlined functions.
//
// Nothing here may reassociate or contract: an emitted kernel computes exactly
// the operations written, in that order, on every target.
#ifndef NEAP_PASSES_LOWER_KERNELBUILDER_H
#define NEAP_PASSES_LOWER_KERNELBUILDER_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace neap {

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  /// `vectorFloats` f32 lanes per vector.
  KernelBuilder(mlir::Location loc, const mlir::OpBuilder &builder,
                int64_t vectorFloats)
      : ImplicitLocOpBuilder(loc, builder), lanes(vectorFloats) {}

  int64_t getLanes() const { return lanes; }
  mlir::VectorType vectorType(int64_t n = 0); ///< f32, `lanes` wide by default
  mlir::VectorType intVectorType(unsigned bits = 32); ///< `lanes` integers
  mlir::Type ptrType();

  //===--- constants -----------------------------------------------------===//
  Value index(int64_t value);   ///< i64
  Value scalar(double value);   ///< f32
  Value scalar64(double value); ///< f64
  Value splat(double value);    ///< f32 vector
  Value splatInt(int64_t value, unsigned bits = 32);
  Value boolean(bool value);

  //===--- i64 arithmetic ------------------------------------------------===//
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value div(Value a, Value b);     ///< unsigned
  Value div(Value a, int64_t b);   ///< unsigned
  Value ceilDiv(Value a, Value b); ///< unsigned
  Value ceilDiv(Value a, int64_t b);
  Value rem(Value a, int64_t b); ///< unsigned
  Value min(Value a, Value b);   ///< signed
  Value max(Value a, Value b);   ///< signed
  Value less(Value a, Value b);  ///< signed, i1
  Value equal(Value a, Value b); ///< i1
  Value select(Value condition, Value a, Value b);

  //===--- f32 arithmetic, scalars and vectors alike ---------------------===//
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fdiv(Value a, Value b);
  Value fmax(Value a, Value b); ///< maxnumf
  Value fmin(Value a, Value b);
  Value fneg(Value a);
  Value sqrt(Value a);
  Value fma(Value a, Value b, Value c); ///< a * b + c with one rounding
  Value broadcast(Value scalar);        ///< f32 to vector
  Value extend(Value a);                ///< f32 to f64, f16/bf16 to f32
  Value truncate(Value a);              ///< f64 to f32

  //===--- control flow --------------------------------------------------===//
  /// for (iv = lower; iv < upper; iv += step) body(iv)
  void forLoop(Value lower, Value upper, int64_t step,
               llvm::function_ref<void(Value)> body);
  /// The same carrying values; returns what the last iteration yields.
  Values forLoop(Value lower, Value upper, int64_t step, mlir::ValueRange init,
                 llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = nullptr);
  /// A conditional that yields values of the given types.
  Values ifThenElse(Value condition, mlir::TypeRange types,
                    llvm::function_ref<Values()> then,
                    llvm::function_ref<Values()> otherwise);
  /// Runs cases[k] when `selector` equals values[k]; nothing otherwise.
  void switchOn(Value selector, llvm::ArrayRef<int64_t> values,
                llvm::function_ref<void(int64_t)> emitCase);
  /// Full vectors over columns [0, columns), then one masked tail: body(column,
  /// n) with n lanes valid. The full part is a loop, the tail is straight code.
  void forVectors(int64_t columns,
                  llvm::function_ref<void(Value column, int64_t n)> body);
  /// The same carrying values through both parts.
  Values forVectors(
      int64_t columns, mlir::ValueRange init,
      llvm::function_ref<Values(Value column, int64_t n, mlir::ValueRange)>
          body);

  //===--- memory --------------------------------------------------------===//
  /// base + elementIndex * sizeof(elementType)
  Value address(Value base, Value elementIndex, mlir::Type elementType);
  Value addressBytes(Value base, Value byteOffset);
  Value load(Value base, Value elementIndex, mlir::Type elementType);
  void store(Value value, Value base, Value elementIndex);
  Value loadF32(Value base, Value elementIndex);
  /// `n` lanes of f32 starting at an element; lanes beyond are zero. n = 0:
  /// all.
  Value loadVector(Value base, Value elementIndex, int64_t n = 0);
  void storeVector(Value vector, Value base, Value elementIndex, int64_t n = 0);
  /// f32, f16 or bf16 elements, extended to f32. n as above.
  Value loadVectorAs(mlir::Type elementType, Value base, Value elementIndex,
                     int64_t n = 0);
  /// One element of f32, f16 or bf16, extended to f32.
  Value loadAs(mlir::Type elementType, Value base, Value elementIndex);
  void prefetch(Value base, Value elementIndex, mlir::Type elementType,
                bool forWrite, int locality);

  //===--- lanes ---------------------------------------------------------===//
  Value shuffle(Value a, Value b, llvm::ArrayRef<int64_t> lanes);
  Value extractLane(Value vector, int64_t lane);
  Value insertLane(Value scalar, Value vector, int64_t lane);
  /// First n lanes of a, zero elsewhere.
  Value keepLanes(Value a, int64_t n, double other = 0.0);
  Value laneNumbers(); ///< i32 vector 0, 1, 2, ...
  /// Sum/maximum over lanes by halving: lane i with lane i + width/2. The order
  /// is part of the result.
  Value sumLanes(Value vector);
  Value maxLanes(Value vector);

private:
  Value laneMask(int64_t n);
  Value halve(Value vector, llvm::function_ref<Value(Value, Value)> combine);
  int64_t lanes;
};

} // namespace neap
#endif
