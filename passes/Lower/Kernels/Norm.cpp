// Normalisations and their gradients: several passes over a row that stays in
// the first-level cache.
#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/Kernels/Elementwise.h"
#include "passes/Lower/RegisterKernels.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

namespace {
/// Vectors and sums of the row of one token; all operands of a normalisation
/// have the same number of columns.
class Row {
public:
  using Values = KernelBuilder::Values;

  Row(KernelBuilder &b, int64_t columns, Value token)
      : b(b), columns(columns), start(b.mul(token, columns)) {}

  Value load(Value base, Value column, int64_t n) {
    return b.loadVector(base, b.add(start, column), n);
  }
  Value loadWeight(Value base, Value handle, Value column, int64_t n) {
    auto type = cast<WeightType>(handle.getType());
    return b.loadVectorAs(type.getElementType(), base, column, n);
  }

  Values sum(int64_t sums, function_ref<Values(Value, int64_t)> terms) {
    return sumColumns(b, columns, sums, terms);
  }
  /// A sum divided by the number of columns.
  Value mean(Value total) { return b.fmul(total, b.scalar(1.0 / columns)); }
  /// 1 / sqrt(mean + epsilon)
  Value inverseRoot(Value mean, APFloat epsilon) {
    Value shifted = b.fadd(mean, b.scalar(epsilon.convertToFloat()));
    return b.fdiv(b.scalar(1), b.sqrt(shifted));
  }

  /// Stores init + term where `init` has an address.
  void write(Value output, Value init,
             function_ref<Value(Value column, int64_t n)> term) {
    b.forVectors(columns, [&](Value column, int64_t n) {
      Value result = term(column, n);
      if (init)
        result = b.fadd(load(init, column, n), result);
      b.storeVector(result, output, b.add(start, column), n);
    });
  }

  struct Moments {
    Value mean, inverseDeviation;
  };
  /// Mean, then the mean square of what is left: no cancellation.
  Moments measure(Value x, APFloat epsilon) {
    Value average = mean(sum(1, [&](Value column, int64_t n) {
      return Values{load(x, column, n)};
    })[0]);
    Value wide = b.broadcast(average);
    Value variance = mean(sum(1, [&](Value column, int64_t n) {
      Value rest = b.keepLanes(b.fsub(load(x, column, n), wide), n);
      return Values{b.fmul(rest, rest)};
    })[0]);
    return {average, inverseRoot(variance, epsilon)};
  }

private:
  KernelBuilder &b;
  int64_t columns;
  Value start;
};

struct RmsNormKernel
    : KernelOpInterface::ExternalModel<RmsNormKernel, RmsNormOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto norm = cast<RmsNormOp>(op);
    forEachToken(emitter, [&](Value token) {
      Row row(b, getColumns(norm.getX()), token);
      Value x = emitter.getInput(0), weight = emitter.getInput(1);
      Value square = row.sum(1, [&](Value column, int64_t n) {
        Value v = row.load(x, column, n);
        return Row::Values{b.fmul(v, v)};
      })[0];
      Value r =
          b.broadcast(row.inverseRoot(row.mean(square), norm.getEpsilon()));
      row.write(emitter.getOutput(0), nullptr, [&](Value column, int64_t n) {
        Value w = row.loadWeight(weight, norm.getWeight(), column, n);
        return b.fmul(b.fmul(row.load(x, column, n), r), w);
      });
    });
    return success();
  }
};

struct RmsNormBackwardKernel
    : KernelOpInterface::ExternalModel<RmsNormBackwardKernel,
                                       RmsNormBackwardOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto norm = cast<RmsNormBackwardOp>(op);
    forEachToken(emitter, [&](Value token) {
      Row row(b, getColumns(norm.getX()), token);
      Value dy = emitter.getInput(0), x = emitter.getInput(1);
      Value init = norm.getInit() ? emitter.getInput(3) : Value();
      auto gradient = [&](Value column, int64_t n) {
        Value w =
            row.loadWeight(emitter.getInput(2), norm.getWeight(), column, n);
        return b.fmul(row.load(dy, column, n), w);
      };
      Row::Values sums = row.sum(2, [&](Value column, int64_t n) {
        Value v = row.load(x, column, n);
        return Row::Values{b.fmul(v, v), b.fmul(gradient(column, n), v)};
      });
      Value r = row.inverseRoot(row.mean(sums[0]), norm.getEpsilon());
      Value projection =
          b.broadcast(b.fmul(b.fmul(r, r), b.fneg(row.mean(sums[1]))));
      Value wide = b.broadcast(r);
      row.write(emitter.getOutput(0), init, [&](Value column, int64_t n) {
        Value g = gradient(column, n);
        return b.fmul(wide, b.fma(row.load(x, column, n), projection, g));
      });
    });
    return success();
  }
};

struct LayerNormKernel
    : KernelOpInterface::ExternalModel<LayerNormKernel, LayerNormOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto norm = cast<LayerNormOp>(op);
    forEachToken(emitter, [&](Value token) {
      Row row(b, getColumns(norm.getX()), token);
      Value x = emitter.getInput(0);
      auto [mean, r] = row.measure(x, norm.getEpsilon());
      Value wideMean = b.broadcast(mean), wide = b.broadcast(r);
      row.write(emitter.getOutput(0), nullptr, [&](Value column, int64_t n) {
        Value h = b.fmul(b.fsub(row.load(x, column, n), wideMean), wide);
        Value w =
            row.loadWeight(emitter.getInput(1), norm.getWeight(), column, n);
        if (!norm.getBias())
          return b.fmul(h, w);
        return b.fma(
            h, w,
            row.loadWeight(emitter.getInput(2), norm.getBias(), column, n));
      });
    });
    return success();
  }
};

struct LayerNormBackwardKernel
    : KernelOpInterface::ExternalModel<LayerNormBackwardKernel,
                                       LayerNormBackwardOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto norm = cast<LayerNormBackwardOp>(op);
    forEachToken(emitter, [&](Value token) {
      Row row(b, getColumns(norm.getX()), token);
      Value dy = emitter.getInput(0), x = emitter.getInput(1);
      Value init = norm.getInit() ? emitter.getInput(3) : Value();
      auto [mean, r] = row.measure(x, norm.getEpsilon());
      Value wideMean = b.broadcast(mean), wide = b.broadcast(r);
      auto gradient = [&](Value column, int64_t n) {
        Value w =
            row.loadWeight(emitter.getInput(2), norm.getWeight(), column, n);
        return b.fmul(row.load(dy, column, n), w);
      };
      auto normalised = [&](Value column, int64_t n) {
        return b.fmul(b.fsub(row.load(x, column, n), wideMean), wide);
      };
      Row::Values sums = row.sum(2, [&](Value column, int64_t n) {
        Value g = gradient(column, n);
        return Row::Values{g, b.fmul(g, normalised(column, n))};
      });
      Value shift = b.broadcast(row.mean(sums[0]));
      Value projection = b.broadcast(b.fneg(row.mean(sums[1])));
      row.write(emitter.getOutput(0), init, [&](Value column, int64_t n) {
        Value rest = b.fsub(gradient(column, n), shift);
        return b.fmul(wide, b.fma(normalised(column, n), projection, rest));
      });
    });
    return success();
  }
};
} // namespace

void neap::registerNormKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    RmsNormOp::attachInterface<RmsNormKernel>(*context);
    RmsNormBackwardOp::attachInterface<RmsNormBackwardKernel>(*context);
    LayerNormOp::attachInterface<LayerNormKernel>(*context);
    LayerNormBackwardOp::attachInterface<LayerNormBackwardKernel>(*context);
  });
}
