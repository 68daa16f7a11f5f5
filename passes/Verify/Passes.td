#ifndef NEAP_VERIFY_PASSES_TD
#define NEAP_VERIFY_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyImportedPass : Pass<"verify-imported", "::mlir::ModuleOp"> {
  let summary = "check what import promises";
  let description = [{
    (1) `plan.max_tokens` is a positive i64; (2) the module holds weight
    declarations and one function @forward(tensor<?xi32>) -> tensor<?xVxf32>;
    (3) its body holds only operations of the graph dialect and the return, all
    free of effects; (4) every operation names its ONNX node in its location.
  }];
}

def VerifyJointPass : Pass<"verify-joint", "::mlir::ModuleOp"> {
  let summary = "check the joint graph before planning";
  let description = [{
    (1) The programs train_row, eval_row, grad_norm and update exist with their
    signatures and no others; (2) their bodies hold only operations of the graph
    and train dialects; (3) train_row and eval_row hold one loss each; (4) every
    parameter's gradient is accumulated in train_row.
  }];
}

def VerifyLoweredPass : Pass<"verify-lowered", "::mlir::ModuleOp"> {
  let summary = "check the code that will run";
  let description = [{
    (1) Only operations of the LLVM dialect are left; (2) every function has a
    body: emitted code calls no library; (3) globals are constant: nothing but
    the arena changes; (4) stack memory is taken in a function's first block, so
    that its size is known.
  }];
}

#endif
