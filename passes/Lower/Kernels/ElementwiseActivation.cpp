// Nonlinearities, gated units and their gradients.
#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/KernelMath.h"
#include "passes/Lower/Kernels/Elementwise.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

namespace {
/// The formulas of graph.activation on vectors; every method may be called for
/// any kind, and shares what value and derivative have in common.
class Nonlinearity {
public:
  struct Both {
    Value value, derivative;
  };

  Nonlinearity(KernelBuilder &b, ActivationKind kind)
      : b(b), math(b), kind(kind) {}

  /// Both outputs; unused operations are dropped later.
  Both apply(Value x) {
    switch (kind) {
    case ActivationKind::Silu:
      return silu(x);
    case ActivationKind::Gelu:
      return gelu(x);
    case ActivationKind::GeluTanh:
      return geluTanh(x);
    case ActivationKind::Relu:
      return relu(x);
    }
    llvm_unreachable("every kind is listed");
  }

private:
  Both silu(Value x) {
    Value one = b.splat(1), s = math.sigmoid(x);
    // s + x s (1 - s)
    Value y = b.fmul(x, s);
    return {y, b.fma(y, b.fsub(one, s), s)};
  }

  Both gelu(Value x) {
    Value phi = math.erf(b.fmul(x, b.splat(0.70710678118654752)));
    phi = b.fmul(b.splat(0.5), b.fadd(b.splat(1), phi));
    Value square = b.fmul(x, b.fmul(x, b.splat(-0.5)));
    Value density =
        b.fmul(math.expFlushed(square), b.splat(0.39894228040143268));
    return {b.fmul(x, phi), b.fma(x, density, phi)};
  }

  Both geluTanh(Value x) {
    constexpr double c = 0.79788456080286536, a = 0.044715; // sqrt(2 / pi)
    Value x2 = b.fmul(x, x), one = b.splat(1), half = b.splat(0.5);
    Value inner = b.fmul(b.fmul(x, b.splat(c)), b.fma(x2, b.splat(a), one));
    Value t = math.tanh(inner);
    Value phi = b.fmul(half, b.fadd(one, t));
    Value slope = b.fma(x2, b.splat(3 * a * c), b.splat(c));
    Value rest = b.fmul(b.fmul(half, x), b.fma(b.fneg(t), t, one));
    return {b.fmul(x, phi), b.fma(rest, slope, phi)};
  }

  Both relu(Value x) {
    // Selections, so that NaN stays NaN in the value.
    Value zero = b.splat(0);
    return {b.select(math.less(x, zero), zero, x),
            b.select(math.greater(x, zero), b.splat(1), zero)};
  }

  KernelBuilder &b;
  KernelMath math;
  ActivationKind kind;
};

struct ActivationKernel
    : KernelOpInterface::ExternalModel<ActivationKernel, ActivationOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    Nonlinearity f(b, cast<ActivationOp>(op).getKind());
    forEachVector(
        emitter, getColumns(op->getResult(0)), [&](Value at, int64_t n) {
          Value x = b.loadVector(emitter.getInput(0), at, n);
          b.storeVector(f.apply(x).value, emitter.getOutput(0), at, n);
        });
    return success();
  }
};

struct ActivationBackwardKernel
    : KernelOpInterface::ExternalModel<ActivationBackwardKernel,
                                       ActivationBackwardOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    Nonlinearity f(b, cast<ActivationBackwardOp>(op).getKind());
    forEachVector(emitter, getColumns(op->getResult(0)),
                  [&](Value at, int64_t n) {
                    Value dy = b.loadVector(emitter.getInput(0), at, n);
                    Value x = b.loadVector(emitter.getInput(1), at, n);
                    Value dx = b.fmul(dy, f.apply(x).derivative);
                    b.storeVector(dx, emitter.getOutput(0), at, n);
                  });
    return success();
  }
};

struct GluKernel : KernelOpInterface::ExternalModel<GluKernel, GluOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    Nonlinearity f(b, cast<GluOp>(op).getKind());
    forEachVector(emitter, getColumns(op->getResult(0)),
                  [&](Value at, int64_t n) {
                    Value gate = b.loadVector(emitter.getInput(0), at, n);
                    Value up = b.loadVector(emitter.getInput(1), at, n);
                    Value y = b.fmul(f.apply(gate).value, up);
                    b.storeVector(y, emitter.getOutput(0), at, n);
                  });
    return success();
  }
};

struct GluBackwardKernel
    : KernelOpInterface::ExternalModel<GluBackwardKernel, GluBackwardOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    Nonlinearity f(b, cast<GluBackwardOp>(op).getKind());
    forEachVector(emitter, getColumns(op->getResult(0)),
                  [&](Value at, int64_t n) {
                    Value dy = b.loadVector(emitter.getInput(0), at, n);
                    Value gate = b.loadVector(emitter.getInput(1), at, n);
                    Value up = b.loadVector(emitter.getInput(2), at, n);
                    auto [value, derivative] = f.apply(gate);
                    Value dGate = b.fmul(b.fmul(dy, up), derivative);
                    Value dUp = b.fmul(dy, value);
                    b.storeVector(dGate, emitter.getOutput(0), at, n);
                    b.storeVector(dUp, emitter.getOutput(1), at, n);
                  });
    return success();
  }
};
} // namespace

void neap::attachActivationKernels(MLIRContext &context) {
  ActivationOp::attachInterface<ActivationKernel>(context);
  ActivationBackwardOp::attachInterface<ActivationBackwardKernel>(context);
  GluOp::attachInterface<GluKernel>(context);
  GluBackwardOp::attachInterface<GluBackwardKernel>(context);
}
