// A slow, readable interpreter of the graph dialect's forward operations in
// double precision: the oracle that import and kernels are compared with.
//
// Every operation is its formula from GraphOps.td, written as loops. Weights
// are read through their graph.weight_decl and widened exactly.
#ifndef NEAP_TEST_IMPORT_INTERPRET_H
#define NEAP_TEST_IMPORT_INTERPRET_H

#include "dialects/Graph/GraphDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace neap::test {

/// Row-major [rows, columns].
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), data(rows * columns, 0) {}
  double &at(int64_t row, int64_t column) {
    return data[row * columns + column];
  }
  double at(int64_t row, int64_t column) const {
    return data[row * columns + column];
  }
};

/// A LoRA branch: y += scaling * (x A^T) B^T.
struct LoraBranch {
  Matrix a; ///< [rank, in]
  Matrix b; ///< [out, rank]
  double scaling = 1;
};

class Interpreter {
public:
  /// `folder` is the model's folder: weight files are relative to it.
  Interpreter(mlir::ModuleOp module, std::string folder)
      : module(module), folder(std::move(folder)) {}

  /// Branches by module path (getModulePath of the linear).
  std::map<std::string, LoraBranch> adapters;
  /// Called after every operation with its results' values, if set.
  std::function<void(mlir::Operation *, const std::vector<Matrix> &)> observe;

  /// Runs the function on one row of token ids and returns what it returns.
  Matrix run(llvm::StringRef function, const std::vector<int32_t> &ids);

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

#endif // NEAP_TEST_IMPORT_INTERPRET_H
