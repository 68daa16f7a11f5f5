// Weights of the model file as graph.weight_decl symbols.
#ifndef NEAP_COMPILER_IMPORT_WEIGHTS_H
#define NEAP_COMPILER_IMPORT_WEIGHTS_H

#include "compiler/Import/Matching.h"

#include "dialects/Graph/GraphDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace neap::onnx {

/// A constant found behind casts and transpositions.
struct TracedWeight {
  const Tensor *tensor = nullptr;
  bool transposed = false; ///< the graph uses the transpose of the tensor
};

/// Declares weights at the top of a module, each array once.
class WeightTable {
public:
  WeightTable(mlir::ModuleOp module, const Matching &matching)
      : module(module), symbols(module), matching(matching) {}

  /// Follows the constant to a tensor of the file; nothing if it is computed.
  std::optional<TracedWeight> trace(ValueId id);

  /// The canonical N x K weight of a product with `id` on the right, which the
  /// graph holds as K x N, or as N x K if `outputsFirst`. `name` becomes its
  /// symbol unless the tensor has a name of its own. Null: problem() says why.
  graph::WeightDeclOp matrix(ValueId id, bool outputsFirst,
                             const std::string &name);
  /// Rows [first, first + rows) of a table as it stands; all rows if `rows` <
  /// 0.
  graph::WeightDeclOp table(ValueId id, int64_t first, int64_t rows,
                            const std::string &name);
  /// A vector of `size` elements; computed ones are stored in the module.
  graph::WeightDeclOp vector(ValueId id, int64_t size, const std::string &name);
  /// An array that exists in no file.
  graph::WeightDeclOp inlineArray(std::vector<int64_t> shape,
                                  const std::vector<float> &values,
                                  const std::string &name);

  /// From now on the matrix `id` (see matrix()) is the table `embedding` if
  /// both hold the same bits: constant folding duplicates tied weights,
  /// transposed.
  void tie(ValueId id, bool outputsFirst, graph::WeightDeclOp embedding);

  /// The tensor behind a weight of the file, or null.
  const Tensor *tensorOf(graph::WeightDeclOp decl) const;

  /// Why tie() could not tell whether this weight is the embedding; empty if
  /// it could.
  std::string untiedRemark(graph::WeightDeclOp decl) const;
  /// Weights whose data are absent, by name.
  const std::set<std::string> &absent() const { return absentNames; }
  const std::string &problem() const { return lastProblem; }

private:
  graph::WeightDeclOp declare(const Tensor &tensor, std::vector<int64_t> shape,
                              int64_t skip, bool transposed,
                              const std::string &name);
  std::optional<TracedWeight> tracedOrInput(ValueId id);
  graph::WeightDeclOp refuse(const std::string &why) {
    lastProblem = why;
    return {};
  }

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  const Matching &matching;
  std::map<std::tuple<const Tensor *, int64_t, bool>, graph::WeightDeclOp>
      declared;
  std::map<std::string, const Tensor *> tensors; ///< by symbol
  /// Stand-ins for weights that are graph inputs.
  std::map<ValueId, Tensor> inputTensors;
  std::set<std::string> absentNames;
  std::map<const Tensor *, std::string> untied;
  std::string lastProblem;
};

/// Whether `a` [rows, columns] holds the same elements as `b`, which is stored
/// transposed ([columns, rows]) or not.
bool sameElements(std::string_view a, std::string_view b, int64_t rows,
                  int64_t columns, int64_t width, bool transposed);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_WEIGHTS_H
