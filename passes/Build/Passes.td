#ifndef NEAP_BUILD_PASSES_TD
#define NEAP_BUILD_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApplyLoraPass : Pass<"train-apply-lora", "::mlir::ModuleOp"> {
  let summary = "add low-rank adapters to the named linear layers";
  let description = [{
    Input: @forward in graph ops whose linear layers carry their module path in
    the location. Output: for each target two train.parameter symbols and, after
    the layer, lora_down and lora_up. Assumes that targets name existing layers;
    an unknown one is an error. Cost: linear in the module.

    ```mlir
    %y = graph.linear %x, %w                     // module path a.b
    // targets=a.b:8:2.0 gives
    %y0 = graph.linear %x, %w
    %h = train.lora_down %x, %A {scale = 1.0}    // + train.dropout before, if any
    %y = train.lora_up %h, %B, %y0 {scale = 2.0}
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
    Input: @forward(ids) returning logits made by graph.linear. Output:
    @train_row(ids, labels) ending in train.linear_cross_entropy with its
    gradient, and @eval_row(ids, labels) with the loss alone; @forward is gone.
    Labels come shifted. Fails if the logits are not a frozen linear layer's
    result (an adapter on the output projection).
  }];
  let dependentDialects = ["::neap::train::TrainDialect"];
}

def BuildBackwardPass : Pass<"train-build-backward", "::mlir::func::FuncOp"> {
  let summary = "append the backward pass of the active ops";
  let description = [{
    Input: a function with one loss op (DifferentiableOpInterface::isLoss).
    Output: the same forward followed by adjoints in reverse order, restricted
    to ops on a path from a trainable handle to the loss. Gradients of a value
    with several uses are summed in the order in which they arise. An active op
    without a differentiable interface is an error. Functions without a loss
    that returns a gradient are left alone.
  }];
  let statistics = [Statistic<"numActive", "num-active", "ops with an adjoint">];
  let dependentDialects = ["::neap::train::TrainDialect"];
}

def FuseAccumulationPass : Pass<"train-fuse-accumulation", "::mlir::func::FuncOp"> {
  let summary = "turn sums into accumulation by the ops that produce the terms";
  let description = [{
    `add(a, f(...))`, where f can accumulate and has no initial value and no
    other use, becomes `f(..., init = a)`: one buffer and one pass over memory
    less. Runs before planning, so that every plan of a job computes the same
    sums in the same order.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "additions removed">];
}

def AppendOptimizerPass : Pass<"train-append-optimizer", "::mlir::ModuleOp"> {
  let summary = "add the programs that finish an optimizer step";
  let description = [{
    Adds @grad_norm and @update, each with one op. `optimizer` is adamw or sgd;
    options that the optimizer does not use are ignored.
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
