#include "passes/Lower/KernelEmitter.h"

#include "runtime/include/neap/abi.h"

#include <cstddef>

using namespace mlir;
using namespace neap;

KernelEmitter::KernelEmitter(ModuleOp module, StringRef name, Operation *op,
                             const KernelTarget &target)
    : module(module), name(name), op(op), target(target),
      builder(op->getLoc(), OpBuilder(module.getContext()),
              target.vectorFloats) {}

LLVM::LLVMFuncOp KernelEmitter::createFunction(StringRef functionName,
                                               TypeRange arguments) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  SmallVector<Type>(arguments));
  auto function = LLVM::LLVMFuncOp::create(builder, functionName, type,
                                           LLVM::Linkage::Internal);
  function.addEntryBlock(builder);
  return function;
}

FailureOr<LLVM::LLVMFuncOp> KernelEmitter::emit(ModuleOp module, StringRef name,
                                                Operation *op,
                                                const KernelTarget &target) {
  auto kernel = dyn_cast<KernelOpInterface>(op);
  if (!kernel)
    return op->emitOpError("has no kernel for this target");
  KernelEmitter emitter(module, name, op, target);
  KernelBuilder &b = emitter.builder;
  emitter.scratchSizes = kernel.getScratch(target);

  emitter.runTimeNames = kernel.getRunTimeAttributes();
  unsigned addresses = op->getNumOperands() + op->getNumResults();
  SmallVector<Type> types(addresses + 2, b.ptrType());
  types.append(emitter.runTimeNames.size(), b.getI64Type());
  LLVM::LLVMFuncOp function = emitter.createFunction(name, types);
  // One copy, however many calls: its arguments would be set up at each.
  function.setNoInline(true);
  Block &entry = function.getBody().front();
  auto arguments = entry.getArguments();
  emitter.context = arguments.front();
  emitter.scratch = arguments[1 + addresses];
  for (Value number : arguments.drop_front(2 + addresses))
    emitter.runTimeValues.push_back(number);
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    emitter.inputs.push_back(arguments[1 + i]);
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    emitter.outputs.push_back(arguments[1 + op->getNumOperands() + i]);

  b.setInsertionPointToStart(&entry);
  if (failed(kernel.emitKernel(emitter)))
    return failure();
  b.setInsertionPointToEnd(&entry);
  LLVM::ReturnOp::create(b, ValueRange());
  return function;
}

//===----------------------------------------------------------------------===//
// Context
//===----------------------------------------------------------------------===//

Value KernelEmitter::loadContext(size_t offset, Type type) {
  Value pointer = builder.addressBytes(context, builder.index(int64_t(offset)));
  return LLVM::LoadOp::create(builder, type, pointer);
}
void KernelEmitter::storeContext(Value value, size_t offset) {
  LLVM::StoreOp::create(
      builder, value,
      builder.addressBytes(context, builder.index(int64_t(offset))));
}
Value KernelEmitter::getTokenCount() {
  return loadContext(offsetof(neap_context, token_count), builder.getI64Type());
}
Value KernelEmitter::getThreadCount() {
  return loadContext(offsetof(neap_context, thread_count),
                     builder.getI64Type());
}
Value KernelEmitter::getRunTimeAttribute(StringRef attribute) const {
  auto found = llvm::find(runTimeNames, attribute);
  return runTimeValues[found - runTimeNames.begin()];
}
Value KernelEmitter::getThreadScratch(Value thread) {
  Value offset = builder.add(builder.mul(thread, scratchSizes.perThreadBytes),
                             scratchSizes.sharedBytes);
  return builder.addressBytes(scratch, offset);
}

//===----------------------------------------------------------------------===//
// Parallel loops
//===----------------------------------------------------------------------===//

