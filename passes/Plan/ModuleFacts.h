//===- ModuleFacts.h - What planning reads from a module --------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_MODULEFACTS_H
#define NEAP_PASSES_PLAN_MODULEFACTS_H

#include "passes/Analysis/Extraction.h"
#include "passes/Plan/ArenaLayout.h"

#include "mlir/IR/BuiltinOps.h"

namespace neap {

struct ModuleFacts {
  KernelTarget target;
  std::vector<ExtractedProgram> programs; ///< in the module's order
  /// Parameters and input sizes; the rest is for the caller.
  ArenaDemand demand;
  int64_t weightCount = 0, weightBytes = 0;
  /// Upper bound of the packed file: every weight in a chunk of its own.
  int64_t weightsFileBytes = 0;
};

/// Reads the module through its handle ops and the programs' interfaces.
/// Fails on a declared parameter that no program uses: nothing would say where
/// its arrays lie.
mlir::FailureOr<ModuleFacts> collectModuleFacts(mlir::ModuleOp module);

} // namespace neap

#endif // NEAP_PASSES_PLAN_MODULEFACTS_H
