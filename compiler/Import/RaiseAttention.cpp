// The rule for softmax(q k^T) v.
#include "compiler/Import/Raiser.h"

using namespace mlir;

namespace neap::onnx {

/// Queries, keys or values as [tokens, heads * headDim].
struct Raiser::Heads {
  Value base;
  int64_t heads = 1, headDim = 1, repeats = 1;
  double scale = 1;
};

/// The softmax behind casts, dropout and the guard against rows of NaN that
/// newer exporters add.
const NodeEntry *Raiser::findSoftmax(ValueId probabilities) const {
  while (const NodeEntry *producer = matching.index.producer(probabilities)) {
    const std::string &op = producer->node->opType;
    if (op == "Softmax")
      return producer;
    if (op == "Cast" || op == "Identity" || op == "Dropout") {
      probabilities = producer->inputs[0];
      continue;
    }
    const NodeEntry *condition =
        op == "Where" ? matching.index.producer(producer->inputs[0]) : nullptr;
    if (!condition || condition->node->opType != "IsNaN" ||
        condition->inputs[0] != producer->inputs[2])
      return nullptr;
    probabilities = producer->inputs[2];
  }
  return nullptr;
}

/// Reads [.., heads, tokens, headDim] (the last two swapped if
/// `transposedLast`), broadcast against the queries' leading axes.
bool Raiser::prepareHeads(const NodeEntry &entry, const char *what, View source,
                          const View &queries, bool transposedLast,
                          Heads &heads) {
  std::vector<Axis> &axes = source.layout.axes;
  size_t rank = queries.layout.axes.size();
  if (axes.size() < 2 || axes.size() > rank)
    return fail(entry,
                std::string(what) + " have a different rank than the queries");
  axes.insert(axes.begin(), rank - axes.size(), Axis());
  if (transposedLast)
    std::swap(axes[rank - 2], axes[rank - 1]);
  for (size_t i = 0; i + 2 < rank; ++i)
    if (axes[i].empty() && axisSize(queries.layout.axes[i]) > 1)
      axes[i] = {{AtomKind::Repeat, axisSize(queries.layout.axes[i]), 0}};
  // One list of the leading axes: rows of the batch, key heads, then the
  // query heads that share them.
  Axis lead;
  for (size_t i = 0; i + 2 < rank; ++i)
    lead.insert(lead.end(), axes[i].begin(), axes[i].end());
  AtomKind last = AtomKind::Batch;
  for (const Atom &atom : lead) {
    bool inOrder = atom.kind == last || last == AtomKind::Batch ||
                   (last == AtomKind::Column && atom.kind == AtomKind::Repeat);
    if (atom.kind == AtomKind::Token || !inOrder)
      return fail(entry, std::string(what) + " are not laid out head by head");
    last = atom.kind;
    heads.heads *= atom.kind == AtomKind::Column ? atom.size : 1;
    heads.repeats *= atom.kind == AtomKind::Repeat ? atom.size : 1;
  }
  llvm::erase_if(
      lead, [](const Atom &atom) { return atom.kind == AtomKind::Repeat; });
  const Axis tokens = {{AtomKind::Token, matching.structureTokens, 1}};
  if (axes[rank - 2] != tokens || !holdsOnly(axes[rank - 1], AtomKind::Column))
    return fail(entry,
                std::string(what) + " are not laid out as tokens by features");
  heads.headDim = axisSize(axes[rank - 1]);
  source.layout.axes = {lead, tokens, axes[rank - 1]};
  if (!materialise(entry, source))
    return false;
  heads.base = source.base;
  heads.scale = source.scale;
  return true;
}

bool Raiser::raiseAttention(const NodeEntry &entry, View &view) {
  const NodeEntry *softmax = findSoftmax(entry.inputs[0]);
  if (!softmax)
    return fail(
        entry,
        "a product of two activations outside attention is not supported");
  int64_t rank = shapeOf(softmax->inputs[0])->rank();
  int64_t standard = matching.index.model().opset < 13 ? 1 : -1;
  if (resolveAxis(softmax->node->integer("axis", standard), rank) != rank - 1)
    return fail(*softmax, "expected a softmax over the last axis");
  std::optional<Region> region = findScores(matching, softmax->inputs[0]);
  const NodeEntry *found =
      region ? matching.index.producer(region->source) : nullptr;
  if (!found || !isToken(found->inputs[0]) || !isToken(found->inputs[1]))
    return fail(*softmax,
                "the softmax is not over a product of queries and keys");
  const NodeEntry &product = *found;
  const View *queries = get(product.inputs[0]);
  const View *keys = queries ? get(product.inputs[1]) : nullptr;
  const View *values = keys ? get(entry.inputs[1]) : nullptr;
  if (!values)
    return false;
  // After what leads to it: rows longer than a table of positions are better
  // reported there than as a mask that ends early.
  std::string problem;
  std::optional<double> scoreScale = matchScores(matching, *region, problem);
  if (!scoreScale)
    return fail(*softmax, problem);
  Heads q, k, v;
  if (!prepareHeads(product, "queries", *queries, *queries, false, q) ||
      !prepareHeads(product, "keys", *keys, *queries, true, k) ||
      !prepareHeads(entry, "values", *values, *queries, false, v))
    return false;
  if (q.repeats != 1 || k.heads * k.repeats != q.heads || v.heads != k.heads ||
      v.repeats != k.repeats || k.headDim != q.headDim ||
      v.headDim != q.headDim)
    return fail(
        entry,
        "expected queries, keys and values of one head size, but found " +
            std::to_string(q.heads) + " x " + std::to_string(q.headDim) + ", " +
            std::to_string(k.heads) + " x " + std::to_string(k.headDim) +
            " and " + std::to_string(v.heads) + " x " +
            std::to_string(v.headDim));
  double scale = *scoreScale * q.scale * k.scale;
  auto attention = graph::AttentionOp::create(
      builder, location(entry), activation(q.heads * q.headDim),
      activation(q.heads), q.base, k.base, v.base,
      builder.getI64IntegerAttr(q.heads), builder.getI64IntegerAttr(k.heads),
      builder.getI64IntegerAttr(q.headDim),
      builder.getF32FloatAttr(static_cast<float>(scale)));
  view.base = attention.getO();
  view.layout = queries->layout.rebased();
  view.scale = v.scale;
  return true;
}

} // namespace neap::onnx
