#include "passes/Build/Passes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_APPENDOPTIMIZERPASS
#include "passes/Build/Passes.h.inc"
} // namespace neap

namespace {

struct AppendOptimizer : neap::impl::AppendOptimizerPassBase<AppendOptimizer> {
  using AppendOptimizerPassBase::AppendOptimizerPassBase;

  void runOnOperation() override {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    addProgram(builder, kGradNormName,
               [&](Location loc) { train::GradNormOp::create(builder, loc); });
    if (optimizer == "adamw") {
      addProgram(builder, kUpdateName, [&](Location loc) {
        train::AdamWOp::create(builder, loc, f32(beta1), f32(beta2),
                               f32(epsilon), f32(weightDecay));
      });
    } else if (optimizer == "sgd") {
      addProgram(builder, kUpdateName, [&](Location loc) {
        train::SgdOp::create(builder, loc, f32(momentum), f32(weightDecay));
      });
    } else {
      getOperation().emitError()
          << "expected optimizer 'adamw' or 'sgd', but found '" << optimizer
          << "'";
      signalPassFailure();
    }
  }

  static APFloat f32(double value) { return APFloat(float(value)); }

  void addProgram(OpBuilder &builder, StringRef name,
                  llvm::function_ref<void(Location)> body) {
    OpBuilder::InsertionGuard guard(builder);
    Location loc = getOperation().getLoc();
    auto function = func::FuncOp::create(builder, loc, name,
                                         builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    body(loc);
    func::ReturnOp::create(builder, loc);
  }
};

} // namespace
