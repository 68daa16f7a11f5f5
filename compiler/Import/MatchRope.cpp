// Rotary position embedding: recognised as a linear map of its input.
//
// For one token and one head the map is a matrix R with
//   R[a, a] = c_f, R[a, b] = -s_f, R[b, a] = s_f, R[b, b] = c_f
// for the pairs (a, b) of index f, and the identity on the columns behind the
// pairs. Feeding ones into all a reads c and s; a probe of distinct values then
// proves that the region is this map and nothing else.
#include "compiler/Import/Matching.h"

#include <algorithm>
#include <cmath>

namespace neap::onnx {
namespace {

/// Cosines and sines by [token][frequency].
struct Rotation {
  int tokenAxis = 0;
  int64_t headDim = 0, tokens = 0, frequencies = 0;
  bool interleaved = false;
  std::vector<double> cosines, sines;

  int64_t first(int64_t f) const { return interleaved ? 2 * f : f; }
  int64_t second(int64_t f) const {
    return interleaved ? 2 * f + 1 : f + frequencies;
  }
};

class RotationMatcher {
public:
  RotationMatcher(const Matching &matching, const Region &region)
      : matching(matching), region(region) {}

  std::optional<Rotation> match() {
    const Array *source = matching.structure.shape(region.source);
    const Array *output = matching.structure.shape(region.output);
    if (!source || !output || source->rank() < 3 ||
        source->size() != output->size())
      return std::nullopt;
    shape = source->shape;
    headDim = shape.back();
    probe = probeArray(shape, 1);
    std::optional<Array> result = apply(probe);
    if (!result)
      return std::nullopt;
    probed = std::move(*result);
    int64_t rotated = countRotated();
    if (rotated == 0 || rotated % 2 != 0)
      return std::nullopt;
    for (int axis = 0; axis + 1 < int(shape.size()); ++axis)
      for (bool interleaved : {false, true})
        if (shape[axis] == matching.structureTokens)
          if (auto found = matchForm(axis, rotated / 2, interleaved))
            return found;
    return std::nullopt;
  }

private:
  std::optional<Array> apply(const Array &x) {
    auto y = evaluate(matching.index, matching.structure, region,
                      {{region.source, x}});
    return y && y->size() == x.size() ? y : std::nullopt;
  }

  /// Columns up to the last one that the region changes.
  int64_t countRotated() const {
    int64_t last = 0;
    for (int64_t k = 0; k < probe.size(); ++k)
      if (probed.floats[k] != probe.floats[k])
        last = std::max(last, k % headDim + 1);
    return last;
  }

  std::optional<Rotation> matchForm(int axis, int64_t frequencies,
                                    bool interleaved) {
    Rotation form;
    form.tokenAxis = axis;
    form.headDim = headDim;
    form.tokens = shape[axis];
    form.frequencies = frequencies;
    form.interleaved = interleaved;
    Array ones = Array::unknown(ElementType::Double, shape);
    ones.allocate();
    for (int64_t k = 0; k < ones.size(); k += headDim)
      for (int64_t f = 0; f < frequencies; ++f)
        ones.floats[k + form.first(f)] = 1;
    std::optional<Array> y = apply(ones);
    if (!y)
      return std::nullopt;
    int64_t stride = rowMajorStrides(shape)[axis];
    for (int64_t t = 0; t < form.tokens; ++t)
      for (int64_t f = 0; f < frequencies; ++f) {
        form.cosines.push_back(y->floats[t * stride + form.first(f)]);
        form.sines.push_back(y->floats[t * stride + form.second(f)]);
      }
    if (!explains(form, stride))
      return std::nullopt;
    return form;
  }

  /// Whether the rotation turns the probe into what the region made of it.
  bool explains(const Rotation &form, int64_t stride) const {
    for (int64_t row = 0; row < probe.size(); row += headDim) {
      int64_t t = row / stride % form.tokens;
      const double *x = &probe.floats[row], *y = &probed.floats[row];
      for (int64_t f = 0; f < form.frequencies; ++f) {
        double c = form.cosines[t * form.frequencies + f],
               s = form.sines[t * form.frequencies + f];
        double a = x[form.first(f)], b = x[form.second(f)];
        if (!(std::fabs(y[form.first(f)] - (a * c - b * s)) < 1e-6) ||
            !(std::fabs(y[form.second(f)] - (b * c + a * s)) < 1e-6))
          return false;
      }
    }
    return true;
  }

