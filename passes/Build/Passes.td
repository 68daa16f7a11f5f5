#ifndef NEAP_BUILD_PASSES_TD
#define NEAP_BUILD_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApplyLoraPass : Pass<"train-apply-lora", "::mlir::ModuleOp"> {
  let summary = "add low-rank adapters to the named linear layers";
  let description = [{
    Input: @forward in graph operations (verify-imported) whose linear layers carry
    their module path in the location. Output: the same function with, for each
    target, two train.parameter symbols and, after the layer, train.lora_down and
    train.lora_up, behind train.dropout if there is any.
    Assumes: every target names exactly one layer; anything else is an error.
    Cost: linear in the module.

    Before and after `--train-apply-lora=targets=a.up:4:2.0`:

    ```mlir
    func.func @forward(%x: tensor<?x8xf32>, %w: !graph.weight<12x8xf32>)
        -> tensor<?x12xf32> {
      %y = graph.linear %x, %w
          : (tensor<?x8xf32>, !graph.weight<12x8xf32>) -> tensor<?x12xf32>
          loc("/a/up/MatMul"("a.up"))
      return %y : tensor<?x12xf32>
    }
    ```
    ```mlir
    train.parameter @base_model.model.a.up.lora_A.weight
        : !train.adapter<4x8xf32> uniform {init_scale = 0.353553385 : f32}
    train.parameter @base_model.model.a.up.lora_B.weight
        : !train.adapter<4x12xf32> zero {transposed}
    func.func @forward(%arg0: tensor<?x8xf32>, %arg1: !graph.weight<12x8xf32>)
        -> tensor<?x12xf32> {
      %0 = graph.linear %arg0, %arg1 : (tensor<?x8xf32>, !graph.weight<12x8xf32>)
          -> tensor<?x12xf32>
      %1 = train.value @base_model.model.a.up.lora_A.weight : <4x8xf32>
      %2 = train.value @base_model.model.a.up.lora_B.weight : <4x12xf32>
      %3 = train.lora_down %arg0, %1 : (tensor<?x8xf32>, !train.adapter<4x8xf32>)
          -> tensor<?x4xf32>
      %4 = train.lora_up %3, %2, %0 {scale = 2.000000e+00 : f32}
          : (tensor<?x4xf32>, !train.adapter<4x12xf32>, tensor<?x12xf32>)
          -> tensor<?x12xf32>
      return %4 : tensor<?x12xf32>
    }
    ```
  }];
  let options = [
    ListOption<"targets", "targets", "std::string",
               "adapters as path:rank:scaling[:dropout]">];
  let statistics = [Statistic<"numAdapted", "num-adapted", "layers that got an adapter">];
  let dependentDialects = ["::neap::train::TrainDialect"];
}

