//===- DescribePlan.cpp - Fills a PlanResult ------------------------------===//

#include "passes/Plan/DescribePlan.h"

#include "passes/Plan/Prefetch.h"

#include "dialects/Graph/ModulePath.h"
#include "dialects/Plan/PlanDialect.h"

#include <algorithm>
#include <cassert>

namespace neap {

const char *getMemoryClassName(MemoryClass memoryClass) {
  switch (memoryClass) {
  case MemoryClass::AdapterParameters:
    return "adapter_parameters";
  case MemoryClass::Gradients:
    return "gradients";
  case MemoryClass::OptimizerState:
    return "optimizer_state";
  case MemoryClass::ResidentWeights:
    return "resident_weights";
  case MemoryClass::WeightStaging:
    return "weight_staging";
  case MemoryClass::SavedActivations:
    return "saved_activations";
  case MemoryClass::Transients:
    return "transients";
  case MemoryClass::KernelScratch:
    return "kernel_scratch";
  case MemoryClass::IoBuffers:
    return "io_buffers";
  case MemoryClass::ArenaGaps:
    return "arena_gaps";
  case MemoryClass::CodeAndStacks:
    return "code_and_stacks";
  case MemoryClass::MappedWeights:
    return "mapped_weights";
  case MemoryClass::KernelBookkeeping:
    return "kernel_bookkeeping";
  }
  return "";
}

std::vector<PlannedBuffer> PlanResult::findBuffersAtPeak() const {
  std::vector<PlannedBuffer> alive;
  for (const PlannedBuffer &buffer : buffers)
    if (buffer.fixed || (buffer.program == programs[peakProgram].name &&
                         buffer.start <= peakStep && peakStep < buffer.end))
      alive.push_back(buffer);
  std::sort(alive.begin(), alive.end(),
            [](const PlannedBuffer &a, const PlannedBuffer &b) {
              return std::pair(-a.bytes, a.offset) <
                     std::pair(-b.bytes, b.offset);
            });
  return alive;
}

namespace {

class Describer {
public:
  Describer(const ModuleFacts &facts, const ArenaLayout &layout,
            const std::vector<ProgramPlan> &plans, const PlanOptions &options)
      : facts(facts), layout(layout), plans(plans), options(options) {}

  PlanResult run() {
    result.layout = layout;
    addFixedBuffers();
    for (size_t i = 0; i < plans.size(); ++i)
      addProgram(facts.programs[i], plans[i]);
    addPeak();
    addClasses();
    result.weightCount = facts.weightCount;
    result.weightBytes = facts.weightBytes;
    result.weightsFileBytes = facts.weightsFileBytes;
    result.weightsPlace = options.weightsPlace;
    return std::move(result);
  }

private:
  void addFixed(const char *name, const ByteRange &range, MemoryClass cls) {
    if (range.bytes == 0)
      return;
    PlannedBuffer buffer;
    buffer.program = "*";
    buffer.name = name;
    buffer.bytes = range.bytes;
    buffer.memoryClass = cls;
    buffer.offset = range.offset;
    buffer.fixed = true;
    for (const ProgramPlan &plan : plans)
      buffer.end = std::max<int64_t>(buffer.end, plan.schedule.size());
    result.buffers.push_back(std::move(buffer));
  }

  void addFixedBuffers() {
    addFixed("worker stacks", layout.stacks, MemoryClass::CodeAndStacks);
    addFixed("fetch stack", layout.fetchStack, MemoryClass::CodeAndStacks);
    addFixed("adapter values", layout.values, MemoryClass::AdapterParameters);
    addFixed("adapter gradients", layout.gradients, MemoryClass::Gradients);
    addFixed("optimizer moment 1", layout.moment1, MemoryClass::OptimizerState);
    addFixed("optimizer moment 2", layout.moment2, MemoryClass::OptimizerState);
    for (size_t i = 0; i < layout.inputs.size(); ++i)
      addFixed(i == 0   ? "input_ids"
               : i == 1 ? "labels"
                        : "input",
               layout.inputs[i], MemoryClass::IoBuffers);
    addFixed("runtime buffers", layout.io, MemoryClass::IoBuffers);
    addFixed("resident weights", layout.resident, MemoryClass::ResidentWeights);
  }

