//===- VerifyPlanned.cpp - Recomputes liveness from plan.run --------------===//

#include "passes/Verify/VerifyPlanned.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Plan/Passes.h"
#include "passes/Plan/PlanAttributes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

#include <map>

using namespace mlir;

namespace neap {
#define GEN_PASS_DEF_VERIFYPLANNEDPASS
#include "passes/Plan/Passes.h.inc"

namespace {

/// The life of one slot, in positions of the block's runs and poisons.
struct SlotLife {
  plan::SlotOp slot;
  int64_t offset = 0, bytes = 0;
  int firstWrite = -1, lastRead = -1;
  Operation *writer = nullptr;
  /// Alive up to and including this position.
  int last() const { return std::max(firstWrite, lastRead); }
  int64_t end() const { return offset + bytes; }
};

class ProgramVerifier {
public:
  ProgramVerifier(func::FuncOp function, int64_t arenaBytes,
                  int64_t slotsOffset)
      : function(function), arenaBytes(arenaBytes), slotsOffset(slotsOffset) {}

  LogicalResult verify() {
    if (function.getNumArguments() || function.getNumResults())
      return function.emitOpError()
             << "expected a planned program without arguments or results, but "
                "found "
             << function.getNumArguments() << " and "
             << function.getNumResults();
    if (!function.getBody().hasOneBlock())
      return function.emitOpError("expected a planned program of one block");
    for (Operation &op : function.getBody().front().without_terminator())
      if (failed(visit(op)))
        return failure();
    extendViewed();
    return checkOverlaps();
  }

private:
  LogicalResult visit(Operation &op) {
    if (isa<HandleOpInterface>(op))
      return success();
    if (auto slot = dyn_cast<plan::SlotOp>(op))
      return visitSlot(slot);
    if (auto run = dyn_cast<plan::RunOp>(op))
      return visitRun(run);
    if (auto poison = dyn_cast<plan::PoisonOp>(op)) {
      positions.push_back(&op);
      return success();
    }
    return op.emitOpError("expected handles, slots, runs and poison in a "
                          "planned program");
  }

  LogicalResult visitSlot(plan::SlotOp slot) {
    SlotLife life;
    life.slot = slot;
    life.offset = static_cast<int64_t>(slot.getOffset());
    life.bytes = static_cast<int64_t>(slot.getBytes());
    if (life.offset < 0 || life.bytes < 0 || life.end() > arenaBytes)
      return slot.emitOpError()
             << "expected to end within the arena of " << arenaBytes
             << " bytes, but found an end of " << life.end();
    assert(life.offset % plan::kSlotAlignment == 0 && "slot_c1");
    if (life.offset < slotsOffset && life.end() > slotsOffset)
      return slot.emitOpError()
             << "expected to lie on one side of the slots region's start "
             << slotsOffset << ", but found [" << life.offset << ", "
             << life.end() << ")";
    lives[slot.getSlot()] = life;
    return success();
  }

  SlotLife &getLife(Value slot) { return lives.find(slot)->second; }
  bool isInput(const SlotLife &life) const { return life.offset < slotsOffset; }

  LogicalResult visitRun(plan::RunOp run) {
    int position = static_cast<int>(positions.size());
    positions.push_back(run);
    for (Value input : run.getInputs()) {
      if (!isa<plan::SlotType>(input.getType()))
        continue;
      SlotLife &life = getLife(input);
      if (life.firstWrite < 0 && !isInput(life)) {
        InFlightDiagnostic error = run.emitOpError()
                                   << "reads a slot at offset " << life.offset
                                   << " that nothing has written";
        error.attachNote(life.slot.getLoc()) << "the slot is declared here";
        return error;
      }
      life.lastRead = position;
    }
    SmallVector<Value> written(run.getOutputs());
    if (run.getScratch())
      written.push_back(run.getScratch());
    for (Value output : written) {
      SlotLife &life = getLife(output);
      bool isView = isViewOfInput(run, output);
      if (isInput(life) && !isView)
        return run.emitOpError() << "writes offset " << life.offset
                                 << ", but slots start at " << slotsOffset;
      if (life.firstWrite >= 0) {
        InFlightDiagnostic error = run.emitOpError()
                                   << "writes the slot at offset "
                                   << life.offset << " a second time";
        error.attachNote(life.writer->getLoc()) << "it is written here first";
        return error;
      }
      life.firstWrite = position;
      life.writer = run;
    }
    return success();
  }

  /// The slot that output `index` is allowed to share bytes with.
  static Value findShared(plan::RunOp run, unsigned index, bool view) {
    Operation *op = run.getOperationToRun();
    auto rules = dyn_cast<BufferUseOpInterface>(op);
    if (!rules)
      return {};
    Value yielded = cast<plan::YieldOp>(run.getBody().front().getTerminator())
                        .getValues()[index];
    auto result = dyn_cast<OpResult>(yielded);
    if (!result || result.getOwner() != op)
      return {};
    std::optional<unsigned> operand =
        view ? rules.getViewOperand(result.getResultNumber())
             : rules.getInPlaceOperand(result.getResultNumber());
    if (!operand)
      return {};
    auto argument = dyn_cast<BlockArgument>(op->getOperand(*operand));
    return argument ? Value(run.getInputs()[argument.getArgNumber()]) : Value();
  }

