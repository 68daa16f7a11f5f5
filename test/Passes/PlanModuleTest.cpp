// The whole planner on toy jobs: every plan verifies, budgets are met, and the
// operations that run stay the same.
#include "PlanTesting.h"

#include "passes/Plan/PlanModule.h"
#include "passes/Verify/VerifyPlanned.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

using namespace mlir;
using namespace neap;
using namespace neap::test;

namespace {

class PlanModuleTest : public PlanTest {
protected:
  PlanResult plan(ModuleOp module, const PlanOptions &options = {}) {
    FailureOr<PlanResult> result = planModule(module, options);
    EXPECT_TRUE(succeeded(result)) << messages;
    return succeeded(result) ? *result : PlanResult();
  }
};

int countRuns(ModuleOp module) {
  int count = 0;
  module.walk([&](plan::RunOp) { ++count; });
  return count;
}

TEST_F(PlanModuleTest, KeepsEverythingWithoutABudget) {
  OwningOpRef<ModuleOp> module = parse(toyJob(/*tokens=*/64, /*blocks=*/4));
  PlanResult result = plan(*module);
  ASSERT_TRUE(result.fits);
  EXPECT_TRUE(succeeded(verify(*module))) << messages;
  EXPECT_EQ(result.recomputedFlops, 0);
  EXPECT_LE(result.bounds.floorBytes, result.minPeakBytes);
  EXPECT_LT(result.minPeakBytes, result.plannedBytes);
  EXPECT_GE(result.layout.arenaBytes, result.maxLiveBytes);
  EXPECT_EQ(result.layout.arenaBytes - result.maxLiveBytes,
            result.fragmentationBytes + result.pageRoundingBytes);
  EXPECT_EQ(countRuns(*module), 2 + 4 * 4 + 1 + 4 * 5 + 1);
  for (auto function : module->getOps<func::FuncOp>())
    EXPECT_EQ(function.getNumArguments(), 0u);
}

TEST_F(PlanModuleTest, MeetsEveryBudgetDownToTheSmallest) {
  PlanOptions options;
  OwningOpRef<ModuleOp> first = parse(toyJob(1024, 8));
  PlanResult keeping = plan(*first, options);
  double last = keeping.secondsPerStep;
  int different = 0;
  for (int part = 10; part >= 0; --part) {
    options.budgetBytes =
        keeping.minPeakBytes +
        (keeping.plannedBytes - keeping.minPeakBytes) * part / 10;
    OwningOpRef<ModuleOp> module = parse(toyJob(1024, 8));
    PlanResult result = plan(*module, options);
    ASSERT_TRUE(result.fits) << part;
    EXPECT_LE(result.plannedBytes, *options.budgetBytes);
    // Less memory costs time; a fiftieth is given up for uniform blocks.
    EXPECT_GE(result.secondsPerStep, last * 0.98) << part;
    different += result.secondsPerStep > last;
    last = result.secondsPerStep;
    EXPECT_TRUE(succeeded(verify(*module))) << messages;
  }
  EXPECT_GE(different, 3);
}

TEST_F(PlanModuleTest, SaysWhatDoesNotFitAndLeavesTheModule) {
  OwningOpRef<ModuleOp> module = parse(toyJob(1024, 4));
  std::string before, after;
  llvm::raw_string_ostream(before) << *module;
  PlanOptions options;
  options.budgetBytes = 200000;
  PlanResult result = plan(*module, options);
  llvm::raw_string_ostream(after) << *module;
  EXPECT_FALSE(result.fits);
  EXPECT_GT(result.minPeakBytes, 200000);
  EXPECT_EQ(before, after);
  // With exactly the smallest peak it fits.
  options.budgetBytes = result.minPeakBytes;
  EXPECT_TRUE(plan(*module, options).fits);
}

TEST_F(PlanModuleTest, TheNextMiBIsWorthWhatAnotherPlanSays) {
  constexpr int64_t mib = int64_t(1) << 20;
  std::string job = toyJob(/*tokens=*/65536, /*blocks=*/6);
  auto planWithin = [&](std::optional<int64_t> budget) {
    OwningOpRef<ModuleOp> module = parse(job);
    PlanOptions options;
    options.budgetBytes = budget;
    return plan(*module, options);
  };
  PlanResult all = planWithin(std::nullopt);
  EXPECT_EQ(all.secondsSavedByNextMiB, 0);
  int64_t budget = (all.minPeakBytes + all.plannedBytes) / 2;
  PlanResult result = planWithin(budget);
  ASSERT_GT(result.recomputedFlops, 0);
  int64_t slots = result.plannedBytes;
  PlanResult more = planWithin(slots + mib), less = planWithin(slots - mib);
  ASSERT_TRUE(less.fits);
  ASSERT_TRUE(result.secondsCostOfLastMiB.has_value());
  double tolerance = 1e-9;
  EXPECT_NEAR(result.secondsSavedByNextMiB,
              result.secondsPerStep - more.secondsPerStep, tolerance);
  EXPECT_NEAR(*result.secondsCostOfLastMiB,
              less.secondsPerStep - result.secondsPerStep, tolerance);
  EXPECT_FALSE(planWithin(all.minPeakBytes).secondsCostOfLastMiB.has_value());
}

TEST_F(PlanModuleTest, ABudgetOfJustEverythingKeptIsMetByThat) {
  for (int blocks : {1, 3, 8}) {
    OwningOpRef<ModuleOp> module = parse(toyJob(/*tokens=*/64, blocks));
    PlanResult all = plan(*module);
    PlanOptions options;
    options.budgetBytes = all.plannedBytes;
    OwningOpRef<ModuleOp> again = parse(toyJob(/*tokens=*/64, blocks));
    PlanResult result = plan(*again, options);
    EXPECT_EQ(result.plannedBytes, all.plannedBytes);
    EXPECT_EQ(result.recomputedFlops, 0);
  }
}

TEST_F(PlanModuleTest, SmallestIsAtMostAnyBudgetedPlan) {
  PlanOptions options;
  options.objective = PlanObjective::Smallest;
  OwningOpRef<ModuleOp> module = parse(toyJob(1024, 12));
  PlanResult result = plan(*module, options);
  EXPECT_EQ(result.plannedBytes, result.minPeakBytes);
  EXPECT_GT(result.recomputedFlops, 0);
  // A block keeps its input alone: 12 inputs, the table and the working set of
  // one block are all that is alive, against 4 values per block.
  constexpr int64_t valueBytes = 1024 * 16 * 4;
  EXPECT_LE(result.maxLiveBytes - result.layout.fixedBytes(),
            (12 + 8) * valueBytes);
}

/// Executes planned steps in order with symbolic contents of bytes: what every
/// original operation reads must not depend on the plan.
std::map<std::string, std::string> interpret(ModuleOp module) {
  std::map<std::string, std::string> seen; // effect -> what it read
  for (auto function : module.getOps<func::FuncOp>()) {
    std::map<uint64_t, std::string> bytes; // offset -> term
    int effects = 0;
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (auto poison = dyn_cast<plan::PoisonOp>(op)) {
        auto slot = poison.getSlot().getDefiningOp<plan::SlotOp>();
        for (auto &[offset, term] : bytes)
          if (offset >= slot.getOffset() &&
              offset < slot.getOffset() + slot.getBytes())
            term = "nan";
        continue;
      }
      auto run = dyn_cast<plan::RunOp>(op);
      if (!run)
        continue;
      Operation *work = run.getOperationToRun();
      SmallVector<std::string> read;
      for (Value operand : work->getOperands()) {
        Value input =
            run.getInputs()[cast<BlockArgument>(operand).getArgNumber()];
        auto slot = input.getDefiningOp<plan::SlotOp>();
        read.push_back(slot ? bytes[slot.getOffset()] : "handle");
      }
      if (work->hasTrait<OpTrait::IsCommutative>())
        llvm::sort(read);
      std::string text = work->getName().getStringRef().str() + "(" +
                         llvm::join(read, ",") + ")";
      // Long terms are folded, so that they do not grow with depth.
      std::string term = std::to_string(llvm::hash_value(text));
      for (Value output : run.getOutputs())
        bytes[output.getDefiningOp<plan::SlotOp>().getOffset()] = term;
      if (!isMemoryEffectFree(work))
        seen[function.getName().str() + std::to_string(effects++)] = text;
    }
  }
  return seen;
}

