// Raises an ONNX graph to the graph dialect, from the logits backwards.
#ifndef NEAP_COMPILER_IMPORT_RAISER_H
#define NEAP_COMPILER_IMPORT_RAISER_H

#include "compiler/Import/InputBinding.h"
#include "compiler/Import/Layout.h"
#include "compiler/Import/Weights.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace neap::onnx {

/// An ONNX value: elements of an activation under a layout, times `scale`.
struct View {
  mlir::Value base; ///< tensor<?xNxf32>, or the token ids
  Layout layout;
  double scale = 1;
};

/// A linear layer as import found it.
struct RaisedLinear {
  graph::LinearOp op;
  std::string path;
};

/// Each value is raised on demand and once: `raise(logits)` pulls in exactly
/// what they need. A value without a rule is an error that names its node.
class Raiser {
public:
  Raiser(mlir::func::FuncOp function, const Matching &matching,
         const InputBinding &binding, WeightTable &weights);

  /// Builds the function's body and its return of `logits`.
  bool raise(ValueId logits);
  const InputError &getError() const { return error; }

  /// Linear layers of the body in order; the last one makes the logits.
  std::vector<RaisedLinear> linears() const;

private:
  using Rule = bool (Raiser::*)(const NodeEntry &, View &);
  static const std::map<std::string, Rule> &rules();

  /// The view of a token-dependent value; null after fail().
  const View *get(ValueId id);
  bool raiseNode(ValueId id, View &view);

  // Values that only re-arrange (RaiseLayout.cpp).
  bool raiseSame(const NodeEntry &entry, View &view);
  bool raiseReshape(const NodeEntry &entry, View &view);
  bool raiseTranspose(const NodeEntry &entry, View &view);
  bool raiseExpand(const NodeEntry &entry, View &view);
  bool raiseSlice(const NodeEntry &entry, View &view);
  bool raiseSplit(const NodeEntry &entry, View &view);
  bool raiseConcat(const NodeEntry &entry, View &view);
  bool raiseTile(const NodeEntry &entry, View &view);
  /// Columns in row-major order from 0: a slice or a concatenation where the
  /// view is not so already. The scale stays pending.
  bool materialise(const NodeEntry &entry, View &view);
  /// materialise(), with the scale applied.
  bool settle(const NodeEntry &entry, View &view);

  // Linear layers and tables (RaiseLinear.cpp).
  bool raiseGather(const NodeEntry &entry, View &view);
  bool raiseMatMul(const NodeEntry &entry, View &view);
  bool raiseGemm(const NodeEntry &entry, View &view);
  bool addLinear(const NodeEntry &entry, ValueId x, ValueId weight, View &view);
  bool addConstant(const NodeEntry &entry, ValueId x, ValueId constant,
                   View &view);
  bool addBias(const NodeEntry &entry, ValueId bias, View &view);
  mlir::Value positionTable(const NodeEntry &entry, ValueId constant,
                            const View &like);
  mlir::Value weightValue(const NodeEntry &entry, graph::WeightDeclOp decl);

  // Idioms (RaiseIdioms.cpp). Nothing: the node does not end this idiom; else
  // whether it could be raised.
  bool raiseArithmetic(const NodeEntry &entry, View &view);
  bool raiseFunction(const NodeEntry &entry, View &view);
  bool raiseNormOperator(const NodeEntry &entry, View &view);
  std::optional<bool> tryNorm(const NodeEntry &entry, View &view);
  std::optional<bool> tryRope(const NodeEntry &entry, View &view);
  std::optional<bool> tryActivation(const NodeEntry &entry, View &view);
  bool addNorm(const NodeEntry &entry, const NormMatch &norm, View &view);
  bool scaleBy(const NodeEntry &entry, ValueId x, ValueId factor, bool divide,
               View &view);
  bool combine(const NodeEntry &entry, View &view);
  mlir::Value ropeTable(const NodeEntry &entry, const RopeMatch &match);

  // Attention (RaiseAttention.cpp).
  bool raiseAttention(const NodeEntry &entry, View &view);
  const NodeEntry *findSoftmax(ValueId probabilities) const;
  struct Heads;
  bool prepareHeads(const NodeEntry &entry, const char *what, View source,
                    const View &queries, bool transposedLast, Heads &heads);

  bool fail(const NodeEntry &entry, const std::string &message);
  bool fail(const InputError &cause);
  mlir::Location location(const NodeEntry &entry) const;
  const Array *shapeOf(ValueId id) { return matching.structure.shape(id); }
  bool isToken(ValueId id) const {
    return id != kNoValue && matching.tokenDependent[id];
  }
  mlir::Type activation(int64_t columns) const {
    return graph::getActivationType(builder.getContext(), columns);
  }

  mlir::func::FuncOp function;
  mutable mlir::OpBuilder builder;
  const Matching &matching;
  const InputBinding &binding;
  WeightTable &weights;
  mlir::Value ids;
  std::map<ValueId, View> views;
  std::map<std::string, mlir::Value> ropeTables;
  graph::WeightDeclOp embedding; ///< the table that the token ids select from
  std::map<std::string, int> pathUses;
  std::vector<RaisedLinear> raisedLinears;
  int depth = 0;
  InputError error;
};

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_RAISER_H
