#include "test/Grad/GradProgram.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Build/Passes.h"
#include "passes/Lower/RegisterKernels.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <random>

using namespace mlir;

namespace neap::test {

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registry.insert<graph::GraphDialect, train::TrainDialect, plan::PlanDialect,
                  func::FuncDialect>();
  registerKernels(registry);
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

/// Uniform in [-1.5, 1.5), a function of the name alone.
static Matrix makeRandom(llvm::StringRef name, int64_t rows, int64_t columns) {
  uint32_t seed = 1;
  for (char letter : name)
    seed = seed * 31 + uint32_t(letter);
  std::mt19937 source(seed);
  return generate(rows, columns, [&](int64_t, int64_t) {
    return std::ldexp(double(source()), -32) * 3 - 1.5;
  });
}

//===----------------------------------------------------------------------===//
// Source text
//===----------------------------------------------------------------------===//

/// "4x6xf32"
static std::string shapeOf(int64_t rows, int64_t columns) {
  return (rows ? std::to_string(rows) + "x" : std::string()) +
         std::to_string(columns) + "xf32";
}

/// Declares a frozen array whose bytes are in the module.
static std::string declareWeight(const CaseArray &array) {
  int64_t rows = std::max<int64_t>(array.rows, 1);
  Matrix values = makeRandom(array.name, rows, array.columns);
  std::vector<float> floats(values.data.begin(), values.data.end());
  std::string shape = shapeOf(array.rows, array.columns);
  size_t bytes = floats.size() * sizeof(float);
  std::string hex = llvm::toHex(
      llvm::StringRef(reinterpret_cast<const char *>(floats.data()), bytes));
  return llvm::formatv("!{0} = !graph.weight<{1}>\n"
                       "graph.weight_decl @{0} : !{0} {{bytes = {2} : i64, "
                       "inline_data = dense<\"0x{3}\"> : tensor<{1}>}\n",
                       array.name, shape, bytes, hex);
}

static bool isFactor(const CaseArray &input) { return input.rows != 0; }

bool GradProgram::isActive(size_t input) const {
  return isFactor(opCase.inputs[input]) || (active >> input & 1);
}

std::string GradProgram::getSource() const {
  std::string top, arguments, body;
  for (int64_t n = 1; n <= kMaxColumns; ++n)
    top += llvm::formatv("!t{0} = tensor<?x{0}xf32>\n", n);
  std::vector<CaseArray> weights = opCase.weights;
  if (opCase.columns)
    weights.push_back({"head", opCase.columns, kVocabulary});
  for (const CaseArray &weight : weights) {
    top += declareWeight(weight);
    body += llvm::formatv("%{0} = graph.weight @{0} : !{0}\n", weight.name);
  }
  for (auto [index, input] : llvm::enumerate(opCase.inputs)) {
    if (!isActive(index)) {
      arguments += llvm::formatv(", %{0}: !t{1}", input.name, input.columns);
      continue;
    }
    bool factor = isFactor(input);
    std::string type =
        llvm::formatv("!train.adapter<{0}>",
                      shapeOf(factor ? input.rows : kTokens, input.columns));
    top += llvm::formatv("train.parameter @{0} : {1} zero\n", input.name, type);
    if (factor)
      top += llvm::formatv("!{0} = {1}\n", input.name, type);
    body += llvm::formatv("%{0}{1} = train.value @{0} : {2}\n", input.name,
                          factor ? "" : "_factor", type);
    if (!factor)
      body += llvm::formatv("%{0} = train.lora_up %identity, %{0}_factor : "
                            "(!t{1}, {2}) -> !t{3}\n",
                            input.name, kTokens, type, input.columns);
  }
  body += opCase.body + "\n";
  if (opCase.columns)
    body += llvm::formatv("%loss = train.linear_cross_entropy %y, %head, "
                          "%labels : (!t{0}, !head, tensor<?xi32>) -> !t{0}\n",
                          opCase.columns);
  return llvm::formatv("{0}func.func @row(%ids: tensor<?xi32>, %labels: "
                       "tensor<?xi32>, %identity: !t{1}{2}) {{\n{3}return\n}\n",
                       top, kTokens, arguments, body);
}

GradProgram::GradProgram(MLIRContext *context, const OpCase &opCase,
                         unsigned active)
    : opCase(opCase), active(active) {
  module = parseSourceString<ModuleOp>(getSource(), context);
  if (!module)
    llvm::report_fatal_error(
        llvm::formatv("case {0} does not parse", opCase.name));
  for (const CaseArray &input : opCase.inputs)
    inputs[input.name] = makeRandom(
        input.name, input.rows ? input.rows : kTokens, input.columns);
  interpreter = std::make_unique<Interpreter>(*module, "");
  interpreter->state.lossScale = kLossScale;
  interpreter->state.dropoutSeed = 17;
  interpreter->state.rowCounter = 3;
}

//===----------------------------------------------------------------------===//
// Passes and runs
//===----------------------------------------------------------------------===//

static void runPasses(ModuleOp module,
                      llvm::function_ref<void(PassManager &)> add) {
  PassManager passes(module.getContext());
  add(passes);
  if (failed(passes.run(module)))
    llvm::report_fatal_error("a pass failed");
}

void GradProgram::differentiate() {
  runPasses(*module, [](PassManager &passes) {
    passes.addNestedPass<func::FuncOp>(createBuildBackwardPass());
  });
}

void GradProgram::fuse() {
  runPasses(*module, [](PassManager &passes) {
    passes.addPass(createCanonicalizerPass());
    passes.addNestedPass<func::FuncOp>(createFuseAccumulationPass());
    passes.addPass(createCSEPass());
  });
}

void GradProgram::run() {
  std::vector<Matrix> arguments = {
      toColumn({3, 0, 8, 3, 5}), toColumn({0, 8, -100, 5, 2}),
      generate(kTokens, kTokens, [](int64_t t, int64_t n) { return t == n; })};
  for (auto [index, input] : llvm::enumerate(opCase.inputs))
    if (!isActive(index))
      arguments.push_back(inputs[input.name]);
  RowState &state = interpreter->state;
  state.parameters = inputs;
  state.gradients.clear();
  state.lossSum = 0;
  interpreter->run("row", std::move(arguments));
}

Gradients GradProgram::getGradients() {
  run();
  return interpreter->state.gradients;
}

double GradProgram::getLoss() {
  run();
  return kLossScale * interpreter->state.lossSum;
}

Gradients GradProgram::getDifferences() {
  constexpr double step = 1e-5;
  Gradients gradients;
  for (auto &[name, input] : inputs) {
    Matrix &gradient = gradients[name] = Matrix(input.rows, input.columns);
    for (auto [entry, slope] : llvm::zip_equal(input.data, gradient.data)) {
      double center = entry;
      entry = center + step;
      double above = getLoss();
      entry = center - step;
      double below = getLoss();
      entry = center;
      slope = (above - below) / (2 * step);
    }
  }
  return gradients;
}

void GradProgram::visit(
    const std::function<void(Interpreter &, Operation *, Operands)> &observe) {
  interpreter->observe = [&](Operation *op, Operands get) {
    observe(*interpreter, op, get);
  };
  run();
  interpreter->observe = nullptr;
}

} // namespace neap::test
