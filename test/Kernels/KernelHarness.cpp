#include "test/Kernels/KernelHarness.h"

#include "compiler/Emit/ObjectCode.h"
#include "dialects/Graph/GraphDialect.h"
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/KernelEmitter.h"
#include "passes/Lower/LlvmPipeline.h"
#include "passes/Lower/RegisterKernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/TargetParser/Host.h"

#include <atomic>
#include <cmath>
#include <thread>

using namespace mlir;
using namespace neap;
using namespace neap::test;

std::string neap::test::getHostFeatures() {
  std::string features;
  auto host = llvm::sys::getHostCPUFeatures();
  for (const char *name :
       {"sse4.2", "popcnt", "avx", "avx2", "fma", "f16c", "bmi", "bmi2",
        "avx512f", "avx512bw", "avx512vl", "avx512dq"})
    if (host.lookup(name))
      features += std::string(features.empty() ? "" : ",") + "+" + name;
  return features;
}

KernelTarget neap::test::getHostTarget(int64_t maxTokens, int64_t maxThreads) {
  KernelTarget target;
  bool wide = llvm::sys::getHostCPUFeatures().lookup("avx512f");
  target.vectorFloats = wide ? 16 : 8;
  target.tileRows = wide ? 8 : 6;
  target.maxTokens = maxTokens;
  target.maxThreads = maxThreads;
  return target;
}

static void parallelFor(neap_context *ctx, neap_task task, void *args,
                        int64_t count) {
  std::atomic<int64_t> next{0};
  auto work = [&](int64_t thread) {
    for (int64_t i; (i = next.fetch_add(1)) < count;)
      task(ctx, args, i, thread);
  };
  std::vector<std::thread> pool;
  for (int64_t thread = 1; thread < ctx->thread_count; ++thread)
    pool.emplace_back(work, thread);
  work(0);
  for (std::thread &worker : pool)
    worker.join();
}

/// void entry(context, void **addresses): unpacks and calls the kernel, with
/// the run-time attributes that `op` has.
static void addEntry(ModuleOp module, LLVM::LLVMFuncOp kernel, Operation *op) {
  OpBuilder b(module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  Location loc = module.getLoc();
  auto ptr = LLVM::LLVMPointerType::get(module.getContext());
  auto entry = LLVM::LLVMFuncOp::create(
      b, loc, "entry",
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()),
                                  {ptr, ptr}));
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  SmallVector<Value> operands{block->getArgument(0)};
  SmallVector<StringRef> numbers =
      cast<KernelOpInterface>(op).getRunTimeAttributes();
  for (unsigned i = 0; i + 1 < kernel.getNumArguments() - numbers.size(); ++i) {
    Value cell = LLVM::GEPOp::create(b, loc, ptr, ptr, block->getArgument(1),
                                     ArrayRef<LLVM::GEPArg>{int32_t(i)});
    operands.push_back(LLVM::LoadOp::create(b, loc, ptr, cell));
  }
  for (StringRef name : numbers)
    operands.push_back(LLVM::ConstantOp::create(
        b, loc, b.getI64Type(), op->getAttrOfType<IntegerAttr>(name)));
  LLVM::CallOp::create(b, loc, kernel, operands);
  LLVM::ReturnOp::create(b, loc, ValueRange());
}

template <typename T> static T check(llvm::Expected<T> value) {
  return llvm::cantFail(std::move(value));
}

CompiledKernel::CompiledKernel(const std::string &source,
                               const KernelTarget &target) {
  DialectRegistry registry;
  registry
      .insert<graph::GraphDialect, train::TrainDialect, func::FuncDialect>();
  registerKernels(registry);
  mlirContext = std::make_unique<MLIRContext>(registry);
  mlirContext->loadAllAvailableDialects();
  auto parsed = parseSourceString<ModuleOp>(source, mlirContext.get());
  if (!parsed)
    llvm::report_fatal_error("kernel test source does not parse");
  Operation *op =
      &*(*parsed->getOps<func::FuncOp>().begin()).getBody().front().begin();

  OwningOpRef<ModuleOp> module = ModuleOp::create(parsed->getLoc());
  auto kernel = KernelEmitter::emit(*module, "kernel", op, target);
  if (failed(kernel))
    llvm::report_fatal_error("kernel emission failed");
  addEntry(*module, *kernel, op);
  if (failed(lowerToLlvmDialect(*module)))
    llvm::report_fatal_error("kernel lowering failed");

  std::string error;
  auto machine =
      createTargetMachine(llvm::sys::getProcessTriple(), getHostFeatures(),
                          error, llvm::Reloc::PIC_);
  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translateToLlvm(*module, *llvmContext, *machine);
  optimize(*llvmModule, *machine);
  auto buffer =
      llvm::MemoryBuffer::getMemBufferCopy(emitObject(*llvmModule, *machine));
  auto object = check(llvm::object::ObjectFile::createObjectFile(*buffer));
  for (const llvm::object::SectionRef &section : object->sections())
    if (section.isText())
      codeBytes += int64_t(section.getSize());

  jit = check(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(jit->addObjectFile(std::move(buffer)));
  entry =
      check(jit->lookup("entry")).toPtr<void (*)(neap_context *, void **)>();
  int64_t bytes = cast<KernelOpInterface>(op).getScratch(target).total(target);
  scratch.resize(bytes / 4 + 16);
}

CompiledKernel::~CompiledKernel() = default;

std::vector<void *>
CompiledKernel::bind(const std::vector<const void *> &inputs,
                     const std::vector<void *> &outputs) {
  std::vector<void *> cells;
  for (const void *input : inputs)
    cells.push_back(const_cast<void *>(input));
  cells.insert(cells.end(), outputs.begin(), outputs.end());
  auto aligned = (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64;
  cells.push_back(reinterpret_cast<void *>(aligned));
  return cells;
}

void CompiledKernel::run(const std::vector<const void *> &inputs,
                         const std::vector<void *> &outputs, int64_t tokens,
                         int threads) {
  std::fill(scratch.begin(), scratch.end(), NAN);
  std::vector<void *> cells = bind(inputs, outputs);
  context.token_count = tokens;
  context.thread_count = threads;
  context.parallel_for = parallelFor;
  call(cells);
}
