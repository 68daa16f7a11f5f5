#include "compiler/Import/Matching.h"

#include <cmath>

namespace neap::onnx {

static double apply(Nonlinearity kind, double x) {
  switch (kind) {
  case Nonlinearity::Silu:
    return x / (1 + std::exp(-x));
  case Nonlinearity::Gelu:
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  case Nonlinearity::GeluTanh:
    return x *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) /
           2;
  case Nonlinearity::Relu:
    return x > 0 ? x : 0;
  }
  return 0;
}

/// Largest error against `kind`, relative to 1 + |x|.
static double largestError(Nonlinearity kind, const Array &x, const Array &y) {
  double worst = 0;
  for (size_t i = 0; i < x.floats.size(); ++i) {
    double error = std::fabs(y.floats[i] - apply(kind, x.floats[i])) /
                   (1 + std::fabs(x.floats[i]));
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  return worst;
}

static bool onlyScalars(const Matching &matching, const Region &region) {
  for (ValueId id : region.constants) {
    const Array *array = matching.structure.shape(id);
    if (!array || array->size() != 1)
      return false;
  }
  return true;
}

std::optional<ActivationMatch> matchActivation(const Matching &matching,
                                               ValueId output) {
  // The two forms of GELU differ by 1.4e-4 in this measure; constants rounded
  // to half precision cause less than half of it.
  constexpr double kTolerance = 7e-5;
  static const RegionGrower::Filter allowed =
      allowOperators({"Mul",
                      "Div",
                      "Add",
                      "Sub",
                      "Neg",
                      "Pow",
                      "Tanh",
                      "Erf",
                      "Sigmoid",
                      "Exp",
                      "Sqrt",
                      "Reciprocal",
                      "Relu",
                      "Max",
                      "Min",
                      "Abs",
                      "Cast",
                      "Identity",
                      "Gelu",
                      "Where",
                      "Greater",
                      "com.microsoft::FastGelu",
                      "com.microsoft::Gelu"});
  RegionGrower grower(matching, output, allowed, 24);
  while (grower.grow() && onlyScalars(matching, grower.region())) {
    const Array *source = matching.structure.shape(grower.region().source);
    if (!source || !source->isFloat())
      return std::nullopt;
    std::vector<int64_t> shape(source->shape.size(), 1);
    shape.push_back(801); // one more axis than the source: no axis is named
    Array x = Array::unknown(ElementType::Double, std::move(shape));
    x.allocate();
    for (int i = 0; i <= 800; ++i)
      x.floats[i] = (i - 400) * 0.025;
    std::optional<Array> y =
        evaluate(matching.index, matching.structure, grower.region(),
                 {{grower.region().source, x}});
    if (!y || y->size() != x.size() || !y->isFloat())
      return std::nullopt;
    ActivationMatch best{Nonlinearity::Silu, grower.region().source};
    double least = INFINITY;
    for (Nonlinearity kind : {Nonlinearity::Silu, Nonlinearity::Gelu,
                              Nonlinearity::GeluTanh, Nonlinearity::Relu})
      if (double error = largestError(kind, x, *y); error < least) {
        least = error;
        best.kind = kind;
      }
    if (least < kTolerance)
      return best;
  }
  return std::nullopt;
}

} // namespace neap::onnx
