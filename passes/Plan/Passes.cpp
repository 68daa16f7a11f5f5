//===- Passes.cpp - The planner's stages as passes ------------------------===//

#include "passes/Plan/Passes.h"

#include "passes/Plan/AllocateSlots.h"
#include "passes/Plan/ModuleFacts.h"
#include "passes/Plan/PlanAttributes.h"
#include "passes/Plan/ProgramPlan.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_REMATERIALIZEPASS
#define GEN_PASS_DEF_ALLOCATESLOTSPASS
#include "passes/Plan/Passes.h.inc"
} // namespace neap

namespace {

/// Every stage needs sizes and rates.
LogicalResult expectPlanAttributes(ModuleOp module) {
  if (module->hasAttrOfType<IntegerAttr>(plan::kMaxTokensAttr) &&
      module->hasAttrOfType<plan::DeviceAttr>(plan::kDeviceAttr))
    return success();
  return module.emitOpError()
         << "expected the attributes '" << plan::kMaxTokensAttr << "' and '"
         << plan::kDeviceAttr << "'";
}

struct Rematerialize : neap::impl::RematerializePassBase<Rematerialize> {
  using RematerializePassBase::RematerializePassBase;

  void runOnOperation() override {
    if (failed(expectPlanAttributes(getOperation())))
      return signalPassFailure();
    FailureOr<ModuleFacts> facts = collectModuleFacts(getOperation());
    if (failed(facts))
      return signalPassFailure();
    for (ExtractedProgram &program : facts->programs)
      if (program.schedule.forwardEnd < program.schedule.size() &&
          failed(rematerializeProgram(program)))
        return signalPassFailure();
  }

  LogicalResult rematerializeProgram(ExtractedProgram &program) {
    RematPlanner planner(program.schedule);
    std::optional<RematPlan> plan;
    if (smallest)
      plan = planner.planSmallest();
    else if (budgetBytes < 0)
      plan = planner.planKeepingAll();
    else
      plan = planner.planFastest(budgetBytes);
    if (!plan)
      return program.function.emitOpError()
             << "expected to fit " << budgetBytes.getValue()
             << " live bytes, but found at least "
             << planner.planSmallest().maxLiveBytes;
    applySchedule(program, plan->schedule);
    for (const ScheduleStep &step : plan->schedule.steps)
      numRecomputed += step.recomputed;
    return success();
  }
};

struct AllocateSlots : neap::impl::AllocateSlotsPassBase<AllocateSlots> {
  using AllocateSlotsPassBase::AllocateSlotsPassBase;

  void runOnOperation() override {
    if (failed(expectPlanAttributes(getOperation())))
      return signalPassFailure();
    FailureOr<ModuleFacts> facts = collectModuleFacts(getOperation());
    if (failed(facts))
      return signalPassFailure();
    facts->demand.momentArrays = momentArrays;
    ArenaLayout layout = layOutFixedRanges(facts->demand);
    std::vector<ProgramPlan> plans;
    for (const ExtractedProgram &program : facts->programs) {
      plans.push_back(placeProgram(program.schedule, searchNodes));
      setSlotsBytes(layout, std::max(layout.slotsBytes,
                                     plans.back().allocation.heightBytes));
    }
    Builder builder(&getContext());
    getOperation()->setAttr(kArenaBytesAttr,
                            builder.getI64IntegerAttr(layout.arenaBytes));
    getOperation()->setAttr(kSlotsOffsetAttr,
                            builder.getI64IntegerAttr(layout.slotsOffset));
    for (size_t i = 0; i < plans.size(); ++i) {
      count(plans[i].table);
      allocateSlots(facts->programs[i], plans[i], layout, poison);
    }
  }

  void count(const BufferTable &table) {
    for (const ScheduleBuffer &buffer : table.buffers)
      if (!buffer.values.empty())
        numShared += buffer.values.size() - 1;
    numExchanged += llvm::count(table.exchanged, true);
  }
};

} // namespace