  const Matching &matching;
  const Region &region;
  std::vector<int64_t> shape;
  int64_t headDim = 0;
  Array probe, probed;
};

/// Reads one column per frequency from an array over tokens and columns.
/// Nothing if the array is not of that form.
struct TokenColumns {
  static std::optional<TokenColumns> of(const Array *array, int64_t tokens) {
    if (!array || !array->isFloat() || array->rank() < 2)
      return std::nullopt;
    TokenColumns columns;
    columns.array = array;
    columns.width = array->shape.back();
    // Axes of size 1 may stand behind the tokens; what stands before them, the
    // rows of a fixed batch, repeats the same array.
    int64_t axis = array->rank() - 2, period = tokens * columns.width;
    while (axis > 0 && array->shape[axis] == 1)
      --axis;
    if (array->shape[axis] != tokens)
      return std::nullopt;
    for (size_t k = period; k < array->floats.size(); ++k)
      if (array->floats[k] != array->floats[k - period])
        return std::nullopt;
    return columns;
  }
  double at(int64_t token, int64_t column) const {
    return array->floats[token * width + column];
  }

  const Array *array = nullptr;
  int64_t width = 0;
};

/// Candidate positions of frequency f among `width` columns.
std::vector<int64_t> candidateColumns(int64_t f, int64_t width) {
  std::vector<int64_t> columns;
  for (int64_t column : {f, 2 * f})
    if (column < width)
      columns.push_back(column);
  return columns;
}

class TableReader {
public:
  TableReader(const Matching &matching, const Region &region,
              const Rotation &rotation)
      : matching(matching), region(region), rotation(rotation) {}

  /// Fills frequencies and scale, or the table. False if neither can be had
  /// for all of maxTokens rows.
  bool read(RopeMatch &match) {
    double scale = rotation.cosines[0];
    for (int64_t f = 0; f < rotation.frequencies; ++f)
      if (rotation.cosines[f] != scale || rotation.sines[f] != 0)
        scale = 0; // position 0 is not the first: no angle explains it
    match.scale = static_cast<float>(scale);
    match.columns = 2 * rotation.frequencies;
    std::set<ValueId> angles;
    for (ValueId constant : region.constants)
      for (int node : matching.index.ancestors(constant))
        if (matching.index.nodes()[node].node->opType == "Cos")
          angles.insert(matching.index.nodes()[node].inputs[0]);
    for (ValueId angle : angles)
      if (scale > 0 && readFrequencies(angle, scale, match.frequencies))
        return true;
    match.frequencies.clear();
    match.scale = 1;
    return readTable(match.table);
  }

private:
  /// Angles are position times frequency in f32, as graph.rope_table computes.
  bool readFrequencies(ValueId id, double scale,
                       std::vector<float> &frequencies) {
    auto angles = TokenColumns::of(matching.positions.elements(id),
                                   matching.positionTokens);
    if (!angles || matching.positionTokens < 2)
      return false;
    frequencies.clear();
    for (int64_t f = 0; f < rotation.frequencies; ++f) {
      bool found = false;
      for (int64_t column : candidateColumns(f, angles->width)) {
        found = isProgression(*angles, column) &&
                explainsColumn(*angles, column, f, scale);
        if (found) {
          frequencies.push_back(static_cast<float>(angles->at(1, column)));
          break;
        }
      }
      if (!found)
        return false;
    }
    return true;
  }

  bool isProgression(const TokenColumns &angles, int64_t column) const {
    auto frequency = static_cast<float>(angles.at(1, column));
    for (int64_t t = 0; t < matching.positionTokens; ++t)
      if (angles.at(t, column) != double(static_cast<float>(t) * frequency))
        return false;
    return true;
  }

