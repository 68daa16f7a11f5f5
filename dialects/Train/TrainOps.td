// The train dialect: trainable state and what happens to it in one step.
// Rationale: docs/rationale-train.md.
//
// Adapter arrays are kept with their long dimension innermost: lora_A as
// r x K (as PEFT saves it), lora_B transposed, r x N. Then the forward and
// backward of both factors are the same two kernels, lora_down (contract the
// long dimension) and lora_up (expand into it).
#ifndef NEAP_TRAIN_OPS_TD
#define NEAP_TRAIN_OPS_TD

include "dialects/Graph/GraphBase.td"
include "dialects/Train/TrainEnums.td"

def Train_Dialect : Dialect {
  let name = "train";
  let cppNamespace = "::neap::train";
  let summary = "Adapters, loss, gradient accumulation and optimizer updates.";
  let dependentDialects = ["::neap::graph::GraphDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

// Memory effects of ops that touch state outside the slots.
def Train_LossResource : Resource<"::neap::train::LossResource">;
def Train_GradientResource : Resource<"::neap::train::GradientResource">;
def Train_OptimizerResource : Resource<"::neap::train::OptimizerResource">;

def Train_AdapterType : TypeDef<Train_Dialect, "Adapter",
    [DeclareTypeInterfaceMethods<HandleTypeInterface, ["getStorageBytes"]>]> {
  let mnemonic = "adapter";
  let summary = "handle to an adapter array (value or gradient)";
  let description = [{
    R x N floats in the adapter area of the arena. Example: `!train.adapter<8x2048xf32>`.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

class Train_Op<string mnemonic, list<Trait> traits = []>
    : Op<Train_Dialect, mnemonic, traits>;

def Train_InitKindAttr : EnumAttr<Train_Dialect, Train_InitKind, "init">;

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

def Train_ParameterOp : Train_Op<"parameter", [Symbol]> {
  let summary = "declare a trainable array";
  let description = [{
    p = R x N floats in the adapter area, drawn by `init`: zeros, or uniform in
    [-init_scale, init_scale], or normal with deviation init_scale.
    Shapes: R x N, the stored array; `transposed` says that the saved array is its
    transpose. The symbol name is the PEFT key. The order of declarations is the
    order in the adapter area.

    (C1) the array has rank 2.

    Gradient: accumulated behind train.gradient.

    ```mlir
    train.parameter @q.lora_A.weight : !train.adapter<8x64xf32> uniform {init_scale = 0.125 : f32}
    train.parameter @q.lora_B.weight : !train.adapter<8x32xf32> zero {transposed}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Train_AdapterType>:$type,
    UnitAttr:$transposed, Train_InitKindAttr:$init,
    DefaultValuedAttr<F32Attr, "0.0f">:$init_scale);
  let assemblyFormat = "$sym_name `:` $type $init attr-dict";
}

def Train_ValueOp : Train_Op<"value", [Pure,
    DeclareOpInterfaceMethods<HandleOpInterface>,
    DeclareOpInterfaceMethods<TrainableHandleOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "handle of a parameter's value";
  let description = [{
    handle = address of the parameter's value in the adapter area.
    Shapes: those of the parameter, R x N. Autodiff's activity starts here.

    (C1) `parameter` names a train.parameter; (C2) the handle has its type.

    Gradient: the ops that read the handle add to train.gradient of the same
    parameter.

    ```mlir
    train.parameter @a : !train.adapter<8x64xf32> zero
    %a = train.value @a : !train.adapter<8x64xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs Train_AdapterType:$handle);
  let assemblyFormat = "$parameter attr-dict `:` type($handle)";
}

def Train_GradientOp : Train_Op<"gradient", [Pure,
    DeclareOpInterfaceMethods<HandleOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "handle of a parameter's gradient accumulator";
  let description = [{
    handle = address of the parameter's gradient accumulator.
    Shapes: those of the parameter, R x N.

    (C1) `parameter` names a train.parameter; (C2) the handle has its type.

    Gradient: none, it is an adjoint itself.

    ```mlir
    train.parameter @a : !train.adapter<8x64xf32> zero
    %g = train.gradient @a : !train.adapter<8x64xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs Train_AdapterType:$handle);
  let assemblyFormat = "$parameter attr-dict `:` type($handle)";
}

//===----------------------------------------------------------------------===//
// Adapter arithmetic
//===----------------------------------------------------------------------===//

def Train_LoraDownOp : Train_Op<"lora_down", [Pure, Diff,
    DeclareOpInterfaceMethods<RecomputeCostOpInterface>, BufferUseOpInterface]> {
  let summary = "contract features with a low-rank factor";
  let description = [{
    h[t, r] = scale * sum_k x[t, k] * factor[r, k].
    Shapes: x T x K, factor R x K, h T x R.

    (C1) factor is R x K, x has K columns, h has R.

    Gradient: dx = lora_up(dh, factor) with the same scale; d_factor +=
    accumulate_outer(dh, x) with the same scale.

    ```mlir
    %h = train.lora_down %x, %a
        : (tensor<?x64xf32>, !train.adapter<8x64xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Train_AdapterType:$factor,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let results = (outs Activation:$h);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Train_LoraUpOp : Train_Op<"lora_up", [Pure, Diff, Accumulates, InPlace,
    DeclareOpInterfaceMethods<RecomputeCostOpInterface>]> {
  let summary = "expand a low-rank activation and add it";
  let description = [{
    y[t, n] = base[t, n] + scale * sum_r h[t, r] * factor[r, n].
    Shapes: h T x R, factor R x N, base and y T x N. y may overwrite base.

    (C1) factor is R x N, h has R columns, y has N; (C2) base has y's type.

    Gradient: d_base = dy; dh = lora_down(dy, factor) with the same scale;
    d_factor += accumulate_outer(h, dy) with the same scale.

    ```mlir
    %y = train.lora_up %h, %b, %base {scale = 2.0 : f32}
        : (tensor<?x8xf32>, !train.adapter<8x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Activation:$h, Train_AdapterType:$factor,
                       Optional<Activation>:$base,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let results = (outs Activation:$y);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Train_DropoutOp : Train_Op<"dropout", [Pure, Diff, InPlace, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<RecomputeCostOpInterface>]> {
  let summary = "inverted dropout with a counter-based generator";
  let description = [{
    y[t, n] = x[t, n] * m / (1 - probability), m in {0, 1} drawn from a hash of
    (job seed, row counter, stream, t, n): the same mask whenever the op is run
    again for the row, in recomputation and in the adjoint.
    Shapes: x and y T x N. y may overwrite x.

    (C1) 0 <= probability < 1; (C2) x and y have one type (trait).

    Gradient: dx = dropout(dy) with the same stream.

    ```mlir
    %y = train.dropout %x {probability = 0.1 : f32, stream = 3 : i64}
        : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, F32Attr:$probability, I64Attr:$stream);
  let results = (outs Activation:$y);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Train_AccumulateOuterOp : Train_Op<"accumulate_outer",
    [MemoryEffects<[MemWrite<Train_GradientResource>]>,
     DeclareOpInterfaceMethods<RecomputeCostOpInterface, ["isRecomputable"]>]> {
  let summary = "add a token reduction to a gradient";
  let description = [{
    gradient[r, n] += scale * sum_t h[t, r] * x[t, n], over blocks of 64 tokens,
    last block first, tokens ascending inside a block: the order is part of the
    result and never changes.
    Shapes: h T x R, x T x N, gradient R x N.

    (C1) gradient is R x N, h has R columns, x has N.

    Gradient: none, it is an adjoint itself.

    ```mlir
    train.accumulate_outer %h, %x, %g {scale = 2.0 : f32}
        : tensor<?x8xf32>, tensor<?x64xf32>, !train.adapter<8x64xf32>
    ```
  }];
  let arguments = (ins Activation:$h, Activation:$x, Train_AdapterType:$gradient,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let assemblyFormat = "operands attr-dict `:` type(operands)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

def Train_LinearCrossEntropyOp : Train_Op<"linear_cross_entropy",
    [DeclareOpInterfaceMethods<DifferentiableOpInterface, ["isLoss"]>, MemoryEffects<[MemWrite<Train_LossResource>]>,
     DeclareOpInterfaceMethods<RecomputeCostOpInterface, ["isRecomputable"]>]> {
  let summary = "output projection and cross-entropy in one tiled pass";
  let description = [{
    With z[t, v] = sum_k x[t, k] weight[v, k] + bias[v] over tokens whose label is
    not -100: adds sum_t (logsumexp_v z[t, v] - z[t, labels[t]]) to the row's loss, and
    d_x[t, k] = loss_scale * sum_v (softmax(z[t])[v] - [v = labels[t]]) weight[v, k],
    zero for other tokens. Logits exist only as tiles; one pass over the weight
    with an online softmax, the label's column apart. Without a result only the
    loss is computed (evaluation). labels are already shifted.
    Shapes: x and d_x T x K, weight V x K, labels T, bias V.

    (C1) weight is V x K, x has K columns; (C2) bias is of shape V; (C3) d_x has
    x's type.

    Gradient: dx = d_x, its own result; the backward pass starts here.

    ```mlir
    %dx = train.linear_cross_entropy %x, %w, %labels
        : (tensor<?x64xf32>, !graph.weight<256x64xf16>, tensor<?xi32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight, TokenVector:$labels,
                       Optional<Graph_WeightType>:$bias);
  let results = (outs Optional<Activation>:$d_x);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Optimizer (programs grad_norm and update)
//
// These ops have no operands: they work on the whole adapter areas. Lowering
// tells them where those lie by attributes on the op that it emits: byte
// offsets from the arena's base, and the number of floats in each area.
//===----------------------------------------------------------------------===//

// -1: not lowered yet.
defvar AreaAttr = DefaultValuedAttr<ConfinedAttr<I64Attr, [IntMinValue<-1>]>, "-1">;
defvar AdapterAreas = (ins AreaAttr:$elements,
                           AreaAttr:$values_offset,
                           AreaAttr:$gradients_offset,
                           AreaAttr:$moment1_offset,
                           AreaAttr:$moment2_offset);

def Train_GradNormOp : Train_Op<"grad_norm",
    [MemoryEffects<[MemRead<Train_GradientResource>, MemWrite<Train_OptimizerResource>]>]> {
  let summary = "squared global norm of all gradients";
  let description = [{
    norm_squared = sum over all adapter gradients of g^2, in f64 over fixed
    blocks of 4096 floats, blocks added in order.
    Shapes: g is the gradient area, `elements` floats.

    (C1) `elements` and the areas' offsets are at least -1 (attribute).

    Gradient: none, it runs after the backward pass.

    ```mlir
    train.grad_norm
    ```
  }];
  let arguments = AdapterAreas;
  let assemblyFormat = "attr-dict";
}

def Train_AdamWOp : Train_Op<"adamw",
    [MemoryEffects<[MemRead<Train_GradientResource>, MemWrite<Train_OptimizerResource>]>]> {
  let summary = "one AdamW step over all adapters";
  let description = [{
    PyTorch's order, with g = grad_scale * gradient and the context's learning
    rate and bias corrections: p -= lr * weight_decay * p;
    m = m + (g - m)(1 - beta1); v = beta2 v + (1 - beta2) g^2;
    p -= (lr / c1) * m / (sqrt(v) / sqrt(c2) + epsilon). The gradient is set to zero.
    Shapes: p, g, m and v are the areas of values, gradients and both moments,
    `elements` floats each.

    (C1) `elements` and the areas' offsets are at least -1 (attribute).

    Gradient: none, it runs after the backward pass.

    ```mlir
    train.adamw {beta1 = 0.9 : f32, beta2 = 0.999 : f32, epsilon = 1.0e-8 : f32,
                 weight_decay = 0.01 : f32}
    ```
  }];
  let arguments = !con((ins F32Attr:$beta1, F32Attr:$beta2, F32Attr:$epsilon,
                            F32Attr:$weight_decay), AdapterAreas);
  let assemblyFormat = "attr-dict";
}

def Train_SgdOp : Train_Op<"sgd",
    [MemoryEffects<[MemRead<Train_GradientResource>, MemWrite<Train_OptimizerResource>]>]> {
  let summary = "one step of stochastic gradient descent over all adapters";
  let description = [{
    PyTorch's order: g = grad_scale * gradient + weight_decay * p; with momentum
    m = g in the first step, else momentum * m + g, and p -= lr * m; without,
    p -= lr * g. The gradient is set to zero.
    Shapes: p, g and m are the areas of values, gradients and the first moment,
    `elements` floats each.

    (C1) `elements` and the areas' offsets are at least -1 (attribute).

    Gradient: none, it runs after the backward pass.

    ```mlir
    train.sgd {momentum = 0.9 : f32, weight_decay = 0.0 : f32}
    ```
  }];
  let arguments = !con((ins F32Attr:$momentum, F32Attr:$weight_decay),
                       AdapterAreas);
  let assemblyFormat = "attr-dict";
}

#endif
