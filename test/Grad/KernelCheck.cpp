#include "test/Grad/KernelCheck.h"

#include "dialects/Train/TrainDialect.h"
#include "test/Kernels/RowTesting.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace neap::test {

std::string isolate(Operation *op) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(op->getLoc());
  OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
  auto function = func::FuncOp::create(
      builder, op->getLoc(), "f",
      builder.getFunctionType(op->getOperandTypes(), TypeRange()));
  builder.setInsertionPointToStart(function.addEntryBlock());
  Operation *copy = builder.clone(*op);
  copy->setOperands(function.getArguments());
  func::ReturnOp::create(builder, op->getLoc());
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  return text;
}

namespace {

bool isGradient(Value value) {
  return bool(value.getDefiningOp<train::GradientOp>());
}

Matrix round(Matrix x) {
  for (double &value : x.data)
    value = float(value);
  return x;
}

std::vector<float> narrow(const Matrix &x) {
  return {x.data.begin(), x.data.end()};
}

/// The operands of one call, in both precisions.
struct Arguments {
  Arguments(Operation *op, Operands get) {
    for (Value operand : op->getOperands())
      if (isGradient(operand)) {
        auto type = cast<train::AdapterType>(operand.getType());
        rounded.try_emplace(operand, type.getShape()[0], type.getShape()[1]);
      } else {
        rounded.try_emplace(operand, round(get(operand)));
      }
    for (Value operand : op->getOperands())
      pushStored(operand);
  }

  llvm::DenseMap<Value, Matrix> rounded;
  std::vector<Input> stored;
  int64_t tokens = 1;

private:
  void pushStored(Value operand) {
    const Matrix &x = rounded[operand];
    auto tensor = dyn_cast<RankedTensorType>(operand.getType());
    if (tensor)
      tokens = x.rows;
    if (tensor && tensor.getElementType().isInteger())
      stored.emplace_back(std::vector<int32_t>(x.data.begin(), x.data.end()));
    else
      stored.emplace_back(narrow(x));
  }
};

/// What a call leaves: its results, then the gradient it adds to, if any.
struct Outcome {
  std::vector<Matrix> arrays;
  double loss = 0;
};

Outcome runFormula(Interpreter &interpreter, Operation *op,
                   const Arguments &arguments) {
  RowState before = interpreter.state;
  interpreter.state.lossSum = 0;
  interpreter.state.gradients.clear();
  Outcome outcome;
  outcome.arrays = interpreter.evaluate(op, [&](Value value) -> const Matrix & {
    return arguments.rounded.find(value)->second;
  });
  for (auto &[name, gradient] : interpreter.state.gradients)
    outcome.arrays.push_back(gradient);
  outcome.loss = interpreter.state.lossSum;
  interpreter.state = before;
  return outcome;
}

Outcome runKernel(const std::string &source, const RowState &state,
                  Operation *op, Arguments &arguments) {
  CompiledKernel kernel(source, getHostTarget(arguments.tokens, 1));
  kernel.context.loss_scale = float(state.lossScale);
  kernel.context.dropout_seed = state.dropoutSeed;
  kernel.context.row_counter = state.rowCounter;
  std::vector<std::vector<float>> results;
  for (Value result : op->getResults())
    results.emplace_back(arguments.tokens * graph::getColumns(result), NAN);
  std::vector<const void *> inputs;
  std::vector<void *> outputs;
  for (Input &input : arguments.stored)
    inputs.push_back(input.bytes.data());
  for (std::vector<float> &result : results)
    outputs.push_back(result.data());
  kernel.run(inputs, outputs, arguments.tokens);

  Outcome outcome;
  for (const std::vector<float> &result : results) {
    Matrix array(arguments.tokens, int64_t(result.size()) / arguments.tokens);
    array.data.assign(result.begin(), result.end());
    outcome.arrays.push_back(std::move(array));
  }
  for (OpOperand &operand : op->getOpOperands())
    if (isGradient(operand.get())) {
      Matrix array = arguments.rounded[operand.get()];
      auto *sums = reinterpret_cast<const float *>(
          arguments.stored[operand.getOperandNumber()].bytes.data());
      array.data.assign(sums, sums + array.data.size());
      outcome.arrays.push_back(std::move(array));
    }
  outcome.loss = kernel.context.loss_sum;
  return outcome;
}

} // namespace

double getKernelError(const std::string &source, Interpreter &interpreter,
                      Operation *op, Operands get) {
  Arguments arguments(op, get);
  Outcome expected = runFormula(interpreter, op, arguments);
  Outcome actual = runKernel(source, interpreter.state, op, arguments);
  double worst = std::abs(actual.loss - expected.loss) /
                 std::max(1.0, std::abs(expected.loss));
  for (auto [found, wanted] : llvm::zip_equal(actual.arrays, expected.arrays))
    worst = std::max(worst, getRelativeError(narrow(found), wanted.data));
  return worst;
}

} // namespace neap::test
