//===- Extraction.cpp - Reads operations through their interfaces ---------===//

#include "passes/Analysis/Extraction.h"

#include "dialects/Interfaces/Interfaces.h"
#include "dialects/Plan/PlanDialect.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;

namespace neap {
namespace {

/// Numbers operations that planning cannot tell apart alike.
using KindTable = std::map<std::vector<int64_t>, int>;

class Extractor {
public:
  Extractor(func::FuncOp function, const KernelTarget &target,
            const DeviceRates &rates)
      : target(target), rates(rates) {
    program.function = function;
  }

  FailureOr<ExtractedProgram> extract() {
    Block &block = program.function.getBody().front();
    for (BlockArgument argument : block.getArguments())
      addValue(argument, ScheduleValue::programInput);
    Operation *loss = nullptr;
    for (Operation &op : block.without_terminator()) {
      if (isa<HandleOpInterface>(op))
        continue;
      if (failed(addStep(&op)))
        return failure();
      if (auto rule = dyn_cast<DifferentiableOpInterface>(op);
          rule && rule.isLoss() && !loss) {
        loss = &op;
        program.schedule.forwardEnd = program.schedule.size();
      }
    }
    if (!loss)
      program.schedule.forwardEnd = program.schedule.size();
    return std::move(program);
  }

private:
  void addValue(Value value, int producer) {
    int64_t alignment = plan::kSlotAlignment;
    if (auto rules = value.getDefiningOp<BufferUseOpInterface>())
      alignment = std::max(
          alignment,
          rules.getResultAlignment(cast<OpResult>(value).getResultNumber()));
    int64_t bytes = llvm::alignTo(
        getTypeBytes(value.getType(), target.maxTokens), alignment);
    valueIds[value] = static_cast<int>(program.values.size());
    program.values.push_back(value);
    program.schedule.values.push_back({bytes, producer, alignment});
  }

  LogicalResult addStep(Operation *op) {
    ScheduleStep step;
    step.origin = program.schedule.size();
    // Positions of the op's operands among its tensor operands.
    SmallVector<int> positions;
    auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
    for (OpOperand &operand : op->getOpOperands()) {
      if (isHandle(operand.get())) {
        positions.push_back(-1);
        continue;
      }
      positions.push_back(static_cast<int>(step.operands.size()));
      step.operands.push_back(valueIds.lookup(operand.get()));
      step.differentiable.push_back(
          differentiable &&
          differentiable.isOperandDifferentiable(operand.getOperandNumber()));
    }
    for (Value result : op->getResults()) {
      step.results.push_back(static_cast<int>(program.values.size()));
      addValue(result, step.origin);
    }
    if (failed(readBufferRules(op, positions, step)))
      return failure();
    readCost(op, step);
    step.hasEffects = !isMemoryEffectFree(op);
    step.recomputed = op->hasAttr(kRecomputedAttr);
    step.kind = findKind(op, step);
    program.schedule.steps.push_back(std::move(step));
    program.operations.push_back(op);
    return success();
  }

  LogicalResult readBufferRules(Operation *op, ArrayRef<int> positions,
                                ScheduleStep &step) {
    auto rules = dyn_cast<BufferUseOpInterface>(op);
    auto position = [&](std::optional<unsigned> operand) -> FailureOr<int> {
      if (!operand)
        return -1;
      if (*operand >= positions.size() || positions[*operand] < 0)
        return op->emitOpError()
               << "expected its buffer rule to name a tensor operand, but "
                  "found operand #"
               << *operand;
      return positions[*operand];
    };
    for (unsigned r = 0; r < op->getNumResults(); ++r) {
      FailureOr<int> inPlace = position(rules ? rules.getInPlaceOperand(r)
                                              : std::optional<unsigned>());
      FailureOr<int> view =
          position(rules ? rules.getViewOperand(r) : std::optional<unsigned>());
      if (failed(inPlace) || failed(view))
        return failure();
      step.inPlace.push_back(*inPlace);
      step.view.push_back(*view);
    }
    step.commutative =
        op->hasTrait<OpTrait::IsCommutative>() && op->getNumOperands() == 2 &&
        step.operands.size() == 2 &&
        op->getOperand(0).getType() == op->getOperand(1).getType();
    return success();
  }

