#include "passes/Lower/LowerPrograms.h"

#include "dialects/Plan/PlanDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/StepProgram.h"
#include "runtime/include/neap/abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

#include <cstddef>

using namespace mlir;
using namespace neap;

namespace {

//===----------------------------------------------------------------------===//
// Collect: plan.run -> steps, one kernel per distinct operation
//===----------------------------------------------------------------------===//

class StepCollector {
public:
  StepCollector(ModuleOp output, const StorageLayout &storage,
                const KernelTarget &target)
      : output(output), storage(storage), target(target) {}

  FailureOr<std::vector<Step>> collect(func::FuncOp function) {
    std::vector<Step> steps;
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (auto run = dyn_cast<plan::RunOp>(op)) {
        awaitInputs(run, steps);
        FailureOr<Step> step = collectRun(run);
        if (failed(step))
          return failure();
        steps.push_back(std::move(*step));
      } else if (auto poison = dyn_cast<plan::PoisonOp>(op)) {
        steps.push_back(collectPoison(poison));
      }
    }
    return steps;
  }

  const std::vector<LLVM::LLVMFuncOp> &getKernels() const { return kernels; }

private:
  /// A run waits for what it takes and nothing has waited for yet.
  void awaitInputs(plan::RunOp run, std::vector<Step> &steps) {
    for (Value input : run.getInputs())
      if (inFlight.erase(input))
        steps.push_back(collectAwait(run.getLoc(), input));
    if (isa<plan::FetchOp>(run.getOperationToRun()))
      inFlight.insert(run.getOutputs()[0]);
  }

