// Extraction, lifetimes, shared buffers and segments.
#include "PlanTesting.h"

#include "passes/Analysis/Extraction.h"
#include "passes/Analysis/Segmentation.h"

using namespace mlir;
using namespace neap;
using namespace neap::test;

namespace {

class PlanScheduleTest : public PlanTest {
protected:
  /// The schedule of the first function of a module with 4 tokens; a tensor of
  /// 16 floats a token takes 256 bytes.
  ExtractedProgram extract(const std::string &body) {
    module = parse(moduleHeader(4) + " { func.func @f(%ids: tensor<?xi32>) {" +
                   body + " return } }");
    FailureOr<ExtractedProgram> program =
        extractProgram(*module->getOps<func::FuncOp>().begin(),
                       plan::getKernelTarget(*module), getDeviceRates(*module));
    EXPECT_TRUE(succeeded(program)) << messages;
    return *program;
  }
  OwningOpRef<ModuleOp> module;
};

const std::string kSource =
    "%a = toy.work %ids : (tensor<?xi32>) -> tensor<?x16xf32> ";

TEST_F(PlanScheduleTest, LifetimesAreHalfOpen) {
  ExtractedProgram program =
      extract(kSource +
              "%b = toy.work %a {scratch = 100 : i64} : (tensor<?x16xf32>) -> "
              "tensor<?x16xf32> toy.accumulate %b : tensor<?x16xf32>");
  BufferTable table = computeBuffers(program.schedule);
  ASSERT_EQ(table.buffers.size(), 4u); // ids, a, b, scratch of b
  EXPECT_TRUE(table.buffers[0].isInput);
  EXPECT_EQ(table.buffers[1].start, 0);
  EXPECT_EQ(table.buffers[1].end, 2);
  EXPECT_EQ(table.buffers[2].start, 1);
  EXPECT_EQ(table.buffers[2].end, 3);
  EXPECT_EQ(table.buffers[3].scratchOf, 1);
  EXPECT_EQ(table.buffers[3].bytes, 128); // rounded up to 64
  EXPECT_EQ(table.liveBytes, (std::vector<int64_t>{256, 640, 256}));
}

TEST_F(PlanScheduleTest, OverwritesADyingOperand) {
  ExtractedProgram program = extract(
      kSource + "%b = toy.work %a {in_place = 0 : i64} : (tensor<?x16xf32>) -> "
                "tensor<?x16xf32> toy.accumulate %b : tensor<?x16xf32>");
  BufferTable table = computeBuffers(program.schedule);
  ASSERT_EQ(table.buffers.size(), 2u);
  EXPECT_EQ(table.buffers[1].end, 3);
}

TEST_F(PlanScheduleTest, KeepsAnOperandThatIsReadLater) {
  ExtractedProgram program = extract(
      kSource + "%b = toy.work %a {in_place = 0 : i64} : (tensor<?x16xf32>) -> "
                "tensor<?x16xf32> toy.accumulate %b, %a : tensor<?x16xf32>, "
                "tensor<?x16xf32>");
  EXPECT_EQ(computeBuffers(program.schedule).buffers.size(), 3u);
}

TEST_F(PlanScheduleTest, NeverOverwritesAnInputOrAnotherSize) {
  ExtractedProgram program = extract(
      "%a = toy.work %ids {in_place = 0 : i64} : (tensor<?xi32>) -> "
      "tensor<?xi32> %b = toy.work %a {in_place = 0 : i64} : (tensor<?xi32>) "
      "-> tensor<?x64xf32> toy.accumulate %b : tensor<?x64xf32>");
  EXPECT_EQ(computeBuffers(program.schedule).buffers.size(), 3u);
}

TEST_F(PlanScheduleTest, DoesNotOverwriteWhatItAlsoReadsOtherwise) {
  ExtractedProgram program = extract(
      kSource + "%b = toy.work %a, %a {in_place = 0 : i64} : "
                "(tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>");
  EXPECT_EQ(computeBuffers(program.schedule).buffers.size(), 3u);
}

TEST_F(PlanScheduleTest, ExchangesOperandsOfCommutativeOps) {
  ExtractedProgram program = extract(
      kSource + "%b = toy.work %a : (tensor<?x16xf32>) -> tensor<?x16xf32> "
                "%c = toy.sum %a, %b {in_place = 0 : i64} : (tensor<?x16xf32>, "
                "tensor<?x16xf32>) -> tensor<?x16xf32> "
                "toy.accumulate %c, %a : tensor<?x16xf32>, tensor<?x16xf32>");
  BufferTable table = computeBuffers(program.schedule);
  EXPECT_EQ(table.buffers.size(), 3u);
  EXPECT_TRUE(table.exchanged[2]);
}

TEST_F(PlanScheduleTest, ViewsExtendWhatTheyView) {
  ExtractedProgram program = extract(
      kSource + "%v = toy.work %a {view = 0 : i64} : (tensor<?x16xf32>) -> "
                "tensor<?x16xf32> "
                "%b = toy.work %ids : (tensor<?xi32>) -> tensor<?x16xf32> "
                "%c = toy.work %v {in_place = 0 : i64} : (tensor<?x16xf32>) -> "
                "tensor<?x16xf32> toy.accumulate %c, %b : tensor<?x16xf32>, "
                "tensor<?x16xf32>");
  BufferTable table = computeBuffers(program.schedule);
  ASSERT_EQ(table.buffers.size(), 3u);
  EXPECT_EQ(table.buffers[1].values.size(), 3u); // a, v and c
  EXPECT_EQ(table.buffers[1].end, 5);
}

TEST_F(PlanScheduleTest, RefusesABufferRuleWithoutATensor) {
  module = parse(moduleHeader(4) +
                 "{ func.func @f() { %h = toy.handle \"weights\" @w : "
                 "!toy.handle<[2], f32> %a = toy.work %h {in_place = 0 : i64} "
                 ": (!toy.handle<[2], f32>) -> tensor<?x16xf32> return } }");
  EXPECT_TRUE(
      failed(extractProgram(*module->getOps<func::FuncOp>().begin(), {}, {})));
  EXPECT_NE(messages.find("expected its buffer rule to name a tensor operand, "
                          "but found operand #0"),
            std::string::npos)
      << messages;
}

TEST_F(PlanScheduleTest, CutsAtSingleTensors) {
  module = parse(toyJob(4, 4));
  FailureOr<ExtractedProgram> program =
      extractProgram(*module->getOps<func::FuncOp>().begin(),
                     plan::getKernelTarget(*module), getDeviceRates(*module));
  ASSERT_TRUE(succeeded(program));
  Segmentation segmentation = segmentForward(program->schedule);
  // The table crosses every cut: it is a side input.
  EXPECT_TRUE(segmentation.isSideInput[2]);
  std::vector<StepRange> expected = {{0, 2},   {2, 6},   {6, 10},
                                     {10, 14}, {14, 18}, {18, 19}};
  EXPECT_EQ(segmentation.segments, expected);
  BlockTypes types(program->schedule, segmentation);
  EXPECT_EQ(types.getType({2, 6}), types.getType({6, 10}));
  EXPECT_EQ(types.getType({2, 10}), types.getType({6, 14}));
  EXPECT_NE(types.getType({2, 6}), types.getType({2, 10}));
  EXPECT_NE(types.getType({0, 2}), types.getType({18, 19}));
}

} // namespace

/// A chain of blocks x' = x + g(f(x)) in which every block also adds what the
/// first step made: nothing but that value crosses every cut.
TEST(SegmentationTest, CutsBelowLongConnections) {
  constexpr int blocks = 40;
  Schedule schedule;
  auto add = [&](ValueList operands) {
    ScheduleStep step;
    step.operands = std::move(operands);
    step.results = {static_cast<int>(schedule.values.size())};
    step.inPlace = step.view = {-1};
    step.differentiable.assign(step.operands.size(), true);
    schedule.values.push_back({64, schedule.size()});
    schedule.steps.push_back(step);
    return step.results.front();
  };
  int first = add({}), x = first;
  for (int block = 0; block < blocks; ++block)
    x = add({add({x, add({add({x})})}), first});
  schedule.forwardEnd = schedule.size();
  Segmentation segmentation = segmentForward(schedule);
  EXPECT_TRUE(segmentation.isSideInput[first]);
  EXPECT_GE(segmentation.segments.size(), size_t(blocks));
  for (StepRange segment : segmentation.segments)
    EXPECT_LE(segment.end - segment.begin, 4);
}
