#include "compiler/Pipeline/Register.h"

#include "dialects/Graph/GraphDialect.h"
#include "dialects/Plan/PlanDialect.h"
#include "dialects/Train/TrainDialect.h"
#include "passes/Build/Passes.h"
#include "passes/Lower/LlvmPipeline.h"
#include "passes/Lower/Passes.h"
#include "passes/Lower/RegisterKernels.h"
#include "passes/Plan/Passes.h"
#include "passes/Verify/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"

void neap::registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<graph::GraphDialect, train::TrainDialect, plan::PlanDialect,
                  mlir::func::FuncDialect>();
  registerKernels(registry);
}

void neap::registerPasses() {
  registerNeapBuildPasses();
  registerNeapVerifyPasses();
  registerPlanPasses();
  registerNeapLowerPasses();
  registerLlvmPipeline();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerLoopInvariantCodeMotionPass();
}