  void addProgram(const ExtractedProgram &program, const ProgramPlan &plan) {
    PlannedProgram described;
    llvm::StringRef name = program.getFunction().getName();
    described.name = name.str();
    described.maxLiveBytes = layout.fixedBytes();
    for (int s = 0; s < plan.schedule.size(); ++s) {
      described.steps.push_back(describeStep(program, plan, s));
      described.maxLiveBytes =
          std::max(described.maxLiveBytes, described.steps.back().liveBytes);
    }
    described.slotsBytes = plan.allocation.heightBytes;
    described.slotsLowerBound = plan.allocation.lowerBoundBytes;
    described.offsetsOptimal = plan.allocation.optimal;
    described.offsetsMethod = plan.allocation.method;
    for (size_t b = 0; b < plan.table.buffers.size(); ++b)
      if (!plan.table.buffers[b].isInput)
        addBuffer(program, plan, b);
    for (const PlannedBlock &block : plan.blocks)
      addBlock(described, plan.schedule, block);
    if (plan.schedule.forwardEnd < plan.schedule.size()) {
      described.runsPerStep = options.rowsPerStep;
      addCosts(plan);
    }
    result.programs.push_back(std::move(described));
  }

  /// The operation that step `s` executes: clones do not exist yet.
  static mlir::Operation *getOperation(const ExtractedProgram &program,
                                       const ProgramPlan &plan, int s) {
    return program.operations[plan.schedule.steps[s].origin];
  }

  PlannedStep describeStep(const ExtractedProgram &program,
                           const ProgramPlan &plan, int s) const {
    mlir::Operation *op = getOperation(program, plan, s);
    const ScheduleStep &step = plan.schedule.steps[s];
    return {op->getName().getStringRef().str(), getNodeName(op->getLoc()).str(),
            layout.fixedBytes() + plan.table.liveBytes[s], step.flops,
            step.recomputed};
  }

  void addBuffer(const ExtractedProgram &program, const ProgramPlan &plan,
                 size_t b) {
    const ScheduleBuffer &buffer = plan.table.buffers[b];
    mlir::Operation *op = getOperation(program, plan, buffer.start);
    PlannedBuffer described;
    described.program = program.getFunction().getName().str();
    described.name =
        std::to_string(buffer.start) + ":" + op->getName().getStringRef().str();
    if (buffer.scratchOf >= 0)
      described.name += ":scratch";
    else if (plan.schedule.steps[buffer.start].results.size() > 1)
      described.name += "#" + std::to_string(findResult(plan, b));
    described.onnxNode = getNodeName(op->getLoc()).str();
    described.bytes = buffer.bytes;
    described.memoryClass = classify(plan.schedule, buffer);
    described.start = buffer.start;
    described.end = buffer.end;
    described.offset = layout.slotsOffset + plan.offsets[b];
    described.alignment = buffer.alignment;
    result.buffers.push_back(std::move(described));
  }

  static size_t findResult(const ProgramPlan &plan, size_t b) {
    const ScheduleBuffer &buffer = plan.table.buffers[b];
    const auto &results = plan.schedule.steps[buffer.start].results;
    return std::find(results.begin(), results.end(), buffer.values.front()) -
           results.begin();
  }

  /// The loss's own result is a gradient, not a saved value.
  static MemoryClass classify(const Schedule &schedule,
                              const ScheduleBuffer &buffer) {
    if (buffer.scratchOf >= 0)
      return MemoryClass::KernelScratch;
    if (schedule.steps[buffer.start].fetchedBytes > 0)
      return MemoryClass::WeightStaging;
    return buffer.start < schedule.forwardEnd - 1 &&
                   buffer.end > schedule.forwardEnd
               ? MemoryClass::SavedActivations
               : MemoryClass::Transients;
  }

  /// A block's range counts steps of the extracted program, in its order.
  static bool isIn(const PlannedBlock &block, const ScheduleStep &step) {
    return block.range.begin <= step.origin && step.origin < block.range.end;
  }

