// Reverse-mode differentiation of straight-line tensor SSA, by interface.
// Griewank and Walther, Evaluating Derivatives (2008), chapter 3: one backward
// sweep over the active ops, adjoints summed per value.
#include "passes/Build/Passes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_BUILDBACKWARDPASS
#include "passes/Build/Passes.h.inc"
} // namespace neap

namespace {

/// Values that depend on a trainable handle, found in program order.
class Activity {
public:
  explicit Activity(Block &block) {
    for (Operation &op : block)
      if (isa<TrainableHandleOpInterface>(op) ||
          llvm::any_of(op.getOperands(), [&](Value v) { return isActive(v); }))
        active.insert(op.result_begin(), op.result_end());
  }
  bool isActive(Value value) const { return active.contains(value); }
  bool isActive(Operation *op) const {
    return llvm::any_of(op->getOperands(),
                        [&](Value v) { return isActive(v); });
  }

private:
  DenseSet<Value> active;
};

/// The backward sweep of one function.
class Backward {
public:
  Backward(Block &block, Operation *loss)
      : activity(block), loss(loss), builder(block.getTerminator()) {}

  LogicalResult run(llvm::function_ref<void()> countActive) {
    SmallVector<Operation *> forward;
    for (Operation &op : loss->getBlock()->without_terminator())
      forward.push_back(&op);
    for (Operation *op : llvm::reverse(forward)) {
      if (!needsAdjoint(op))
        continue;
      countActive();
      if (failed(differentiate(op)))
        return failure();
    }
    return success();
  }

private:
  bool needsAdjoint(Operation *op) const {
    if (op == loss)
      return true;
    return activity.isActive(op) &&
           llvm::any_of(op->getResults(), [&](Value result) {
             return gradients.count(result) != 0;
           });
  }

  LogicalResult differentiate(Operation *op) {
    auto rule = dyn_cast<DifferentiableOpInterface>(op);
    if (!rule)
      return op->emitOpError(
          "is between an adapter and the loss but has no adjoint");
    SmallVector<Value> resultGradients;
    for (Value result : op->getResults())
      resultGradients.push_back(gradients.lookup(result));
    SmallVector<bool> needed;
    for (OpOperand &operand : op->getOpOperands())
      needed.push_back(
          activity.isActive(operand.get()) &&
          rule.isOperandDifferentiable(operand.getOperandNumber()));
    SmallVector<Value> operandGradients(op->getNumOperands());
    if (failed(rule.buildAdjoint(builder, resultGradients, needed,
                                 operandGradients)))
      return failure();
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      if (operandGradients[index] && needed[index])
        addGradient(operand, operandGradients[index]);
    return success();
  }

  void addGradient(Value value, Value term) {
    Value &sum = gradients[value];
    sum = sum ? graph::AddOp::create(builder, value.getLoc(), sum, term).getY()
              : term;
  }

  Activity activity;
  Operation *loss;
  OpBuilder builder;
  DenseMap<Value, Value> gradients; // looked up by value only, never iterated
};

struct BuildBackward : neap::impl::BuildBackwardPassBase<BuildBackward> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    Operation *loss = nullptr;
    for (Operation &op : getOperation().getBody().front()) {
      auto rule = dyn_cast<DifferentiableOpInterface>(op);
      if (!rule || !rule.isLoss() || op.getNumResults() == 0)
        continue;
      if (loss) {
        op.emitOpError("is a second loss; expected one")
                .attachNote(loss->getLoc())
            << "the first loss is here";
        return signalPassFailure();
      }
      loss = &op;
    }
    if (!loss)
      return;
    Backward backward(getOperation().getBody().front(), loss);
    if (failed(backward.run([&] { ++numActive; })))
      signalPassFailure();
  }
};

} // namespace
