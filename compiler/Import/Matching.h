// What the recognisers of idioms share: the graph, its bindings, and regions.
//
// An idiom is recognised by what it computes, not by how it is written: the
// nodes between two values are evaluated on probe inputs and the results are
// compared with the closed form. So every exporter's way of writing a norm, an
// activation, a rotation or a mask is the same to Neap, and nothing is raised
// to an operation that computes something else.
#ifndef NEAP_COMPILER_IMPORT_MATCHING_H
#define NEAP_COMPILER_IMPORT_MATCHING_H

#include "compiler/Import/Session.h"

#include <functional>
#include <set>

namespace neap::onnx {

/// The graph under three row lengths, smallest first. A fixed-size export has
/// one length, so all three are the same session.
struct Matching {
  const GraphIndex &index;
  const std::vector<bool> &tokenDependent;
  /// A few tokens: shapes and the structure of idioms.
  Session &structure;
  int64_t structureTokens;
  /// The longest row, cut so that a square mask stays small.
  Session &masks;
  int64_t maskTokens;
  /// The longest row; evaluate nothing here that is quadratic in it.
  Session &positions;
  int64_t positionTokens;
  /// The longest row that will be trained; at most positionTokens.
  int64_t maxTokens;

  const Operator *operatorOf(const NodeEntry &entry) const {
    return findOperator(*entry.node);
  }
};

/// Walks backwards from a value through allowed nodes and stops wherever all
/// paths meet in a single token-dependent value.
class RegionGrower {
public:
  using Filter = std::function<bool(const NodeEntry &)>;

  RegionGrower(const Matching &matching, ValueId output, Filter allowed,
               int maximumNodes = 64);

  /// Grows to the next such value; false when there is none.
  bool grow();
  /// The region after a successful grow().
  const Region &region() const { return current; }

private:
  bool expand();

  const Matching &matching;
  Filter allowed;
  size_t maximumNodes;
  Region current;
  std::set<std::pair<int, ValueId>> frontier; ///< by producer
};

/// A filter that accepts operators by name.
RegionGrower::Filter allowOperators(std::set<std::string> names);

/// A reproducible array of values in [-1, 1], every value different.
Array probeArray(std::vector<int64_t> shape, unsigned seed);

enum class Nonlinearity { Silu, Gelu, GeluTanh, Relu };

struct ActivationMatch {
  Nonlinearity kind = Nonlinearity::Silu;
  ValueId source = kNoValue;
};
/// An elementwise function of one value: any decomposition of SiLU, GELU
/// (exact or tanh) or ReLU.
std::optional<ActivationMatch> matchActivation(const Matching &matching,
                                               ValueId output);

struct NormMatch {
  bool centred = false; ///< layer norm, else root mean square
  ValueId source = kNoValue;
  ValueId weight = kNoValue,
          bias = kNoValue; ///< vectors; either may be missing
  double epsilon = 0;
};
/// A normalisation over the last axis, decomposed in any way.
std::optional<NormMatch> matchNorm(const Matching &matching, ValueId output);

struct RopeMatch {
  ValueId source = kNoValue;
  int tokenAxis = 0;   ///< axis of the source that runs over tokens
  int64_t headDim = 0; ///< size of the source's last axis
  bool interleaved = false;
  /// Either frequencies and a scale, or the table itself: [rows, 2F] with the
  /// cosines first, at least maxTokens rows.
  std::vector<float> frequencies;
  float scale = 1;
  std::vector<float> table;
  int64_t columns = 0; ///< 2F
};
/// A rotation of pairs of columns by angles that grow with the position.
/// `problem` is set when the idiom is there but cannot be used.
std::optional<RopeMatch> matchRope(const Matching &matching, ValueId output,
                                   std::string &problem);

/// What lies between q k^T and the softmax's input `output`; nothing if the
/// softmax is over something else. The region's source is the product.
std::optional<Region> findScores(const Matching &matching, ValueId output);

/// The scale that the region applies, if it applies nothing else but a causal
/// mask, proven causal for every row up to maxTokens. `problem` says what is
/// wrong.
std::optional<double> matchScores(const Matching &matching,
                                  const Region &region, std::string &problem);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_MATCHING_H