  void addBlock(const PlannedProgram &program, const Schedule &schedule,
                const PlannedBlock &block) {
    PlannedBlockChoice choice;
    choice.program = program.name;
    choice.firstStep = -1;
    for (int s = 0; s < schedule.forwardEnd; ++s) {
      if (!isIn(block, schedule.steps[s]))
        continue;
      if (choice.firstStep < 0)
        choice.firstStep = s;
      choice.lastStep = s;
    }
    assert(choice.firstStep >= 0 && "a block's last value is not recomputed");
    choice.firstOnnxNode = program.steps[choice.firstStep].onnxNode;
    choice.lastOnnxNode = program.steps[choice.lastStep].onnxNode;
    addVariant(std::move(choice), block);
  }

  void addVariant(PlannedBlockChoice choice, const PlannedBlock &block) {
    int recomputed = block.variant.countRecomputed();
    std::string variant = "keep";
    if (recomputed > 0)
      variant = "recompute " + std::to_string(recomputed) + " of " +
                std::to_string(block.variant.recomputed.size());
    choice.type = block.type;
    choice.variant = std::move(variant);
    choice.keptBytes = block.variant.keptBytes;
    choice.extraSeconds = static_cast<double>(block.variant.extraNs) * 1e-9 *
                          static_cast<double>(options.rowsPerStep);
    result.blocks.push_back(std::move(choice));
  }

  /// Of the program with a backward part, for every row of an optimizer step.
  void addCosts(const ProgramPlan &plan) {
    auto rows = static_cast<double>(options.rowsPerStep);
    for (const ScheduleStep &step : plan.schedule.steps) {
      result.flopsPerStep += rows * step.flops;
      if (step.recomputed)
        result.recomputedFlops += rows * step.flops;
      result.fetchedBytesPerStep += options.rowsPerStep * step.fetchedBytes;
    }
    StreamedTime time =
        timeStreamed(plan.schedule, options.flashBytesPerSecond);
    result.secondsPerStep += rows * time.seconds;
    result.waitSecondsPerStep += rows * time.waitSeconds;
  }

  void addPeak() {
    result.peak = computePlannedPeak(getPeakDemand(facts, layout, options));
    result.plannedBytes = result.peak.get(options.measure);
    result.maxLiveBytes = layout.fixedBytes();
    for (size_t i = 0; i < result.programs.size(); ++i) {
      if (result.programs[i].maxLiveBytes <= result.maxLiveBytes &&
          !(i == 0 && plans[i].schedule.size() > 0))
        continue;
      result.maxLiveBytes = result.programs[i].maxLiveBytes;
      result.peakProgram = i;
      result.peakStep = plans[i].table.peakStep();
    }
    int64_t used = layout.slotsOffset + layout.slotsBytes;
    result.pageRoundingBytes = layout.arenaBytes - used;
    result.fragmentationBytes = used - result.maxLiveBytes;
  }

  void addClasses() {
    auto &classes = result.bytesByClass;
    auto add = [&](MemoryClass cls, int64_t bytes) {
      classes[static_cast<size_t>(cls)] += bytes;
    };
    for (const PlannedBuffer &buffer : result.findBuffersAtPeak())
      add(buffer.memoryClass, buffer.bytes);
    add(MemoryClass::ArenaGaps, layout.arenaBytes - result.maxLiveBytes);
    add(MemoryClass::CodeAndStacks, trainerDataBytes + trainerCodeBytes);
    if (options.weightsPlace == WeightsPlace::Mapped)
      add(MemoryClass::MappedWeights, facts.weightsFileBytes);
    add(MemoryClass::KernelBookkeeping, result.peak.bookkeepingBytes);
  }

  const ModuleFacts &facts;
  const ArenaLayout &layout;
  const std::vector<ProgramPlan> &plans;
  const PlanOptions &options;
  PlanResult result;
};

} // namespace

PeakDemand getPeakDemand(const ModuleFacts &facts, const ArenaLayout &layout,
                         const PlanOptions &options) {
  PeakDemand demand;
  demand.arenaBytes = layout.arenaBytes;
  if (options.weightsPlace == WeightsPlace::Mapped)
    demand.mappedWeightBytes = facts.weightsFileBytes;
  demand.writtenFileBytes = layout.values.bytes;
  demand.threads = facts.demand.threads + facts.demand.fetches;
  return demand;
}

PlanResult describePlan(const ModuleFacts &facts, const ArenaLayout &layout,
                        const std::vector<ProgramPlan> &plans,
                        const PlanOptions &options) {
  return Describer(facts, layout, plans, options).run();
}

} // namespace neap
