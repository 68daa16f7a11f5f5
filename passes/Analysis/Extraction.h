//===- Extraction.h - From functions to schedules and back ------*- C++ -*-===//
//
// The only place where planning reads operations, and it reads them through
// interfaces alone; ApplySchedule is its inverse.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_ANALYSIS_EXTRACTION_H
#define NEAP_PASSES_ANALYSIS_EXTRACTION_H

#include "dialects/Interfaces/KernelTarget.h"
#include "passes/Analysis/Schedule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <string>

namespace neap {

/// Rates of the device for the cost model.
struct DeviceRates {
  int64_t mflops = 1000;     ///< sustained, all planned threads together
  int64_t memoryMbps = 1000; ///< 10^6 bytes per second
};

/// A device's rates from the module's `plan.device`.
DeviceRates getDeviceRates(mlir::ModuleOp module);

/// A function and its schedule. Steps are the function's operations in order,
/// handle ops and the terminator left out.
struct ExtractedProgram {
  mlir::func::FuncOp function;
  Schedule schedule;
  std::vector<mlir::Operation *> operations; ///< by step
  std::vector<mlir::Value> values;           ///< by schedule value

  mlir::func::FuncOp getFunction() const { return function; }
};

/// Input: a function of one block (verify-ordered holds). Sizes, scratch and
/// cost count for the target's maximum token count. A step's cost is the larger
/// of its arithmetic and its memory traffic at the device's rates; an operation
/// without a cost interface counts its operands and results. Discardable
/// `plan.recomputed` marks are read back. Fails with a diagnostic on an
/// operation that names a buffer rule its operands do not have.
mlir::FailureOr<ExtractedProgram> extractProgram(mlir::func::FuncOp function,
                                                 const KernelTarget &target,
                                                 const DeviceRates &rates);

/// Rewrites the program's function so that its operations follow `schedule`,
/// which must derive from `program.schedule`: operations move, recomputed steps
/// become clones marked with `plan.recomputed`, left-out steps are erased.
/// Handle ops move to the front. Afterwards `program` describes the rewritten
/// function, with `schedule` as its schedule.
void applySchedule(ExtractedProgram &program, const Schedule &schedule);

/// Discardable unit attribute of operations that run a second time; for reports
/// only.
constexpr llvm::StringLiteral kRecomputedAttr = "plan.recomputed";

} // namespace neap

#endif // NEAP_PASSES_ANALYSIS_EXTRACTION_H