  bool explainsColumn(const TokenColumns &angles, int64_t column, int64_t f,
                      double scale) const {
    for (int64_t t = 0; t < rotation.tokens; ++t) {
      double angle = angles.at(t, column);
      int64_t at = t * rotation.frequencies + f;
      if (!(std::fabs(rotation.cosines[at] - scale * std::cos(angle)) <
            1e-6 * scale + 1e-7) ||
          !(std::fabs(rotation.sines[at] - scale * std::sin(angle)) <
            1e-6 * scale + 1e-7))
        return false;
    }
    return true;
  }

  bool readTable(std::vector<float> &table) {
    int64_t rows = matching.positionTokens, width = 2 * rotation.frequencies;
    table.assign(rows * width, 0);
    for (int64_t f = 0; f < rotation.frequencies; ++f)
      if (!copyColumn(rotation.cosines, f, f, table) ||
          !copyColumn(rotation.sines, f, rotation.frequencies + f, table))
        return false;
    return true;
  }

  /// Finds the constant's column that equals `values[.][f]` for the few tokens
  /// of the structure and copies it for all positions.
  bool copyColumn(const std::vector<double> &values, int64_t f, int64_t to,
                  std::vector<float> &table) {
    for (ValueId id : region.constants) {
      auto few = TokenColumns::of(matching.structure.elements(id),
                                  matching.structureTokens);
      for (int64_t column : candidateColumns(f, few ? few->width : 0)) {
        bool same = true;
        for (int64_t t = 0; same && t < rotation.tokens; ++t)
          same = few->at(t, column) == values[t * rotation.frequencies + f];
        auto all = same ? TokenColumns::of(matching.positions.elements(id),
                                           matching.positionTokens)
                        : std::nullopt;
        if (!all)
          continue;
        for (int64_t t = 0; t < matching.positionTokens; ++t)
          table[t * 2 * rotation.frequencies + to] =
              static_cast<float>(all->at(t, column));
        return true;
      }
    }
    return false;
  }

  const Matching &matching;
  const Region &region;
  const Rotation &rotation;
};

/// Some product with a constant must run over the tokens, else there is
/// nothing to rotate by.
bool hasTokenTable(const Matching &matching, const Region &region) {
  return std::any_of(region.nodes.begin(), region.nodes.end(), [&](int node) {
    const NodeEntry &entry = matching.index.nodes()[node];
    auto isTable = [&](ValueId id) {
      return id != kNoValue && !matching.tokenDependent[id] &&
             TokenColumns::of(matching.structure.shape(id),
                              matching.structureTokens);
    };
    return entry.node->opType == "Mul" &&
           std::any_of(entry.inputs.begin(), entry.inputs.end(), isTable);
  });
}

} // namespace

std::optional<RopeMatch> matchRope(const Matching &matching, ValueId output,
                                   std::string &problem) {
  static const RegionGrower::Filter allowed =
      allowOperators({"Mul", "Add", "Sub", "Neg", "Concat", "Slice", "Split",
                      "Gather", "Unsqueeze", "Squeeze", "Reshape", "Flatten",
                      "Transpose", "Cast", "Identity"});
  RegionGrower grower(matching, output, allowed);
  while (grower.grow()) {
    const Region &region = grower.region();
    if (!hasTokenTable(matching, region))
      continue;
    for (ValueId id : region.constants)
      if (!matching.structure.elements(id)) {
        problem = "the rotary angles cannot be had: " +
                  matching.structure.getError().place + ": " +
                  matching.structure.getError().message;
        return std::nullopt;
      }
    std::optional<Rotation> rotation =
        RotationMatcher(matching, region).match();
    if (!rotation)
      continue;
    RopeMatch match;
    match.source = region.source;
    match.tokenAxis = rotation->tokenAxis;
    match.headDim = rotation->headDim;
    match.interleaved = rotation->interleaved;
    if (!TableReader(matching, region, *rotation).read(match)) {
      problem = "the rotary angles cannot be had for " +
                std::to_string(matching.positionTokens) + " positions";
      if (!matching.positions.getError().message.empty())
        problem += ": " + matching.positions.getError().message;
      return std::nullopt;
    }
    return match;
  }
  return std::nullopt;
}

} // namespace neap::onnx