TEST_F(PlanModuleTest, EveryPlanComputesTheSame) {
  PlanOptions options;
  OwningOpRef<ModuleOp> first = parse(toyJob(256, 6));
  PlanResult keeping = plan(*first, options);
  auto expected = interpret(*first);
  EXPECT_EQ(expected.size(), 1u + 6 + 1);
  for (bool poison : {false, true})
    for (int part : {0, 3, 6, 9}) {
      options.poison = poison;
      options.budgetBytes =
          keeping.minPeakBytes +
          (keeping.plannedBytes - keeping.minPeakBytes) * part / 10;
      OwningOpRef<ModuleOp> module = parse(toyJob(256, 6));
      EXPECT_TRUE(plan(*module, options).fits);
      EXPECT_EQ(interpret(*module), expected) << part << poison;
    }
}

TEST_F(PlanModuleTest, PoisonsEveryBufferOnce) {
  OwningOpRef<ModuleOp> module = parse(toyJob(64, 2));
  PlanOptions options;
  options.poison = true;
  PlanResult result = plan(*module, options);
  size_t poisons = 0, buffers = 0;
  module->walk([&](plan::PoisonOp) { ++poisons; });
  for (const PlannedBuffer &buffer : result.buffers)
    buffers += !buffer.fixed;
  EXPECT_EQ(poisons, buffers + 1); // and the whole region at the start
}

