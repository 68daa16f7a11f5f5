#include "passes/Lower/StepProgram.h"

#include "gtest/gtest.h"

#include <random>

using namespace neap;

namespace {

Step step(int kernel, std::vector<int64_t> offsets) {
  Step result{kernel, {}};
  for (int64_t offset : offsets)
    result.operands.push_back({StepOperand::Arena, offset * kAddressUnit});
  return result;
}

/// Runs an outlined program by hand: the flat list of calls it makes.
std::vector<Step> flatten(const OutlinedPrograms &outlined,
                          const std::string &name) {
  std::vector<Step> calls;
  const OutlinedProgram &program = outlined.programs.at(name);
  for (const OutlinedProgram::Item &item : program.items) {
    if (!item.isSegment) {
      calls.push_back(program.straight[item.index]);
      continue;
    }
    const SegmentUse &use = program.uses[item.index];
    const SegmentBody &body = outlined.bodies[use.body];
    for (size_t s = 0; s < body.kernels.size(); ++s) {
      Step call{body.kernels[s], {}};
      for (const SegmentBody::Operand &operand : body.operands[s]) {
        StepOperand passed = operand.fixed;
        if (operand.row >= 0)
          passed.value +=
              int64_t(use.rows[size_t(operand.row)][operand.column]) *
              getRecordUnit(passed.kind);
        call.operands.push_back(passed);
      }
      calls.push_back(call);
    }
  }
  return calls;
}

bool sameCalls(const std::vector<Step> &a, const std::vector<Step> &b) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].kernel != b[i].kernel || !(a[i].operands == b[i].operands))
      return false;
  return true;
}

} // namespace

TEST(StepProgram, OutlinesLayersAndRecordsOnlyWhatVaries) {
  // embed, 5 layers of 6 kernels with an inner pair that repeats, head.
  std::vector<Step> steps{step(0, {1})};
  for (int layer = 0; layer < 5; ++layer)
    for (int kernel : {1, 2, 3, 2, 3, 4})
      steps.push_back(step(kernel, {7, 100 + layer, 150 + layer}));
  steps.push_back(step(5, {2}));

  OutlinedPrograms outlined = outline({{"train", steps}});
  ASSERT_EQ(outlined.bodies.size(), 1u);
  EXPECT_EQ(outlined.bodies[0].kernels.size(), 6u);
  EXPECT_EQ(outlined.programs["train"].uses.size(), 5u);
  EXPECT_EQ(outlined.bodies[0].columns[CommonRow] +
                outlined.bodies[0].columns[OwnRow],
            1u)
      << "operands that move together share a column";
  EXPECT_EQ(outlined.programs["train"].straight.size(), 2u);
  EXPECT_TRUE(sameCalls(flatten(outlined, "train"), steps));
}

TEST(StepProgram, ProgramsShareBodies) {
  auto layers = [](int count, int64_t base) {
    std::vector<Step> steps;
    for (int layer = 0; layer < count; ++layer)
      for (int kernel : {1, 2, 3, 4})
        steps.push_back(step(kernel, {base + layer}));
    return steps;
  };
  auto train = layers(3, 10), eval = layers(1, 50);
  OutlinedPrograms outlined = outline({{"eval", eval}, {"train", train}});
  EXPECT_EQ(outlined.bodies.size(), 1u);
  EXPECT_TRUE(sameCalls(flatten(outlined, "train"), train));
  EXPECT_TRUE(sameCalls(flatten(outlined, "eval"), eval));
}

TEST(StepProgram, OutlinesWhatRepeatsFarApart) {
  std::vector<Step> steps;
  for (int part = 0; part < 4; ++part) {
    for (int kernel : {1, 2, 3, 4, 5})
      steps.push_back(step(kernel, {part, part + 3}));
    steps.push_back(step(10 + part, {0}));
  }
  OutlinedPrograms outlined = outline({{"p", steps}});
  EXPECT_EQ(outlined.bodies.size(), 1u);
  EXPECT_EQ(outlined.programs["p"].straight.size(), 4u);
  EXPECT_TRUE(sameCalls(flatten(outlined, "p"), steps));
}

TEST(StepProgram, DifferentAddressBasesDoNotShareABody) {
  Step arena = step(1, {1}), weights = step(1, {1});
  weights.operands[0].kind = StepOperand::Weights;
  std::vector<Step> a(40, arena), b(40, weights);
  OutlinedPrograms outlined = outline({{"a", a}, {"b", b}});
  EXPECT_GE(outlined.bodies.size(), 2u);
  EXPECT_TRUE(sameCalls(flatten(outlined, "a"), a));
  EXPECT_TRUE(sameCalls(flatten(outlined, "b"), b));
}

TEST(StepProgram, NumbersThatVaryShareABody) {
  std::vector<Step> steps;
  for (int64_t number : {5, 70, 71, 1000, 0, 12})
    for (int kernel : {1, 2, 3}) {
      steps.push_back(step(kernel, {1, 2}));
      steps.back().operands.push_back({StepOperand::Number, number});
    }
  OutlinedPrograms outlined = outline({{"p", steps}});
  EXPECT_EQ(outlined.bodies.size(), 1u);
  EXPECT_TRUE(sameCalls(flatten(outlined, "p"), steps));
}

TEST(StepProgram, UsesThatAgreeInMostColumnsShareThem) {
  // Nine operands with one value in the first half of the uses, another in the
  // second; one that differs in every use.
  std::vector<Step> steps;
  for (int64_t use = 0; use < 8; ++use)
    for (int kernel : {1, 2, 3}) {
      std::vector<int64_t> offsets{use * use};
      for (int64_t i = 0; i < 9; ++i)
        offsets.push_back(use < 4 ? 10 + i : 90 + i * i + i);
      steps.push_back(step(kernel, offsets));
    }
  OutlinedPrograms outlined = outline({{"p", steps}});
  ASSERT_EQ(outlined.bodies.size(), 1u);
  EXPECT_EQ(outlined.bodies[0].columns[CommonRow], 9u);
  EXPECT_EQ(outlined.bodies[0].columns[OwnRow], 1u);
  EXPECT_TRUE(sameCalls(flatten(outlined, "p"), steps));
}

TEST(StepProgram, AbsentOperandsStayAbsent) {
  std::vector<Step> steps(6, Step{1, {{StepOperand::None, 0}}});
  EXPECT_TRUE(sameCalls(flatten(outline({{"p", steps}}), "p"), steps));
}

TEST(StepProgram, RandomProgramsRunTheSameCalls) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Step> steps;
    while (steps.size() < 60) {
      size_t period = 1 + random() % 6, count = 1 + random() % 4;
      std::vector<int> kernels;
      for (size_t i = 0; i < period; ++i)
        kernels.push_back(int(random() % 4));
      for (size_t c = 0; c < count; ++c)
        for (int kernel : kernels)
          steps.push_back(
              step(kernel, {int64_t(random() % 3), int64_t(random() % 1000)}));
    }
    EXPECT_TRUE(sameCalls(flatten(outline({{"p", steps}}), "p"), steps));
  }
}
