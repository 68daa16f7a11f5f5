#include "compiler/Emit/ObjectCode.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"

using namespace neap;

static void initializeTargets() {
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::InitializeAllAsmParsers();
}

std::unique_ptr<llvm::TargetMachine>
neap::createTargetMachine(llvm::StringRef triple, llvm::StringRef features,
                          std::string &error, llvm::Reloc::Model relocation) {
  static const bool initialized = (initializeTargets(), true);
  (void)initialized;
  llvm::Triple parsed(triple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(parsed, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.FunctionSections = true;
  options.DataSections = true;
  // An empty CPU is the architecture's baseline; only `features` add to it.
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      parsed, parsed.isX86() ? "x86-64" : "generic", features, options,
      relocation, std::nullopt, llvm::CodeGenOptLevel::Default));
}

std::unique_ptr<llvm::Module>
neap::translateToLlvm(mlir::ModuleOp module, llvm::LLVMContext &context,
                      llvm::TargetMachine &machine) {
  mlir::registerBuiltinDialectTranslation(*module.getContext());
  mlir::registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> result =
      mlir::translateModuleToLLVMIR(module, context);
  if (!result)
    return nullptr;
  result->setDataLayout(machine.createDataLayout());
  result->setTargetTriple(machine.getTargetTriple());
  // Vectors are as wide as the profile says; without this the backend halves
  // 512-bit ones on some processors. Loops that clear or copy stay loops: the
  // object must not call memset or memcpy, nor any other library function.
  for (llvm::Function &function : *result) {
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("no-builtins");
  }
  return result;
}

void neap::optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // Kernels are written vectorised and unrolled; the vectorizers would only
  // change the order of sums' epilogues and grow the code.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

std::string neap::emitObject(llvm::Module &module,
                             llvm::TargetMachine &machine) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  bool unsupported = machine.addPassesToEmitFile(
      passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile);
  assert(!unsupported && "every registered target emits objects");
  (void)unsupported;
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}
