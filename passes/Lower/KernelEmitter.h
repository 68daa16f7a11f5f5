// What an op's emitKernel() writes into: one function per distinct op, its
// addresses, and parallel loops.
//
// A kernel is `void kernel(context, input addresses..., output addresses...,
// scratch, run-time attributes...)`; a parallel loop's body becomes a second
// function `void task(context, args, task, thread)` that the runtime calls from
// its threads (runtime/include/neap/abi.h). Both are internal to the object.
#ifndef NEAP_PASSES_LOWER_KERNELEMITTER_H
#define NEAP_PASSES_LOWER_KERNELEMITTER_H

#include "dialects/Interfaces/Interfaces.h"
#include "passes/Lower/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace neap {

class KernelEmitter {
public:
  using Values = KernelBuilder::Values;

  /// Creates `name` in `module` for `op` (in tensor form) and calls the op's
  /// emitKernel. Fails with a diagnostic on `op` if it has no kernel.
  static mlir::FailureOr<mlir::LLVM::LLVMFuncOp>
  emit(mlir::ModuleOp module, mlir::StringRef name, mlir::Operation *op,
       const KernelTarget &target);

  mlir::Operation *getOp() const { return op; }
  const KernelTarget &getTarget() const { return target; }
  KernelBuilder &getBuilder() { return builder; }

  /// Addresses in the function being written (kernel or task): operand i,
  /// result i, scratch base. An absent optional operand has no input.
  mlir::Value getInput(unsigned index) const { return inputs[index]; }
  mlir::Value getOutput(unsigned index) const { return outputs[index]; }
  mlir::Value getSharedScratch() const { return scratch; }
  /// Scratch of one thread; call it inside a parallel body.
  mlir::Value getThreadScratch(mlir::Value thread);

  /// The value (i64) of one of the op's run-time attributes
  /// (KernelOpInterface).
  mlir::Value getRunTimeAttribute(mlir::StringRef attribute) const;

  /// Tokens of the current row (i64, at least 1).
  mlir::Value getTokenCount();
  /// Threads of this run (i64); must not influence results.
  mlir::Value getThreadCount();
  /// A field of neap_context, by its byte offset.
  mlir::Value loadContext(size_t offset, mlir::Type type);
  void storeContext(mlir::Value value, size_t offset);
  mlir::Value getContext() const { return context; }

  /// Runs body(task, thread, captured) for each task in [0, taskCount), on all
  /// threads. Only the emitter's own addresses and `captures` (i64 or pointer)
  /// may be used inside: the body is a function of its own. Tasks must write
  /// disjoint bytes, and a task's result must not depend on the thread.
  void parallel(mlir::Value taskCount, mlir::ValueRange captures,
                llvm::function_ref<void(mlir::Value task, mlir::Value thread,
                                        mlir::ValueRange captured)>
                    body);

  /// Splits [0, count) into contiguous ranges, a few per thread so that unequal
  /// cores stay busy, each range a multiple of `granule` long (the last may be
  /// shorter), and runs body(begin, end, thread) for each.
  void
  parallelRanges(mlir::Value count, int64_t granule,
                 llvm::function_ref<void(mlir::Value begin, mlir::Value end,
                                         mlir::Value thread)>
                     body);

  /// The current token rows split over threads.
  void
  parallelTokens(llvm::function_ref<void(mlir::Value begin, mlir::Value end,
                                         mlir::Value thread)>
                     body) {
    parallelRanges(getTokenCount(), 1, body);
  }

private:
  KernelEmitter(mlir::ModuleOp module, mlir::StringRef name,
                mlir::Operation *op, const KernelTarget &target);
  mlir::LLVM::LLVMFuncOp createFunction(mlir::StringRef name,
                                        mlir::TypeRange arguments);

  mlir::Value allocateCells(int64_t count);

  mlir::ModuleOp module;
  std::string name;
  mlir::Operation *op;
  KernelTarget target;
  KernelScratch scratchSizes;
  KernelBuilder builder;
  mlir::Value context, scratch;
  Values inputs, outputs;
  llvm::SmallVector<llvm::StringRef> runTimeNames;
  Values runTimeValues;
  int taskNumber = 0;
};

} // namespace neap
#endif