  /// A call of a helper that no operation of the tensor form stands for, made
  /// once for each `key`: void helper(context, address of the slot). `emitBody`
  /// is given both.
  Step collectHelper(
      Location loc, StringRef name, const std::string &key, Value slot,
      function_ref<void(KernelBuilder &, Value context, Value address)>
          emitBody) {
    auto [entry, isNew] = kernelOf.try_emplace(key, int(kernels.size()));
    if (!isNew)
      return {entry->second, {getAddress(slot)}};
    OpBuilder plain = OpBuilder::atBlockEnd(output.getBody());
    KernelBuilder b(loc, plain, target.vectorFloats);
    auto function = LLVM::LLVMFuncOp::create(
        b, "k" + std::to_string(kernels.size()) + "_" + name.str(),
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {b.ptrType(), b.ptrType()}),
        LLVM::Linkage::Internal);
    Block *body = function.addEntryBlock(b);
    b.setInsertionPointToStart(body);
    emitBody(b, body->getArgument(0), body->getArgument(1));
    LLVM::ReturnOp::create(b, ValueRange());
    kernels.push_back(function);
    return {entry->second, {getAddress(slot)}};
  }

  /// The runtime's await.
  Step collectAwait(Location loc, Value slot) {
    return collectHelper(
        loc, "await", "await", slot,
        [](KernelBuilder &b, Value context, Value address) {
          Value callee = LLVM::LoadOp::create(
              b, b.ptrType(),
              b.addressBytes(context, b.index(offsetof(neap_context, await))));
          auto type = LLVM::LLVMFunctionType::get(
              LLVM::LLVMVoidType::get(b.getContext()),
              {b.ptrType(), b.ptrType()});
          LLVM::CallOp::create(b, type, ValueRange{callee, context, address});
        });
  }

  StepOperand getAddress(Value value) const {
    if (auto slot = value.getDefiningOp<plan::SlotOp>())
      return {StepOperand::Arena, int64_t(slot.getOffset())};
    auto handle = value.getDefiningOp<HandleOpInterface>();
    StringRef symbol = handle.getStorageSymbol().getValue();
    switch (handle.getHandleSpace()) {
    case HandleSpace::Weights:
      if (auto resident = storage.residentWeights.find(symbol);
          resident != storage.residentWeights.end())
        return {StepOperand::Arena, resident->second};
      return {StepOperand::Weights, storage.weightOffsets.lookup(symbol)};
    case HandleSpace::AdapterValues:
      return {StepOperand::Arena,
              storage.valuesOffset +
                  4 * storage.parameterElements.lookup(symbol)};
    case HandleSpace::AdapterGradients:
      return {StepOperand::Arena,
              storage.gradientsOffset +
                  4 * storage.parameterElements.lookup(symbol)};
    }
    llvm_unreachable("unknown handle space");
  }

  FailureOr<Step> collectRun(plan::RunOp run) {
    Operation *op = run.getOperationToRun();
    FailureOr<int> kernel = getKernel(op);
    if (failed(kernel))
      return failure();
    Step step{*kernel, {}};
    Block &body = run.getBody().front();
    for (Value operand : op->getOperands())
      step.operands.push_back(getAddress(
          run.getInputs()[cast<BlockArgument>(operand).getArgNumber()]));
    auto yielded = cast<plan::YieldOp>(body.getTerminator()).getValues();
    for (OpResult result : op->getResults()) {
      auto position = llvm::find(yielded, result) - yielded.begin();
      step.operands.push_back(getAddress(run.getOutputs()[position]));
    }
    step.operands.push_back(run.getScratch() ? getAddress(run.getScratch())
                                             : StepOperand());
    for (StringRef name : cast<KernelOpInterface>(op).getRunTimeAttributes())
      step.operands.push_back(
          {StepOperand::Number, op->getAttrOfType<IntegerAttr>(name).getInt()});
    return step;
  }

  /// Same operation, attributes (but for those of run time) and types: same
  /// code. Names are numbered in order of first use, so that the object is
  /// deterministic.
  FailureOr<int> getKernel(Operation *op) {
    auto kernel = dyn_cast<KernelOpInterface>(op);
    if (!kernel)
      return op->emitOpError("has no kernel for this target");
    NamedAttrList attributes(op->getAttrDictionary());
    for (StringRef name : kernel.getRunTimeAttributes())
      attributes.erase(name);
    std::string key = op->getName().getStringRef().str();
    llvm::raw_string_ostream stream(key);
    stream << attributes.getDictionary(op->getContext());
    for (Type type : op->getOperandTypes())
      stream << ' ' << type;
    stream << " ->";
    for (Type type : op->getResultTypes())
      stream << ' ' << type;
    auto [entry, isNew] = kernelOf.try_emplace(key, int(kernels.size()));
    if (!isNew)
      return entry->second;
    Operation *clone = cloneWithStorage(op);
    std::string name = "k" + std::to_string(kernels.size()) + "_" +
                       op->getName().stripDialect().str();
    FailureOr<LLVM::LLVMFuncOp> function =
        KernelEmitter::emit(output, name, clone, target);
    clone->erase();
    if (failed(function))
      return failure();
    kernels.push_back(*function);
    return entry->second;
  }

  /// Ops on the whole adapter area learn where it lies.
  Operation *cloneWithStorage(Operation *op) {
    Operation *clone = op->clone();
    if (op->getNumOperands() || op->getNumResults())
      return clone;
    Builder builder(op->getContext());
    auto set = [&](StringRef name, int64_t value) {
      clone->setAttr(name, builder.getI64IntegerAttr(value));
    };
    set("values_offset", storage.valuesOffset);
    set("gradients_offset", storage.gradientsOffset);
    set("moment1_offset", storage.moment1Offset);
    set("moment2_offset", storage.moment2Offset);
    set("elements", storage.parameterElementCount);
    return clone;
  }

  /// Fills the slot with a quiet NaN pattern.
  Step collectPoison(plan::PoisonOp poison) {
    auto slot = poison.getSlot().getDefiningOp<plan::SlotOp>();
    auto bytes = int64_t(slot.getBytes());
    return collectHelper(
        poison.getLoc(), "poison", "poison " + std::to_string(bytes), slot,
        [&](KernelBuilder &b, Value, Value address) {
          Value nan =
              arith::ConstantOp::create(b, b.getI32IntegerAttr(0x7fc00000));
          b.forLoop(b.index(0), b.index(bytes / 4), 1,
                    [&](Value i) { b.store(nan, address, i); });
        });
  }

  ModuleOp output;
  const StorageLayout &storage;
  KernelTarget target;
  std::map<std::string, int> kernelOf;
  llvm::DenseSet<Value> inFlight; ///< slots that a fetch fills
  std::vector<LLVM::LLVMFuncOp> kernels;
};

