// LLVM dialect -> optimised LLVM IR -> relocatable object, in process.
#ifndef NEAP_COMPILER_EMIT_OBJECTCODE_H
#define NEAP_COMPILER_EMIT_OBJECTCODE_H

#include "mlir/IR/BuiltinOps.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>

namespace neap {

/// A target machine for exactly the listed features (never a CPU name: those
/// drag in features the device may lack). `features` is LLVM's comma separated
/// form, e.g. "+avx2,+fma". Null and `error` set if the triple is unknown.
std::unique_ptr<llvm::TargetMachine>
createTargetMachine(llvm::StringRef triple, llvm::StringRef features,
                    std::string &error,
                    llvm::Reloc::Model relocation = llvm::Reloc::Static);

/// Translates a module of the LLVM dialect and prepares it for the target.
/// Null after an MLIR diagnostic.
std::unique_ptr<llvm::Module> translateToLlvm(mlir::ModuleOp module,
                                              llvm::LLVMContext &context,
                                              llvm::TargetMachine &machine);

/// LLVM's O2 pipeline. Floating point stays strict: no contraction, no
/// reassociation.
void optimize(llvm::Module &module, llvm::TargetMachine &machine);

/// The module as a relocatable object file's bytes.
std::string emitObject(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace neap
#endif
