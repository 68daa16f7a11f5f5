// Every case of the table: gradients of the backward pass against central
// differences, both in double precision, and kernels against double precision.
#include "dialects/Plan/PlanDialect.h"
#include "dialects/Train/TrainDialect.h"
#include "test/Grad/GradProgram.h"
#include "test/Grad/KernelCheck.h"

#include "gtest/gtest.h"

#include <cmath>
#include <set>

using namespace mlir;

namespace neap::test {
namespace {

constexpr double kGradientTolerance = 1e-6, kKernelTolerance = 4e-6;

class GradTest : public testing::TestWithParam<OpCase> {
protected:
  static MLIRContext *getContext() {
    static std::unique_ptr<MLIRContext> context = makeContext();
    return context.get();
  }
};

double getLargest(const Matrix &x) {
  double largest = 0;
  for (double value : x.data)
    largest = std::max(largest, std::abs(value));
  return largest;
}

void expectClose(const Matrix &found, const Matrix &expected,
                 const std::string &name) {
  ASSERT_EQ(found.data.size(), expected.data.size()) << name;
  double scale = getLargest(expected);
  EXPECT_GT(scale, 1e-3) << name << " has no influence on the loss";
  double worst = 0;
  for (size_t i = 0; i < found.data.size(); ++i) {
    double error = std::abs(found.data[i] - expected.data[i]);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  EXPECT_LE(worst, kGradientTolerance * scale)
      << "gradient of " << name << " is off by " << worst / scale;
}

/// The gradients of all active inputs, and no others.
void expectGradients(GradProgram &program, const OpCase &opCase,
                     const Gradients &expected) {
  Gradients found = program.getGradients();
  for (auto [index, input] : llvm::enumerate(opCase.inputs))
    if (program.isActive(index))
      expectClose(found[input.name], expected.at(input.name), input.name);
    else
      EXPECT_EQ(found.count(input.name), 0u) << input.name;
}

/// Whatever inputs want a gradient, before and after fusion.
TEST_P(GradTest, BackwardIsTheDerivative) {
  const OpCase &opCase = GetParam();
  Gradients expected = GradProgram(getContext(), opCase).getDifferences();
  for (unsigned active = 1; active < 1u << opCase.inputs.size(); ++active) {
    SCOPED_TRACE("active inputs " + std::to_string(active));
    GradProgram program(getContext(), opCase, active);
    program.differentiate();
    expectGradients(program, opCase, expected);
    program.fuse();
    expectGradients(program, opCase, expected);
  }
}

bool isIn(StringRef name, const OpCase &opCase) {
  return StringRef(opCase.body).contains((name + " ").str());
}

/// What the harness adds to a case, which other cases are about.
bool isScaffold(Operation *op, const OpCase &opCase) {
  return isa<train::LoraUpOp, train::LinearCrossEntropyOp,
             train::AccumulateOuterOp>(op) &&
         !isIn("train.lora_down", opCase) && !isIn("train.lora_up", opCase) &&
         !isIn("train.linear_cross_entropy", opCase);
}

/// The ops of the body and their adjoints, as the compiler fuses them.
TEST_P(GradTest, KernelsFollowTheFormula) {
  static std::set<std::string> checked; // many cases have some op in common
  GradProgram program(getContext(), GetParam());
  program.differentiate();
  program.fuse();
  program.visit([&](Interpreter &interpreter, Operation *op, Operands get) {
    std::string source = isolate(op);
    if (isScaffold(op, GetParam()) || !checked.insert(source).second)
      return;
    EXPECT_LE(getKernelError(source, interpreter, op, get), kKernelTolerance)
        << source;
  });
}

INSTANTIATE_TEST_SUITE_P(Table, GradTest, testing::ValuesIn(getOpCases()),
                         [](const testing::TestParamInfo<OpCase> &info) {
                           return info.param.name;
                         });

TEST(GradTable, HasACaseForEveryDifferentiableOp) {
  std::unique_ptr<MLIRContext> context = makeContext();
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (name.hasInterface<DifferentiableOpInterface>())
      EXPECT_TRUE(llvm::any_of(
          getOpCases(),
          [&](const OpCase &c) { return isIn(name.getStringRef(), c); }))
          << name.getStringRef().str() << " has an adjoint but no case";
}

/// Except for the optimizer's, which have no operands.
TEST(GradTable, ReachesEveryKernel) {
  std::unique_ptr<MLIRContext> context = makeContext();
  std::set<StringRef> reached;
  for (const OpCase &opCase : getOpCases()) {
    GradProgram program(context.get(), opCase);
    program.differentiate();
    program.fuse();
    program.getModule().walk([&](Operation *op) {
      if (!isScaffold(op, opCase))
        reached.insert(op->getName().getStringRef());
    });
  }
  // Planning follows differentiation, and its operations compute nothing.
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (name.getDialectNamespace() !=
            plan::PlanDialect::getDialectNamespace() &&
        name.hasInterface<KernelOpInterface>() &&
        !name.hasTrait<OpTrait::ZeroOperands>())
      EXPECT_TRUE(reached.count(name.getStringRef()))
          << name.getStringRef().str() << " has a kernel but no case";
}

} // namespace
} // namespace neap::test
