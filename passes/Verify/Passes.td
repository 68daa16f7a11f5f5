#ifndef NEAP_VERIFY_PASSES_TD
#define NEAP_VERIFY_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyImportedPass : Pass<"verify-imported", "::mlir::ModuleOp"> {
  let summary = "check what import promises";
  let description = [{
    Input: what import makes. Output: the same, or a diagnostic.
    (1) `plan.max_tokens` is a positive i64; (2) the module holds weight declarations
    and one function @forward(tensor<?xi32>) -> tensor<?xVxf32> of one block; (3) its
    body holds only operations of the graph dialect and the return, all free of
    effects; (4) every operation names its ONNX node in its location.
    Assumes: nothing beyond valid IR.
    Cost: linear in the module.

    Accepted and refused by `--verify-imported`:

    ```mlir
    module attributes {plan.max_tokens = 8 : i64} {
      func.func @forward(%ids: tensor<?xi32>) -> tensor<?x4xf32> {
        %x = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>}
            : (tensor<?xi32>) -> tensor<?x4xf32> loc("/rotary/Cos")
        return %x : tensor<?x4xf32>
      }
    }
    ```
    ```mlir
    module attributes {plan.max_tokens = 8 : i64} {
      func.func @forward(%ids: tensor<?xi32>) -> tensor<?x4xf32> {
        %x = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>}
            : (tensor<?xi32>) -> tensor<?x4xf32> // no ONNX node
        return %x : tensor<?x4xf32>
      }
    }
    ```
  }];
}

def VerifyJointPass : Pass<"verify-joint", "::mlir::ModuleOp"> {
  let summary = "check the joint graph before planning";
  let description = [{
    Input: the joint graph (train-append-optimizer). Output: the same, or a
    diagnostic.
    (1) The programs train_row, eval_row, grad_norm and update exist with their
    number of arguments, no results and one block, and no others; (2) their bodies
    hold only operations of the graph and train dialects; (3) train_row and eval_row
    hold one loss each; (4) every parameter's gradient is accumulated in train_row.
    Assumes: nothing beyond valid IR.
    Cost: linear in the module.

    Accepted and refused by `--verify-joint`:

    ```mlir
    graph.weight_decl @w : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
    func.func @train_row(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) {
      %w = graph.weight @w : !graph.weight<16x8xf32>
      train.linear_cross_entropy %x, %w, %labels
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> ()
      return
    }
    func.func @eval_row(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) {
      %w = graph.weight @w : !graph.weight<16x8xf32>
      train.linear_cross_entropy %x, %w, %labels
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> ()
      return
    }
    func.func @grad_norm() {
      train.grad_norm
      return
    }
    func.func @update() {
      train.sgd {momentum = 0.0 : f32, weight_decay = 0.0 : f32}
      return
    }
    ```
    ```mlir
    graph.weight_decl @w : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
    train.parameter @a : !train.adapter<4x8xf32> zero // never accumulated
    func.func @train_row(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) {
      %w = graph.weight @w : !graph.weight<16x8xf32>
      train.linear_cross_entropy %x, %w, %labels
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> ()
      return
    }
    func.func @eval_row(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) {
      %w = graph.weight @w : !graph.weight<16x8xf32>
      train.linear_cross_entropy %x, %w, %labels
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> ()
      return
    }
    func.func @grad_norm() {
      train.grad_norm
      return
    }
    func.func @update() {
      train.sgd {momentum = 0.0 : f32, weight_decay = 0.0 : f32}
      return
    }
    ```
  }];
}

def VerifyLoweredPass : Pass<"verify-lowered", "::mlir::ModuleOp"> {
  let summary = "check the code that will run";
  let description = [{
    Input: the module that is about to become machine code. Output: the same, or a
    diagnostic.
    (1) Only operations of the LLVM dialect are left; (2) every function has a body:
    emitted code calls no library; (3) globals are constant: nothing but the arena
    changes; (4) stack memory is taken in a function's first block, so that its size
    is known.
    Assumes: nothing beyond valid IR.
    Cost: linear in the module.

    Accepted and refused by `--verify-lowered`:

    ```mlir
    llvm.func @kernel(%arena: !llvm.ptr) {
      llvm.return
    }
    ```
    ```mlir
    llvm.func @sinf(f32) -> f32 // a library's
    ```
  }];
}

#endif
