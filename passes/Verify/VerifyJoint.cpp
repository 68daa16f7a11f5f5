#include "passes/Verify/Passes.h"

#include "dialects/Train/TrainDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_VERIFYJOINTPASS
#include "passes/Verify/Passes.h.inc"
} // namespace neap

namespace {

/// The programs of a job: arguments and number of losses.
struct Program {
  StringLiteral name;
  unsigned arguments, losses;
};
constexpr Program kPrograms[] = {{"train_row", 2, 1},
                                 {"eval_row", 2, 1},
                                 {"grad_norm", 0, 0},
                                 {"update", 0, 0}};

bool isLoss(Operation &op) {
  auto rule = dyn_cast<DifferentiableOpInterface>(op);
  return rule && rule.isLoss();
}

LogicalResult verifyProgram(ModuleOp module, const Program &program) {
  auto function = module.lookupSymbol<func::FuncOp>(program.name);
  if (!function)
    return module.emitError() << "expected a program '" << program.name << "'";
  if (function.getNumArguments() != program.arguments ||
      function.getNumResults() != 0)
    return function.emitOpError()
           << "expected " << program.arguments << " arguments and no results";
  if (!function.getBody().hasOneBlock())
    return function.emitOpError() << "expected one block, but found "
                                  << llvm::range_size(function.getBody());
  Block &block = function.getBody().front();
  for (Operation &op : block.without_terminator())
    if (!isa_and_nonnull<graph::GraphDialect, train::TrainDialect>(
            op.getDialect()))
      return op.emitOpError(
          "is not an operation of the graph or train dialect");
  unsigned losses = llvm::count_if(block, isLoss);
  if (losses != program.losses)
    return function.emitOpError()
           << "expected " << program.losses << " losses, but found " << losses;
  return success();
}

LogicalResult verifyGradients(ModuleOp module) {
  llvm::StringSet<> accumulated;
  module.lookupSymbol<func::FuncOp>("train_row").walk([&](Operation *op) {
    if (isMemoryEffectFree(op))
      return;
    for (Value operand : op->getOperands())
      if (auto handle = operand.getDefiningOp<HandleOpInterface>())
        if (handle.getHandleSpace() == HandleSpace::AdapterGradients)
          accumulated.insert(handle.getStorageSymbol().getValue());
  });
  for (auto parameter : module.getOps<train::ParameterOp>())
    if (!accumulated.contains(parameter.getSymName()))
      return parameter.emitOpError(
          "gets no gradient: the loss does not depend on it");
  return success();
}

struct VerifyJoint : neap::impl::VerifyJointPassBase<VerifyJoint> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    size_t functions = llvm::range_size(getOperation().getOps<func::FuncOp>());
    if (functions != std::size(kPrograms)) {
      getOperation().emitError() << "expected " << std::size(kPrograms)
                                 << " programs, but found " << functions;
      return signalPassFailure();
    }
    for (const Program &program : kPrograms)
      if (failed(verifyProgram(getOperation(), program)))
        return signalPassFailure();
    if (failed(verifyGradients(getOperation())))
      signalPassFailure();
  }
};

} // namespace
