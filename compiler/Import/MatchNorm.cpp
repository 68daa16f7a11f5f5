#include "compiler/Import/Matching.h"

#include <algorithm>
#include <cmath>

namespace neap::onnx {
namespace {

/// The closed form of one row: y = (x - mean) / sqrt(variance + epsilon) * w +
/// b, or without the mean.
void applyNorm(const NormMatch &norm, const double *x, const double *weight,
               const double *bias, double *y, int64_t size) {
  double mean = 0, square = 0;
  for (int64_t i = 0; norm.centred && i < size; ++i)
    mean += x[i] / double(size);
  for (int64_t i = 0; i < size; ++i)
    square += (x[i] - mean) * (x[i] - mean) / double(size);
  double inverse = 1 / std::sqrt(square + norm.epsilon);
  for (int64_t i = 0; i < size; ++i)
    y[i] = (x[i] - mean) * inverse * (weight ? weight[i] : 1) +
           (bias ? bias[i] : 0);
}

class NormMatcher {
public:
  NormMatcher(const Matching &matching, const Region &region)
      : matching(matching), region(region) {}

  std::optional<NormMatch> match() {
    const Array *source = matching.structure.shape(region.source);
    if (!source || !source->isFloat() || source->rank() == 0 ||
        !sortConstants(*source))
      return std::nullopt;
    size = source->shape.back();
    // Two of everything in front, so that a sum over a wrong axis shows.
    shape.assign(source->shape.size(), 2);
    shape.back() = size;
    for (bool centred : {false, true})
      if (auto found = matchForm(centred))
        return found;
    return std::nullopt;
  }

private:
  /// Vectors become parameters, small scalars candidates for epsilon.
  bool sortConstants(const Array &source) {
    for (ValueId id : region.constants) {
      const Array *array = matching.structure.shape(id);
      if (!array)
        return false;
      if (array->isFloat() && array->size() > 1) {
        if (array->size() != source.shape.back() ||
            array->shape.back() != array->size())
          return false;
        vectors.push_back(id);
      } else if (array->isFloat()) {
        const Array *known = matching.structure.elements(id);
        if (!known)
          return false;
        if (known->floats[0] > 0 && known->floats[0] <= 0.01)
          epsilons.push_back(known->floats[0]);
      }
    }
    std::sort(vectors.begin(), vectors.end()); // next_permutation starts there
    return vectors.size() <= 2;
  }

  std::optional<NormMatch> matchForm(bool centred) {
    NormMatch norm;
    norm.centred = centred;
    norm.source = region.source;
    std::vector<ValueId> order = vectors;
    do {
      norm.weight = order.empty() ? kNoValue : order[0];
      norm.bias = order.size() < 2 ? kNoValue : order[1];
      for (double epsilon : epsilons) {
        norm.epsilon = epsilon;
        // The small input makes epsilon count, the large one everything else.
        if (holds(norm, 1) && holds(norm, std::sqrt(epsilon)))
          return norm;
      }
    } while (order.size() == 2 &&
             std::next_permutation(order.begin(), order.end()));
    return std::nullopt;
  }

  bool holds(const NormMatch &norm, double amplitude) {
    Array x = probeArray(shape, 1);
    for (double &value : x.floats)
      value = value * amplitude + amplitude / 3;
    std::map<ValueId, Array> given = {{region.source, x}};
    const double *weight = nullptr, *bias = nullptr;
    for (size_t i = 0; i < vectors.size(); ++i) {
      Array parameter =
          probeArray(matching.structure.shape(vectors[i])->shape, 2 + i);
      auto &stored =
          given.emplace(vectors[i], std::move(parameter)).first->second;
      (vectors[i] == norm.weight ? weight : bias) = stored.floats.data();
    }
    std::optional<Array> y =
        evaluate(matching.index, matching.structure, region, given);
    if (!y || y->shape != x.shape)
      return false;
    std::vector<double> expected(size);
    for (int64_t row = 0; row < x.size(); row += size) {
      applyNorm(norm, &x.floats[row], weight, bias, expected.data(), size);
      for (int64_t i = 0; i < size; ++i)
        if (!(std::fabs(y->floats[row + i] - expected[i]) <= 1e-5))
          return false;
    }
    return true;
  }

  const Matching &matching;
  const Region &region;
  int64_t size = 0;
  std::vector<int64_t> shape;
  std::vector<ValueId> vectors;
  std::vector<double> epsilons;
};

} // namespace

std::optional<NormMatch> matchNorm(const Matching &matching, ValueId output) {
  static const RegionGrower::Filter allowed = allowOperators(
      {"Mul", "Div", "Add", "Sub", "Pow", "Sqrt", "Reciprocal", "ReduceMean",
       "Cast", "Identity", "Neg", "Abs", "Expand"});
  RegionGrower grower(matching, output, allowed, 24);
  std::optional<NormMatch> found;
  // (x - mean) alone looks like the source of a root-mean-square norm, so the
  // search goes on: the widest region that matches is the idiom.
  while (grower.grow()) {
    const Region &region = grower.region();
    bool reduces =
        std::any_of(region.nodes.begin(), region.nodes.end(), [&](int node) {
          return matching.index.nodes()[node].node->opType == "ReduceMean";
        });
    if (!reduces)
      continue;
    if (auto match = NormMatcher(matching, region).match())
      found = match;
    else if (found)
      break;
  }
  return found;
}

} // namespace neap::onnx
