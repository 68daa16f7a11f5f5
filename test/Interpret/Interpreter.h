// A slow, readable interpreter of the graph and train dialects in double
// precision: the oracle of import, of kernels and of reverse-mode rules.
//
// Every operation is its formula from GraphOps.td or TrainOps.td, written as
// loops. Weights are read through their graph.weight_decl and widened exactly.
// The optimizer's operations, which work on whole areas, are not interpreted.
#ifndef NEAP_TEST_INTERPRET_INTERPRETER_H
#define NEAP_TEST_INTERPRET_INTERPRETER_H

#include "test/Interpret/Matrix.h"

#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>
#include <map>
#include <string>

namespace neap::test {

/// A LoRA branch: y += scaling * (x A^T) B^T.
struct LoraBranch {
  Matrix a; ///< [rank, in]
  Matrix b; ///< [out, rank]
  double scaling = 1;
};

/// What a row reads and changes besides SSA values.
struct RowState {
  std::map<std::string, Matrix> parameters; ///< of train.value, by symbol
  std::map<std::string, Matrix> gradients;  ///< sums, by parameter symbol
  double lossSum = 0;
  double lossScale = 1;
  uint64_t dropoutSeed = 0, rowCounter = 0;
};

/// The value of an operand. Handles of weights and parameters have the array
/// behind them as their value.
using Operands = llvm::function_ref<const Matrix &(mlir::Value)>;
using Results = std::vector<Matrix>;

class Interpreter {
public:
  /// `folder` is the model's folder: weight files are relative to it.
  Interpreter(mlir::ModuleOp module, std::string folder)
      : module(module), folder(std::move(folder)) {}

  /// Branches by module path (getModulePath of the linear).
  std::map<std::string, LoraBranch> adapters;
  RowState state;
  /// Called before every operation that is not a handle, if set.
  std::function<void(mlir::Operation *, Operands)> observe;

  /// Runs the function on one row and returns what it returns. Token ids and
  /// labels are given as one column.
  Results run(llvm::StringRef function, std::vector<Matrix> arguments);
  /// The only result of a function of one row of token ids.
  Matrix run(llvm::StringRef function, const std::vector<int32_t> &ids);

  /// One operation that is not a handle.
  Results evaluate(mlir::Operation *op, Operands get);

  /// The array behind a handle: a weight or the value of a parameter.
  const Matrix &getHandle(mlir::Operation *handle);
  /// The canonical array of a weight: [N, K], or [1, N] for a vector.
  const Matrix &weight(llvm::StringRef symbol);

private:
  mlir::ModuleOp module;
  std::string folder;
  std::map<std::string, Matrix> weights;
};

/// Sum over t of -log softmax(logits[t])[labels[t + 1]] where the label is not
/// -100, and how many such labels there are.
struct LossSum {
  double sum = 0;
  int64_t count = 0;
};
LossSum causalLoss(const Matrix &logits, const std::vector<int32_t> &labels);

} // namespace neap::test

#endif // NEAP_TEST_INTERPRET_INTERPRETER_H