//===----------------------------------------------------------------------===//
// Emit: outlined programs -> LLVM functions
//===----------------------------------------------------------------------===//

class ProgramEmitter {
public:
  ProgramEmitter(ModuleOp output, const std::vector<LLVM::LLVMFuncOp> &kernels,
                 const OutlinedPrograms &outlined)
      : kernels(kernels), outlined(outlined),
        plain(OpBuilder::atBlockEnd(output.getBody())),
        b(output.getLoc(), plain, /*vectorFloats=*/1) {}

  void emit() {
    emitTable();
    for (size_t i = 0; i < outlined.bodies.size(); ++i)
      segments.push_back(emitSegment(i));
    for (const auto &[name, program] : outlined.programs)
      emitProgram(name, program);
  }

private:
  LLVM::LLVMFuncOp createFunction(StringRef name, unsigned arguments,
                                  LLVM::Linkage linkage) {
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    SmallVector<Type>(arguments, b.ptrType()));
    auto function = LLVM::LLVMFuncOp::create(b, name, type, linkage);
    // Outlining is what keeps the code small; inlining and specialisation for
    // constant records would undo it.
    function.setNoInline(true);
    function.setPassthroughAttr(b.getStrArrayAttr({"minsize", "optsize"}));
    return function;
  }

  struct Bases {
    Value arena, weights;
  };
  Bases loadBases(Value context) {
    auto field = [&](size_t offset) {
      return LLVM::LoadOp::create(
          b, b.ptrType(), b.addressBytes(context, b.index(int64_t(offset))));
    };
    return {field(offsetof(neap_context, arena)),
            field(offsetof(neap_context, weights))};
  }

  /// What the kernel is passed for an operand of this kind and value.
  Value passOperand(const Bases &bases, StepOperand::Kind kind, Value value) {
    switch (kind) {
    case StepOperand::None:
      return LLVM::ZeroOp::create(b, b.ptrType());
    case StepOperand::Arena:
      return b.addressBytes(bases.arena, value);
    case StepOperand::Weights:
      return b.addressBytes(bases.weights, value);
    case StepOperand::Number:
      return value;
    }
    llvm_unreachable("unknown kind of operand");
  }

  /// void segmentN(context, row, row)
  LLVM::LLVMFuncOp emitSegment(size_t index) {
    const SegmentBody &body = outlined.bodies[index];
    OpBuilder::InsertionGuard guard(b);
    auto function = createFunction("segment" + std::to_string(index),
                                   1 + kRecordRows, LLVM::Linkage::Internal);
    Block *entry = function.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    Value context = entry->getArgument(0);
    Bases bases = loadBases(context);
    for (size_t step = 0; step < body.kernels.size(); ++step) {
      SmallVector<Value> operands{context};
      for (const SegmentBody::Operand &operand : body.operands[step]) {
        Value value = b.index(operand.fixed.value);
        if (operand.row >= 0)
          value =
              b.add(loadColumn(entry->getArgument(1 + unsigned(operand.row)),
                               operand),
                    value);
        operands.push_back(passOperand(bases, operand.fixed.kind, value));
      }
      LLVM::CallOp::create(b, kernels[body.kernels[step]], operands);
    }
    LLVM::ReturnOp::create(b, ValueRange());
    return function;
  }

  Value loadColumn(Value row, const SegmentBody::Operand &operand) {
    Value entry = b.load(row, b.index(int64_t(operand.column)), b.getI32Type());
    return b.mul(arith::ExtUIOp::create(b, b.getI64Type(), entry),
                 getRecordUnit(operand.fixed.kind));
  }

  void emitProgram(StringRef name, const OutlinedProgram &program) {
    OpBuilder::InsertionGuard guard(b);
    auto function = createFunction(name, 1, LLVM::Linkage::External);
    Block *entry = function.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    Value context = entry->getArgument(0);
    Bases bases = loadBases(context);
    for (const OutlinedProgram::Item &item : program.items) {
      if (!item.isSegment) {
        emitStep(context, bases, program.straight[item.index]);
        continue;
      }
      const SegmentUse &use = program.uses[item.index];
      SmallVector<Value> operands{context};
      for (const std::vector<uint32_t> &row : use.rows)
        operands.push_back(getRow(row));
      LLVM::CallOp::create(b, segments[use.body], operands);
    }
    LLVM::ReturnOp::create(b, ValueRange());
  }

  void emitStep(Value context, const Bases &bases, const Step &step) {
    SmallVector<Value> operands{context};
    for (const StepOperand &operand : step.operands)
      operands.push_back(
          passOperand(bases, operand.kind, b.index(operand.value)));
    LLVM::CallOp::create(b, kernels[step.kernel], operands);
  }

  /// The rows of all programs' records one after the other, equal ones once.
  void emitTable() {
    std::vector<uint32_t> entries;
    for (const auto &[name, program] : outlined.programs)
      for (const SegmentUse &use : program.uses)
        for (const std::vector<uint32_t> &row : use.rows)
          if (rowPositions.try_emplace(row, entries.size()).second)
            entries.insert(entries.end(), row.begin(), row.end());
    if (entries.empty())
      return;
    auto type = LLVM::LLVMArrayType::get(b.getI32Type(), entries.size());
    auto tensor =
        RankedTensorType::get({int64_t(entries.size())}, b.getI32Type());
    table = LLVM::GlobalOp::create(
        b, type, /*isConstant=*/true, LLVM::Linkage::Internal, "records",
        DenseElementsAttr::get(tensor, ArrayRef(entries)));
  }

  Value getRow(const std::vector<uint32_t> &row) {
    if (row.empty())
      return LLVM::ZeroOp::create(b, b.ptrType());
    return b.address(LLVM::AddressOfOp::create(b, table),
                     b.index(int64_t(rowPositions.at(row))), b.getI32Type());
  }

  const std::vector<LLVM::LLVMFuncOp> &kernels;
  const OutlinedPrograms &outlined;
  OpBuilder plain;
  KernelBuilder b;
  std::vector<LLVM::LLVMFuncOp> segments;
  LLVM::GlobalOp table;
  /// First entry of a row in the table.
  std::map<std::vector<uint32_t>, size_t> rowPositions;
};

} // namespace