  void readCost(Operation *op, ScheduleStep &step) {
    double bytes = 0;
    if (auto cost = dyn_cast<RecomputeCostOpInterface>(op)) {
      step.flops = cost.getFlops(target.maxTokens);
      bytes = cost.getBytesTouched(target.maxTokens);
      step.fetchedBytes = cost.getBytesFetched();
      step.recomputable = cost.isRecomputable() && isMemoryEffectFree(op);
    } else {
      bytes = detail::defaultBytesTouched(op, target.maxTokens);
    }
    double arithmetic = step.flops * 1e3 / static_cast<double>(rates.mflops);
    double traffic = bytes * 1e3 / static_cast<double>(rates.memoryMbps);
    step.costNs = std::llround(std::max(arithmetic, traffic));
    if (auto kernel = dyn_cast<KernelOpInterface>(op))
      step.scratchBytes = llvm::alignTo(kernel.getScratch(target).total(target),
                                        plan::kSlotAlignment);
  }

  /// The operation's name enters through its order of appearance.
  int findKind(Operation *op, const ScheduleStep &step) {
    auto name = nameIds.try_emplace(op->getName().getStringRef(),
                                    static_cast<int>(nameIds.size()));
    std::vector<int64_t> key = {name.first->second, step.scratchBytes,
                                step.costNs,        step.recomputable,
                                step.hasEffects,    step.commutative};
    for (size_t o = 0; o < step.operands.size(); ++o) {
      key.push_back(program.schedule.values[step.operands[o]].bytes);
      key.push_back(step.differentiable[o]);
    }
    for (size_t r = 0; r < step.results.size(); ++r) {
      key.push_back(program.schedule.values[step.results[r]].bytes);
      key.push_back(step.inPlace[r]);
      key.push_back(step.view[r]);
    }
    return kinds.try_emplace(std::move(key), static_cast<int>(kinds.size()))
        .first->second;
  }

  KernelTarget target;
  DeviceRates rates;
  ExtractedProgram program;
  DenseMap<Value, int> valueIds;
  llvm::StringMap<int> nameIds;
  KindTable kinds;
};

} // namespace

DeviceRates getDeviceRates(ModuleOp module) {
  auto device = module->getAttrOfType<plan::DeviceAttr>(plan::kDeviceAttr);
  assert(device && "the pipeline attaches the device before planning");
  return {std::max<int64_t>(device.getMflops(), 1),
          std::max<int64_t>(device.getMemoryMbps(), 1)};
}

FailureOr<ExtractedProgram> extractProgram(func::FuncOp function,
                                           const KernelTarget &target,
                                           const DeviceRates &rates) {
  return Extractor(function, target, rates).extract();
}

void applySchedule(ExtractedProgram &program, const Schedule &schedule) {
  Block &block = program.function.getBody().front();
  Operation *terminator = block.getTerminator();
  SmallVector<Operation *> handles;
  for (Operation &op : block.without_terminator())
    if (isa<HandleOpInterface>(op))
      handles.push_back(&op);
  for (Operation *handle : handles)
    handle->moveBefore(terminator);

  program.values.resize(schedule.values.size());
  std::vector<Operation *> operations;
  std::vector<bool> used(program.operations.size(), false);
  for (const ScheduleStep &step : schedule.steps) {
    Operation *op = program.operations[step.origin];
    if (used[step.origin]) {
      op = op->clone();
      block.getOperations().insert(terminator->getIterator(), op);
    } else {
      op->moveBefore(terminator);
    }
    used[step.origin] = true;
    if (step.recomputed)
      op->setAttr(kRecomputedAttr, UnitAttr::get(op->getContext()));
    unsigned next = 0;
    for (OpOperand &operand : op->getOpOperands())
      if (!isHandle(operand.get()))
        operand.set(program.values[step.operands[next++]]);
    for (auto [result, value] : llvm::zip_equal(op->getResults(), step.results))
      program.values[value] = result;
    operations.push_back(op);
  }
  for (size_t s = program.operations.size(); s-- > 0;)
    if (!used[s])
      program.operations[s]->erase();
  program.operations = std::move(operations);
  program.schedule = schedule;
  for (int s = 0; s < schedule.size(); ++s)
    program.schedule.steps[s].origin = s;
}

} // namespace neap