def AttachLossPass : Pass<"train-attach-loss", "::mlir::ModuleOp"> {
  let summary = "fuse the output projection with the causal loss";
  let description = [{
    Input: @forward(ids) that returns logits made by graph.linear. Output:
    @train_row(ids, labels) ending in train.linear_cross_entropy with its gradient,
    and @eval_row(ids, labels) with the loss alone and without dropout; @forward is
    gone.
    Assumes: labels come shifted. Logits that are not a frozen linear layer's result
    (an adapter on the output projection) are an error.
    Cost: linear in the module, which it copies once.

    Before and after `--train-attach-loss`:

    ```mlir
    func.func @forward(%x: tensor<?x8xf32>, %w: !graph.weight<16x8xf32>)
        -> tensor<?x16xf32> {
      %d = train.dropout %x {probability = 0.1 : f32, stream = 0 : i64}
          : (tensor<?x8xf32>) -> tensor<?x8xf32>
      %y = graph.linear %d, %w
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>) -> tensor<?x16xf32>
      return %y : tensor<?x16xf32>
    }
    ```
    ```mlir
    func.func @train_row(%arg0: tensor<?x8xf32>, %arg1: !graph.weight<16x8xf32>,
        %arg2: tensor<?xi32>) {
      %0 = train.dropout %arg0 {probability = 1.000000e-01 : f32, stream = 0 : i64}
          : (tensor<?x8xf32>) -> tensor<?x8xf32>
      %1 = train.linear_cross_entropy %0, %arg1, %arg2
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      return
    }
    func.func @eval_row(%arg0: tensor<?x8xf32>, %arg1: !graph.weight<16x8xf32>,
        %arg2: tensor<?xi32>) {
      train.linear_cross_entropy %arg0, %arg1, %arg2
          : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["::neap::train::TrainDialect"];
}

def BuildBackwardPass : Pass<"train-build-backward", "::mlir::func::FuncOp"> {
  let summary = "append the backward pass of the active ops";
  let description = [{
    Input: a function of one block with one loss (DifferentiableOpInterface::isLoss)
    that returns a gradient. Output: the same forward part followed by the adjoints
    in reverse order, of those operations alone that lie between a trainable handle
    and the loss. Gradients of a value with several uses are added in the order in
    which they arise.
    Assumes: a forward part without adjoints. A second loss, and an active operation
    without an adjoint, are errors; a function without such a loss is left alone.
    Cost: linear in the function.

    Before and after `--train-build-backward`:

    ```mlir
    train.parameter @a : !train.adapter<4x8xf32> zero
    func.func @train_row(%x: tensor<?x8xf32>, %w: !graph.weight<16x4xf32>,
                         %labels: tensor<?xi32>) {
      %a = train.value @a : !train.adapter<4x8xf32>
      %h = train.lora_down %x, %a
          : (tensor<?x8xf32>, !train.adapter<4x8xf32>) -> tensor<?x4xf32>
      %d = train.linear_cross_entropy %h, %w, %labels
          : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
      return
    }
    ```
    ```mlir
    train.parameter @a : !train.adapter<4x8xf32> zero
    func.func @train_row(%arg0: tensor<?x8xf32>, %arg1: !graph.weight<16x4xf32>,
        %arg2: tensor<?xi32>) {
      %0 = train.value @a : <4x8xf32>
      %1 = train.lora_down %arg0, %0 : (tensor<?x8xf32>, !train.adapter<4x8xf32>)
          -> tensor<?x4xf32>
      %2 = train.linear_cross_entropy %1, %arg1, %arg2
          : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
      %3 = train.gradient @a : <4x8xf32>
      train.accumulate_outer %2, %arg0, %3
          : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<4x8xf32>
      return
    }
    ```
  }];
  let statistics = [Statistic<"numActive", "num-active", "ops with an adjoint">];
  let dependentDialects = ["::neap::train::TrainDialect"];
}

def FuseAccumulationPass : Pass<"train-fuse-accumulation", "::mlir::func::FuncOp"> {
  let summary = "turn sums into accumulation by the ops that produce the terms";
  let description = [{
    Input: a function in tensor form, of the model or with its backward part. Output:
    the same sums; `add(a, f(...))`, where f can accumulate
    (AccumulatingOpInterface), has no initial value and no other use, becomes
    `f(..., init = a)` at the place of the addition: one buffer and one pass over
    memory less.
    Assumes: nothing is planned yet, so that every plan of a job computes the same
    sums in the same order.
    Cost: linear in the function.

    Before and after `--train-fuse-accumulation`:

    ```mlir
    func.func @f(%a: tensor<?x8xf32>, %dy: tensor<?x4xf32>, %w: !graph.weight<4x8xf32>)
        -> tensor<?x8xf32> {
      %dx = graph.linear_backward %dy, %w
          : (tensor<?x4xf32>, !graph.weight<4x8xf32>) -> tensor<?x8xf32>
      %sum = graph.add %a, %dx : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      return %sum : tensor<?x8xf32>
    }
    ```
    ```mlir
    func.func @f(%arg0: tensor<?x8xf32>, %arg1: tensor<?x4xf32>,
        %arg2: !graph.weight<4x8xf32>) -> tensor<?x8xf32> {
      %0 = graph.linear_backward %arg1, %arg2, %arg0
          : (tensor<?x4xf32>, !graph.weight<4x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      return %0 : tensor<?x8xf32>
    }
    ```
  }];
  let statistics = [Statistic<"numFused", "num-fused", "additions removed">];
}

def AppendOptimizerPass : Pass<"train-append-optimizer", "::mlir::ModuleOp"> {
  let summary = "add the programs that finish an optimizer step";
  let description = [{
    Input: a module without @grad_norm and @update. Output: the same with both, each
    of one operation. `optimizer` is adamw or sgd; options that the optimizer does
    not use are ignored.
    Assumes: nothing of the rest of the module.
    Cost: constant.

    Before and after `--train-append-optimizer=optimizer=sgd`:

    ```mlir
    train.parameter @a : !train.adapter<4x8xf32> zero
    ```
    ```mlir
    train.parameter @a : !train.adapter<4x8xf32> zero
    func.func @grad_norm() {
      train.grad_norm
      return
    }
    func.func @update() {
      train.sgd {momentum = 0.000000e+00 : f32, weight_decay = 0.000000e+00 : f32}
      return
    }
    ```
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"", "adamw or sgd">,
    Option<"beta1", "beta1", "double", "0.9", "decay of the first moment">,
    Option<"beta2", "beta2", "double", "0.999", "decay of the second moment">,
    Option<"epsilon", "epsilon", "double", "1e-8", "added to the denominator">,
    Option<"momentum", "momentum", "double", "0.0", "momentum of sgd">,
    Option<"weightDecay", "weight-decay", "double", "0.0", "decoupled (adamw) or L2 (sgd)">];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::neap::train::TrainDialect"];
}

#endif