/// Every array that a program names has a place.
static LogicalResult checkStorage(ModuleOp planned,
                                  const StorageLayout &storage) {
  WalkResult result = planned.walk([&](HandleOpInterface handle) {
    StringRef symbol = handle.getStorageSymbol().getValue();
    bool isWeight = handle.getHandleSpace() == HandleSpace::Weights;
    if ((isWeight ? storage.weightOffsets : storage.parameterElements)
            .contains(symbol))
      return WalkResult::advance();
    handle.emitOpError() << "expected the storage layout to place the "
                         << (isWeight ? "weight '" : "parameter '") << symbol
                         << "'";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

FailureOr<OwningOpRef<ModuleOp>>
neap::lowerPrograms(ModuleOp planned, const StorageLayout &storage,
                    const KernelTarget &target) {
  if (failed(checkStorage(planned, storage)))
    return failure();
  OwningOpRef<ModuleOp> output = ModuleOp::create(planned.getLoc());
  StepCollector collector(*output, storage, target);
  std::map<std::string, std::vector<Step>> programs;
  for (func::FuncOp function : planned.getOps<func::FuncOp>()) {
    FailureOr<std::vector<Step>> steps = collector.collect(function);
    if (failed(steps))
      return failure();
    programs[function.getName().str()] = std::move(*steps);
  }
  OutlinedPrograms outlined = outline(programs);
  ProgramEmitter(*output, collector.getKernels(), outlined).emit();
  return output;
}