Value KernelEmitter::allocateCells(int64_t count) {
  // In the entry block, so that a parallel loop inside a loop reuses the bytes.
  OpBuilder::InsertionGuard guard(builder);
  auto function = builder.getInsertionBlock()->getParentOp();
  if (!isa<LLVM::LLVMFuncOp>(function))
    function = function->getParentOfType<LLVM::LLVMFuncOp>();
  builder.setInsertionPointToStart(
      &cast<LLVM::LLVMFuncOp>(function).getBody().front());
  return LLVM::AllocaOp::create(builder, builder.ptrType(),
                                builder.getI64Type(), builder.index(count), 8);
}

void KernelEmitter::parallel(
    Value taskCount, ValueRange captures,
    function_ref<void(Value, Value, ValueRange)> body) {
  KernelBuilder &b = builder;
  // The arguments travel in one array of 8-byte cells on the caller's stack.
  Values cells(inputs);
  cells.append(outputs);
  cells.push_back(scratch);
  cells.append(runTimeValues);
  cells.append(captures.begin(), captures.end());

  std::string taskName = name + "_task" + std::to_string(taskNumber++);
  LLVM::LLVMFuncOp task = createFunction(
      taskName, {b.ptrType(), b.ptrType(), b.getI64Type(), b.getI64Type()});

  Value args = allocateCells(cells.size());
  for (auto [i, cell] : llvm::enumerate(cells))
    b.store(cell, args, b.index(i));
  Value parallelFor =
      loadContext(offsetof(neap_context, parallel_for), b.ptrType());
  Value address = LLVM::AddressOfOp::create(b, task);
  auto callee = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()),
      {b.ptrType(), b.ptrType(), b.ptrType(), b.getI64Type()});
  LLVM::CallOp::create(
      b, callee, ValueRange{parallelFor, context, address, args, taskCount});

  // Inside the task every address is read back from the array.
  OpBuilder::InsertionGuard guard(b);
  Values outerInputs = inputs, outerOutputs = outputs;
  Values outerNumbers = runTimeValues;
  Value outerContext = context, outerScratch = scratch;
  Block &entry = task.getBody().front();
  b.setInsertionPointToStart(&entry);
  context = entry.getArgument(0);
  Values loaded;
  for (auto [i, cell] : llvm::enumerate(cells))
    loaded.push_back(b.load(entry.getArgument(1), b.index(i), cell.getType()));
  ArrayRef<Value> rest = loaded;
  inputs.assign(rest.take_front(inputs.size()).begin(),
                rest.take_front(inputs.size()).end());
  rest = rest.drop_front(inputs.size());
  outputs.assign(rest.take_front(outputs.size()).begin(),
                 rest.take_front(outputs.size()).end());
  rest = rest.drop_front(outputs.size());
  scratch = rest.front();
  rest = rest.drop_front();
  runTimeValues.assign(rest.take_front(runTimeValues.size()).begin(),
                       rest.take_front(runTimeValues.size()).end());
  rest = rest.drop_front(runTimeValues.size());
  body(entry.getArgument(2), entry.getArgument(3), ValueRange(rest));
  LLVM::ReturnOp::create(b, ValueRange());

  inputs = outerInputs;
  outputs = outerOutputs;
  context = outerContext;
  scratch = outerScratch;
  runTimeValues = outerNumbers;
}

void KernelEmitter::parallelRanges(
    Value count, int64_t granule,
    function_ref<void(Value, Value, Value)> body) {
  // Four ranges per thread: a slow core delays the rest by a quarter of its
  // share at most.
  KernelBuilder &b = builder;
  Value granules = b.ceilDiv(count, granule);
  Value wanted = b.mul(getThreadCount(), 4);
  Value tasks = b.min(granules, wanted);
  parallel(tasks, {count, granules, tasks},
           [&](Value task, Value thread, ValueRange captured) {
             auto boundary = [&](Value number) {
               Value granulesBefore =
                   b.div(b.mul(captured[1], number), captured[2]);
               return b.min(b.mul(granulesBefore, granule), captured[0]);
             };
             body(boundary(task), boundary(b.add(task, 1)), thread);
           });
}
