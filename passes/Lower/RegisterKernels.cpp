#include "passes/Lower/RegisterKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

void neap::registerKernels(mlir::DialectRegistry &registry) {
  // What kernels are written in.
  registry.insert<mlir::LLVM::LLVMDialect, mlir::scf::SCFDialect,
                  mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
                  mlir::vector::VectorDialect>();
  registerElementwiseKernels(registry);
  registerNormKernels(registry);
  registerEmbeddingKernels(registry);
  registerRopeKernels(registry);
  registerAttentionKernels(registry);
  registerOptimizerKernels(registry);
  registerLinearKernels(registry);
  registerLoraKernels(registry);
  registerCrossEntropyKernels(registry);
  registerFetchKernels(registry);
}