TEST_F(PlanModuleTest, IsDeterministic) {
  std::string texts[2];
  for (std::string &text : texts) {
    OwningOpRef<ModuleOp> module = parse(toyJob(512, 8));
    PlanOptions options;
    options.objective = PlanObjective::Smallest;
    plan(*module, options);
    llvm::raw_string_ostream(text) << *module;
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST_F(PlanModuleTest, RefusesAParameterThatNothingUses) {
  OwningOpRef<ModuleOp> module =
      parse(moduleHeader(4) +
            "{ toy.declare @used toy.declare @unused func.func @f() { %h = "
            "toy.handle \"values\" @used : !toy.handle<[2], f32> return } }");
  EXPECT_TRUE(failed(planModule(*module, {})));
  EXPECT_NE(messages.find("declares 'unused', which no program uses"),
            std::string::npos)
      << messages;
}

TEST_F(PlanModuleTest, LaysOutParametersInOrderOfDeclaration) {
  OwningOpRef<ModuleOp> module =
      parse(moduleHeader(4) +
            "{ toy.declare @b toy.declare @a func.func @f() { "
            "%0 = toy.handle \"values\" @a : !toy.handle<[3, 5], f32> "
            "%1 = toy.handle \"gradients\" @b : !toy.handle<[2, 4], f32> "
            "toy.accumulate return } }");
  PlanResult result = plan(*module);
  ASSERT_EQ(result.layout.parameters.size(), 2u);
  EXPECT_EQ(result.layout.parameters[0].symbol, "b");
  EXPECT_EQ(result.layout.parameters[0].elements, 8);
  EXPECT_EQ(result.layout.parameters[1].symbol, "a");
  EXPECT_EQ(result.layout.parameters[1].elementOffset, 16);
  EXPECT_EQ(result.layout.parameterElements, 32);
  EXPECT_EQ(result.layout.values.bytes, 128);
  EXPECT_EQ(result.layout.moment2.bytes, 128);
}

} // namespace
