// The graph dialect's adjoints: the operations that only a backward part has.
// Adjoints that are forward operations themselves (of rope, mul, scale and
// concat_columns) are in GraphForwardOps.td. GraphOps.td has the conventions of
// the formulas.
#ifndef NEAP_GRAPH_BACKWARD_OPS_TD
#define NEAP_GRAPH_BACKWARD_OPS_TD

include "dialects/Graph/GraphForwardOps.td"

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

def Graph_LinearBackwardOp : Graph_PureOp<"linear_backward", [InPlace, Accumulates]> {
  let summary = "input gradient of a linear layer";
  let description = [{
    dx[t, k] = init[t, k] + sum_n dy[t, n] * weight[n, k].
    Shapes: dy T x N, weight N x K, init and dx T x K. dx may overwrite init.

    (C1) weight is N x K, dy has N columns, dx has K; (C2) init has K columns.

    Gradient: none, it is an adjoint itself.

    ```mlir
    %dx = graph.linear_backward %dy, %w, %init
        : (tensor<?x32xf32>, !graph.weight<32x64xf32>, tensor<?x64xf32>)
          -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$dy, Graph_WeightType:$weight,
                       Optional<Activation>:$init);
  let results = (outs Activation:$dx);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

def Graph_RmsNormBackwardOp : Graph_PureOp<"rms_norm_backward", [InPlace, Accumulates, AllTypesMatch<["x", "dy", "dx"]>]> {
  let summary = "input gradient of rms_norm";
  let description = [{
    With g = dy * weight: dx[t, n] = init[t, n] + r[t] * (g[t, n] - x[t, n] * r[t]^2 *
    mean_m(g[t, m] * x[t, m])). r is computed again from x.
    Shapes: dy, x, init and dx T x N, weight N. dx may overwrite init, or dy when
    there is no init.

    (C1) weight is of shape N; (C2) init has N columns; (C3) dy, x and dx have one
    type (trait).

    Gradient: none, it is an adjoint itself.

    ```mlir
    %dx = graph.rms_norm_backward %dy, %x, %w, %init {epsilon = 1.0e-5 : f32}
        : (tensor<?x64xf32>, tensor<?x64xf32>, !graph.weight<64xf32>, tensor<?x64xf32>)
          -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$dy, Activation:$x, Graph_WeightType:$weight,
                       Optional<Activation>:$init, F32Attr:$epsilon);
  let results = (outs Activation:$dx);
  let hasVerifier = 1;
}

def Graph_LayerNormBackwardOp : Graph_PureOp<"layer_norm_backward", [InPlace, Accumulates, AllTypesMatch<["x", "dy", "dx"]>]> {
  let summary = "input gradient of layer_norm";
  let description = [{
    With g = dy * weight and h = (x - mean) * r:
    dx = init + r * (g - mean(g) - h * mean(g * h)), means over n.
    Shapes: dy, x, init and dx T x N, weight N. dx may overwrite init, or dy when
    there is no init.

    (C1) weight is of shape N; (C2) init has N columns; (C3) dy, x and dx have one
    type (trait).

    Gradient: none, it is an adjoint itself.

    ```mlir
    %dx = graph.layer_norm_backward %dy, %x, %w {epsilon = 1.0e-5 : f32}
        : (tensor<?x64xf32>, tensor<?x64xf32>, !graph.weight<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$dy, Activation:$x, Graph_WeightType:$weight,
                       Optional<Activation>:$init, F32Attr:$epsilon);
  let results = (outs Activation:$dx);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Graph_AttentionBackwardOp : Graph_PureOp<"attention_backward"> {
  let summary = "gradients of attention";
  let description = [{
    p is recomputed from q, k and lse by tiles; with D[t] = sum_n do[t] o[t] per
    head: dv[s] = sum_t p[t, s] do[t]; ds = p * (do . v - D) * scale;
    dq[t] = sum_s ds[t, s] k[s]; dk[s] = sum_t ds[t, s] q[t]. Key gradients sum
    over the query heads of their group in ascending order.
    Shapes: q, o, d_o and dq T x heads * head_dim; k, v, dk and dv
    T x kv_heads * head_dim; lse T x heads.

    (C1) q and o have heads * head_dim columns, k and v kv_heads * head_dim;
    (C2) kv_heads divides heads; (C3) lse has `heads` columns; (C4) dq, dk and dv
    have the types of q, k and v; (C5) d_o has the columns of o; (C6) heads,
    kv_heads and head_dim are positive (attribute).

    Gradient: none, it is an adjoint itself.

    ```mlir
    %dq, %dk, %dv = graph.attention_backward %q, %k, %v, %o, %lse, %do {
        heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, scale = 0.25 : f32}
        : (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x64xf32>,
           tensor<?x4xf32>, tensor<?x64xf32>)
          -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
    ```
  }];
  let arguments = (ins Activation:$q, Activation:$k, Activation:$v, Activation:$o,
                       Activation:$lse, Activation:$d_o, PositiveAttr:$heads,
                       PositiveAttr:$kv_heads, PositiveAttr:$head_dim, F32Attr:$scale);
  let results = (outs Activation:$dq, Activation:$dk, Activation:$dv);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

def Graph_ActivationBackwardOp : Graph_PureOp<"activation_backward", [InPlace, SameOperandsAndResultType]> {
  let summary = "input gradient of activation";
  let description = [{
    dx = dy * f'(x) with f of `kind` as in activation.
    Shapes: dy, x and dx T x N. dx may overwrite dy.

    (C1) dy, x and dx have one type (trait).

    Gradient: none, it is an adjoint itself.

    ```mlir
    %dx = graph.activation_backward %dy, %x {kind = #graph<kind gelu>}
        : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$dy, Activation:$x, Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$dx);
}

def Graph_GluBackwardOp : Graph_PureOp<"glu_backward", [InPlace, SameOperandsAndResultType]> {
  let summary = "gradients of glu";
  let description = [{
    d_gate = dy * up * f'(gate), d_up = dy * f(gate).
    Shapes: all T x N. d_gate may overwrite gate, d_up may overwrite up.

    (C1) dy, gate, up, d_gate and d_up have one type (trait).

    Gradient: none, it is an adjoint itself.

    ```mlir
    %d_gate, %d_up = graph.glu_backward %dy, %gate, %up {kind = #graph<kind silu>}
        : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
          -> (tensor<?x64xf32>, tensor<?x64xf32>)
    ```
  }];
  let arguments = (ins Activation:$dy, Activation:$gate, Activation:$up,
                       Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$d_gate, Activation:$d_up);
}

def Graph_PadColumnsOp : Graph_PureOp<"pad_columns"> {
  let summary = "columns placed in a wider array of zeros";
  let description = [{
    y[t, offset + n] = x[t, n], zero elsewhere.
    Shapes: x T x N, y T x K.

    (C1) offset + N <= K; (C2) offset is not negative (attribute).

    Gradient: none, it is an adjoint itself (of slice_columns).

    ```mlir
    %y = graph.pad_columns %x {offset = 16 : i64}
        : (tensor<?x32xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, ConfinedAttr<I64Attr, [IntNonNegative]>:$offset);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

#endif
