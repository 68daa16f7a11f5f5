//===- AllocateSlots.cpp - Rewrites programs to slots ---------------------===//

#include "passes/Plan/AllocateSlots.h"

#include "dialects/Interfaces/Interfaces.h"
#include "dialects/Plan/PlanDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace neap {
namespace {

class SlotRewriter {
public:
  SlotRewriter(const ExtractedProgram &program, const ProgramPlan &plan,
               const ArenaLayout &layout, bool poison)
      : program(program), plan(plan), layout(layout), poison(poison),
        builder(program.getFunction().getContext()),
        slots(program.values.size()) {}

  void run() {
    Block &block = program.getFunction().getBody().front();
    builder.setInsertionPointToStart(&block);
    createInputSlots(block);
    if (poison && plan.allocation.heightBytes > 0)
      poisonBytes(program.getFunction().getLoc(), layout.slotsOffset,
                  plan.allocation.heightBytes);
    for (int s = 0; s < plan.schedule.size(); ++s) {
      builder.setInsertionPoint(program.operations[s]);
      plan::RunOp run = rewriteStep(s);
      builder.setInsertionPointAfter(run);
      if (poison)
        poisonDead(s);
    }
    block.eraseArguments(0, block.getNumArguments());
    program.getFunction().setFunctionType(builder.getFunctionType({}, {}));
  }

private:
  void createInputSlots(Block &block) {
    for (BlockArgument argument : block.getArguments())
      for (size_t v = 0; v < program.values.size(); ++v)
        if (program.values[v] == argument)
          slots[v] = createSlot(argument.getLoc(), argument.getType(),
                                layout.inputs[argument.getArgNumber()].offset,
                                plan.schedule.values[v].bytes);
  }

  Value createSlot(Location loc, Type type, int64_t offset, int64_t bytes) {
    return plan::SlotOp::create(
        builder, loc, plan::SlotType::get(builder.getContext(), type),
        static_cast<uint64_t>(offset), static_cast<uint64_t>(bytes));
  }

  Value createByteSlot(Location loc, int64_t offset, int64_t bytes) {
    return createSlot(loc, RankedTensorType::get({bytes}, builder.getI8Type()),
                      offset, bytes);
  }

  int64_t getOffset(int buffer) const {
    return layout.slotsOffset + plan.offsets[buffer];
  }

  Value createValueSlot(int value, Location loc) {
    int buffer = plan.table.bufferOf[value];
    if (plan.table.buffers[buffer].isInput) // a view of an input
      return createSlot(loc, program.values[value].getType(),
                        getInputOffset(plan.table.buffers[buffer]),
                        plan.schedule.values[value].bytes);
    return createSlot(loc, program.values[value].getType(), getOffset(buffer),
                      plan.schedule.values[value].bytes);
  }

  int64_t getInputOffset(const ScheduleBuffer &buffer) const {
    auto argument = cast<BlockArgument>(program.values[buffer.values.front()]);
    return layout.inputs[argument.getArgNumber()].offset;
  }

  plan::RunOp rewriteStep(int s) {
    Operation *op = program.operations[s];
    const ScheduleStep &step = plan.schedule.steps[s];
    SmallVector<Value> inputs, outputs;
    if (plan.table.exchanged[s]) {
      Value first = op->getOperand(0);
      op->setOperand(0, op->getOperand(1));
      op->setOperand(1, first);
    }
    size_t next = 0;
    for (Value operand : op->getOperands()) {
      if (isHandle(operand)) {
        inputs.push_back(operand);
        continue;
      }
      size_t position =
          plan.table.exchanged[s] ? step.operands.size() - 1 - next : next;
      inputs.push_back(slots[step.operands[position]]);
      ++next;
    }
    for (int result : step.results) {
      slots[result] = createValueSlot(result, op->getLoc());
      outputs.push_back(slots[result]);
    }
    Value scratch;
    if (int buffer = findScratch(s); buffer >= 0)
      scratch =
          createByteSlot(op->getLoc(), getOffset(buffer), step.scratchBytes);
    auto run =
        plan::RunOp::create(builder, op->getLoc(), inputs, outputs, scratch);
    moveInto(op, run);
    return run;
  }

  /// Scratch buffers are in the order of their steps.
  int findScratch(int s) {
    const auto &buffers = plan.table.buffers;
    while (nextScratch < buffers.size() && buffers[nextScratch].scratchOf < s)
      ++nextScratch;
    return nextScratch < buffers.size() && buffers[nextScratch].scratchOf == s
               ? static_cast<int>(nextScratch)
               : -1;
  }

  /// The operation reads block arguments and its results are yielded. Results
  /// still have uses outside until those operations have moved as well.
  void moveInto(Operation *op, plan::RunOp run) {
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&run.getBody());
    for (OpOperand &operand : op->getOpOperands())
      operand.set(body->addArgument(operand.get().getType(), op->getLoc()));
    op->moveBefore(body, body->end());
    if (op->removeAttr(kRecomputedAttr)) // equal operations share one kernel
      run->setAttr(kRecomputedAttr, builder.getUnitAttr());
    builder.setInsertionPointToEnd(body);
    plan::YieldOp::create(builder, op->getLoc(), op->getResults());
  }

  void poisonBytes(Location loc, int64_t offset, int64_t bytes) {
    plan::PoisonOp::create(builder, loc, createByteSlot(loc, offset, bytes));
  }

  void poisonDead(int s) {
    for (size_t b = 0; b < plan.table.buffers.size(); ++b) {
      const ScheduleBuffer &buffer = plan.table.buffers[b];
      if (!buffer.isInput && buffer.end == s + 1)
        poisonBytes(program.getFunction().getLoc(),
                    getOffset(static_cast<int>(b)), buffer.bytes);
    }
  }

  const ExtractedProgram &program;
  const ProgramPlan &plan;
  const ArenaLayout &layout;
  bool poison;
  OpBuilder builder;
  std::vector<Value> slots; // by value
  size_t nextScratch = 0;
};

} // namespace

void allocateSlots(const ExtractedProgram &program, const ProgramPlan &plan,
                   const ArenaLayout &layout, bool poison) {
  SlotRewriter(program, plan, layout, poison).run();
}

} // namespace neap
