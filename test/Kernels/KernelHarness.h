// Runs one operation's kernel in process on given arrays: the harness of every
// kernel test and benchmark.
#ifndef NEAP_TEST_KERNELS_KERNELHARNESS_H
#define NEAP_TEST_KERNELS_KERNELHARNESS_H

#include "dialects/Interfaces/KernelTarget.h"
#include "runtime/include/neap/abi.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm::orc {
class LLJIT;
}

namespace neap::test {

/// A compiled kernel. `source` is MLIR text of a module with one func.func
/// whose body holds exactly one operation with the kernel to test and a return;
/// handles come in as function arguments.
class CompiledKernel {
public:
  CompiledKernel(const std::string &source, const KernelTarget &target);
  ~CompiledKernel();

  /// Calls the kernel with `inputs` (one address per operand, in order) and
  /// `outputs` on `threads` threads of its own pool, for a row of `tokens`.
  /// Scratch is filled with NaN first. Fields of `context` other than tokens,
  /// threads and parallel_for are passed through and can be read back.
  void run(const std::vector<const void *> &inputs,
           const std::vector<void *> &outputs, int64_t tokens, int threads = 1);

  /// For callers that time a kernel: the addresses of one call, scratch
  /// included, and the call alone, with `context` as the caller set it.
  std::vector<void *> bind(const std::vector<const void *> &inputs,
                           const std::vector<void *> &outputs);
  void call(std::vector<void *> &cells) { entry(&context, cells.data()); }

  neap_context context = {};
  int64_t getScratchBytes() const { return scratch.size() * 4; }
  int64_t getCodeBytes() const { return codeBytes; }

private:
  std::unique_ptr<mlir::MLIRContext> mlirContext;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*entry)(neap_context *, void **) = nullptr;
  std::vector<float> scratch;
  int64_t codeBytes = 0;
};

/// LLVM feature string of this machine, limited to what kernels use, and a
/// target with matching vector width.
std::string getHostFeatures();
KernelTarget getHostTarget(int64_t maxTokens, int64_t maxThreads);

} // namespace neap::test
#endif
