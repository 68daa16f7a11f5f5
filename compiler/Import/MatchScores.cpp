// The scale and the mask between q k^T and the softmax, read by value.
#include "compiler/Import/Matching.h"

#include <algorithm>
#include <cmath>

namespace neap::onnx {
namespace {

/// Masked scores are at most this; softmax then gives them exactly zero.
constexpr double kMasked = -1e4;

/// The value of all elements of [.., rows, columns] on or below the diagonal,
/// and of all above it.
struct Triangles {
  double lower = 0, upper = 0;
};

std::optional<Triangles> triangles(const Array &array, int64_t tokens) {
  auto shape = broadcastShapes(array.shape, {tokens, tokens});
  if (!shape || (*shape)[shape->size() - 1] != tokens ||
      (*shape)[shape->size() - 2] != tokens)
    return std::nullopt;
  std::optional<double> lower, upper;
  StridedIterator at(*shape, broadcastStrides(array.shape, *shape));
  for (int64_t k = 0, end = elementCount(*shape).value_or(0); k < end;
       ++k, at.advance()) {
    std::optional<double> &seen =
        k % tokens <= k / tokens % tokens ? lower : upper;
    double value = array.at(at.offset());
    if (seen && *seen != value)
      return std::nullopt;
    seen = value;
  }
  return Triangles{lower.value_or(0), upper.value_or(0)};
}

class ScoresMatcher {
public:
  ScoresMatcher(const Matching &matching, const Region &region,
                std::string &problem)
      : matching(matching), region(region), problem(problem) {}

  std::optional<double> match() {
    const Array *source = matching.structure.shape(region.source);
    int64_t tokens = matching.structureTokens;
    if (!source || source->rank() < 2 || source->shape.back() != tokens ||
        source->shape[source->rank() - 2] != tokens)
      return refuse(
          "attention scores are not one row and one column per token");
    shape.assign(source->shape.size(), 1);
    shape[shape.size() - 1] = shape[shape.size() - 2] = tokens;
    std::optional<Array> zero = apply(0), one = apply(1), two = apply(-2);
    if (!zero || !one || !two || zero->size() % (tokens * tokens) != 0)
      return refuse("the attention mask cannot be evaluated");
    double scale = one->floats[0] - zero->floats[0];
    for (int64_t k = 0; k < zero->size(); ++k) {
      bool visible = k % tokens <= k / tokens % tokens;
      double a = zero->floats[k], b = one->floats[k], c = two->floats[k];
      if (visible && !(a == 0 && close(b, scale) && close(c, -2 * scale)))
        return refuse("the mask hides or biases a token's own past");
      if (!visible && !(a <= kMasked && b <= kMasked && c <= kMasked))
        return refuse("the mask is not causal: a token sees later ones");
    }
    if (!(scale > 0))
      return refuse("the scores are scaled by " + std::to_string(scale));
    if (!holdsForAllLengths())
      return std::nullopt;
    return scale;
  }

private:
  std::optional<double> refuse(const std::string &why) {
    problem = why;
    return std::nullopt;
  }
  static bool close(double a, double b) {
    return std::fabs(a - b) <= 1e-6 * std::fabs(b);
  }

  std::optional<Array> apply(double score) {
    Array scores = Array::unknown(ElementType::Double, shape);
    scores.allocate();
    std::fill(scores.floats.begin(), scores.floats.end(), score);
    return evaluate(matching.index, matching.structure, region,
                    {{region.source, scores}});
  }

  /// Every constant of the region has the same two values at the longest row
  /// that it had at a few tokens, so the region computes the same there.
  bool holdsForAllLengths() {
    if (matching.maskTokens == matching.structureTokens)
      return true;
    for (ValueId id : region.constants) {
      const Array *few = matching.structure.elements(id);
      const Array *many = matching.masks.elements(id);
      std::optional<Triangles> a, b;
      if (few && many && few->size() > 1) {
        a = triangles(*few, matching.structureTokens);
        b = triangles(*many, matching.maskTokens);
      }
      if (few && many && few->size() == 1 && many->size() == 1 &&
          few->at(0) == many->at(0))
        continue;
      if (!a || !b || a->lower != b->lower || a->upper != b->upper) {
        problem = "the mask is causal for " +
                  std::to_string(matching.structureTokens) +
                  " tokens, but not for " + std::to_string(matching.maskTokens);
        if (!many)
          problem += ": " + matching.masks.getError().message;
        return false;
      }
      if (matching.maxTokens > matching.maskTokens && !independentOfLength(id))
        return false;
    }
    return true;
  }

  /// Beyond the evaluated length a window or a buffer could still end the
  /// causal pattern; then its size stands somewhere among the constants.
  bool independentOfLength(ValueId id) {
    std::set<ValueId> leaves = {id};
    for (int node : matching.index.ancestors(id)) {
      const NodeEntry &entry = matching.index.nodes()[node];
      leaves.insert(entry.inputs.begin(), entry.inputs.end());
      if (entry.node->opType == "Constant")
        leaves.insert(entry.outputs.begin(), entry.outputs.end());
    }
    leaves.erase(kNoValue);
    for (ValueId leaf : leaves) {
      const NodeEntry *producer = matching.index.producer(leaf);
      const Array *array = (producer ? producer->node->opType != "Constant"
                                     : !matching.index.value(leaf).initializer)
                               ? nullptr
                               : matching.structure.elements(leaf);
      for (int64_t size : array ? array->shape : std::vector<int64_t>())
        if (ends(size))
          return false;
      for (int64_t i = 0; array && array->size() <= 16 && i < array->size();
           ++i)
        if (ends(array->at(i)))
          return false;
    }
    return true;
  }

  bool ends(double size) {
    if (std::fabs(size) < double(matching.maskTokens) ||
        std::fabs(size) >= double(matching.maxTokens))
      return false;
    problem = "the mask depends on the length " +
              std::to_string(int64_t(size)) +
              ", which is shorter than the longest row of " +
              std::to_string(matching.maxTokens) + " tokens";
    return true;
  }

  const Matching &matching;
  const Region &region;
  std::string &problem;
  std::vector<int64_t> shape;
};

} // namespace

std::optional<Region> findScores(const Matching &matching, ValueId output) {
  static const RegionGrower::Filter allowed = allowOperators(
      {"Add", "Sub", "Mul", "Div", "Where", "Cast", "Identity", "Max", "Min"});
  auto isProduct = [&](ValueId id) {
    const NodeEntry *producer = matching.index.producer(id);
    return producer && producer->node->opType == "MatMul";
  };
  if (isProduct(output))
    return Region{output, output, {}, {}};
  RegionGrower grower(matching, output, allowed);
  while (grower.grow())
    if (isProduct(grower.region().source))
      return grower.region();
  return std::nullopt;
}

std::optional<double> matchScores(const Matching &matching,
                                  const Region &region, std::string &problem) {
  return ScoresMatcher(matching, region, problem).match();
}

} // namespace neap::onnx