  static bool isViewOfInput(plan::RunOp run, Value output) {
    for (auto [index, candidate] : llvm::enumerate(run.getOutputs()))
      if (candidate == output)
        return bool(findShared(run, index, /*view=*/true));
    return false;
  }

  /// A viewed slot lives as long as its views; later views first, so that
  /// chains add up.
  void extendViewed() {
    for (Operation *op : llvm::reverse(positions)) {
      auto run = dyn_cast<plan::RunOp>(op);
      if (!run)
        continue;
      for (auto [index, output] : llvm::enumerate(run.getOutputs()))
        if (Value viewed = findShared(run, index, /*view=*/true)) {
          SlotLife &life = getLife(viewed);
          life.lastRead = std::max(life.lastRead, getLife(output).last());
        }
    }
  }

  /// Sweeps over positions with the slots alive there, by offset.
  LogicalResult checkOverlaps() {
    std::vector<std::vector<SlotLife *>> dying(positions.size());
    for (auto &[value, life] : lives)
      if (life.firstWrite >= 0 && !isInput(life))
        dying[life.last()].push_back(&life);
    std::multimap<int64_t, SlotLife *> alive;
    for (size_t p = 0; p < positions.size(); ++p) {
      if (auto run = dyn_cast<plan::RunOp>(positions[p])) {
        SmallVector<Value> written(run.getOutputs());
        if (run.getScratch())
          written.push_back(run.getScratch());
        for (Value output : written)
          if (!isInput(getLife(output)) &&
              failed(admit(run, getLife(output), alive)))
            return failure();
      } else if (failed(
                     checkPoison(cast<plan::PoisonOp>(positions[p]), alive))) {
        return failure();
      }
      for (SlotLife *life : dying[p])
        for (auto entry = alive.lower_bound(life->offset); entry != alive.end();
             ++entry)
          if (entry->second == life) {
            alive.erase(entry);
            break;
          }
    }
    return success();
  }

  /// Calls `visit` for every slot alive in [offset, end).
  template <typename Visit>
  static LogicalResult visitOverlaps(std::multimap<int64_t, SlotLife *> &alive,
                                     int64_t offset, int64_t end, Visit visit) {
    for (auto &[start, other] : alive) {
      if (start >= end)
        break;
      if (other->end() > offset && failed(visit(*other)))
        return failure();
    }
    return success();
  }

  LogicalResult admit(plan::RunOp run, SlotLife &life,
                      std::multimap<int64_t, SlotLife *> &alive) {
    LogicalResult checked = visitOverlaps(
        alive, life.offset, life.end(), [&](SlotLife &other) -> LogicalResult {
          if (mayShare(run, life, other))
            return success();
          InFlightDiagnostic error = run.emitOpError()
                                     << "writes [" << life.offset << ", "
                                     << life.end() << "), but [" << other.offset
                                     << ", " << other.end() << ") is alive";
          error.attachNote(other.writer->getLoc())
              << "it is written here and needed until run #" << other.last();
          return error;
        });
    if (succeeded(checked))
      alive.insert({life.offset, &life});
    return checked;
  }

  /// Of the slots alive, `other` may share its bytes with the result `life`.
  bool mayShare(plan::RunOp run, SlotLife &life, SlotLife &other) {
    for (auto [index, output] : llvm::enumerate(run.getOutputs())) {
      if (output != life.slot.getSlot())
        continue;
      if (Value viewed = findShared(run, index, /*view=*/true))
        return sharesBytes(getLife(viewed), life, other);
      Value overwritten = findShared(run, index, /*view=*/false);
      // Other slots in the same bytes (what the operand is a view of) must die
      // here as well.
      return overwritten && other.last() == life.firstWrite &&
             sharesBytes(getLife(overwritten), life, other) &&
             llvm::count(run.getInputs(), overwritten) == 1;
    }
    return false;
  }

  static bool sharesBytes(const SlotLife &operand, const SlotLife &result,
                          const SlotLife &other) {
    return operand.offset == result.offset && other.offset == result.offset &&
           result.bytes <= operand.bytes;
  }

  LogicalResult checkPoison(plan::PoisonOp poison,
                            std::multimap<int64_t, SlotLife *> &alive) {
    const SlotLife &life = getLife(poison.getSlot());
    if (isInput(life))
      return poison.emitOpError() << "poisons offset " << life.offset
                                  << ", but slots start at " << slotsOffset;
    return visitOverlaps(alive, life.offset, life.end(), [&](SlotLife &other) {
      return poison.emitOpError()
             << "poisons [" << life.offset << ", " << life.end() << "), but ["
             << other.offset << ", " << other.end() << ") is alive";
    });
  }

  func::FuncOp function;
  int64_t arenaBytes, slotsOffset;
  llvm::MapVector<Value, SlotLife> lives;
  std::vector<Operation *> positions;
};

struct VerifyPlanned : impl::VerifyPlannedPassBase<VerifyPlanned> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verifyPlanned(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult verifyPlanned(ModuleOp module) {
  auto arena = module->getAttrOfType<IntegerAttr>(kArenaBytesAttr);
  auto slots = module->getAttrOfType<IntegerAttr>(kSlotsOffsetAttr);
  if (!arena || !slots)
    return module.emitOpError()
           << "expected the attributes '" << kArenaBytesAttr << "' and '"
           << kSlotsOffsetAttr << "' of a planned module";
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(
            ProgramVerifier(function, arena.getInt(), slots.getInt()).verify()))
      return failure();
  return success();
}

} // namespace neap
