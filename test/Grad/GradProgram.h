// A case of the table as a program, its gradients by the backward pass and by
// central differences, all in double precision.
#ifndef NEAP_TEST_GRAD_GRADPROGRAM_H
#define NEAP_TEST_GRAD_GRADPROGRAM_H

#include "test/Grad/OpCases.h"
#include "test/Interpret/Interpreter.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <memory>

namespace neap::test {

/// A context with every dialect, kernel and function that a case needs.
std::unique_ptr<mlir::MLIRContext> makeContext();

constexpr int64_t kTokens = 5;
constexpr double kLossScale = 0.25;

/// Gradients by the name of the input.
using Gradients = std::map<std::string, Matrix>;

/// @row(ids, labels, identity, inputs without a gradient...).
///
/// An active activation is the product of the identity matrix and a trainable
/// factor of one row per token, so that the factor's gradient, which the
/// backward pass accumulates, is the activation's. An input that is not active
/// is an argument of the same value.
class GradProgram {
public:
  /// Parses the case. Inputs whose bit of `active` is not set get no gradient,
  /// but factors always do.
  GradProgram(mlir::MLIRContext *context, const OpCase &opCase,
              unsigned active = ~0u);

  bool isActive(size_t input) const;
  mlir::ModuleOp getModule() { return *module; }

  /// Appends the backward pass.
  void differentiate();
  /// What the compiler does after it: canonicalises and fuses accumulation.
  void fuse();

  /// d loss / d input of all active inputs, as the backward pass computes them.
  Gradients getGradients();
  /// The same by central differences of the loss.
  Gradients getDifferences();
  /// Calls back before every operation of one run.
  void visit(const std::function<void(Interpreter &, mlir::Operation *,
                                      Operands)> &observe);

private:
  std::string getSource() const;
  double getLoss();
  void run();

  const OpCase &opCase;
  unsigned active;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::map<std::string, Matrix> inputs;
  std::unique_ptr<Interpreter> interpreter;
};

} // namespace neap::test

#endif
