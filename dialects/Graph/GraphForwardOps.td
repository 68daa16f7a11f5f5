// The graph dialect's forward operations: what models are imported or raised to.
// GraphOps.td has the conventions of the formulas.
#ifndef NEAP_GRAPH_FORWARD_OPS_TD
#define NEAP_GRAPH_FORWARD_OPS_TD

include "dialects/Graph/GraphBase.td"
include "dialects/Graph/GraphEnums.td"

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Graph_WeightDeclOp : Graph_Op<"weight_decl", [Symbol]> {
  let summary = "declare a frozen weight by file, offset and format";
  let description = [{
    array = `file`[`offset`, `offset` + `bytes`), or `inline_data`.
    Shapes: the array is of `type`'s shape, row-major, elements of `type`'s
    element type. `file` is relative to the model's folder; `transposed` says
    that it holds a rank-2 array N x K as K x N. Arrays that exist in no file
    carry their bytes in `inline_data`.

    (C1) exactly one of `file` and `inline_data`; (C2) `bytes` is the storage of
    `type`, `inline_data` has its type; (C3) only rank-2 weights are transposed.

    Gradient: none, the array is frozen.

    ```mlir
    graph.weight_decl @up : !graph.weight<32x64xf16> {
      file = "model.onnx.data", offset = 256 : i64, bytes = 4096 : i64, transposed}
    graph.weight_decl @ones : !graph.weight<64xf32> {
      inline_data = dense<1.0> : tensor<64xf32>}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Graph_WeightType>:$type,
    OptionalAttr<StrAttr>:$file, DefaultValuedAttr<I64Attr, "0">:$offset,
    DefaultValuedAttr<I64Attr, "0">:$bytes, UnitAttr:$transposed,
    OptionalAttr<ElementsAttr>:$inline_data);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
  let hasVerifier = 1;
}

def Graph_WeightOp : Graph_Op<"weight", [Pure,
    DeclareOpInterfaceMethods<HandleOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "handle of a declared weight";
  let description = [{
    handle = address of the array that `decl` declares.
    Shapes: those of the declaration, N x K or N.

    (C1) `decl` names a graph.weight_decl; (C2) the handle has its type.

    Gradient: none, the array is frozen.

    ```mlir
    graph.weight_decl @up : !graph.weight<32x64xf32> {file = "m", bytes = 8192 : i64}
    %w = graph.weight @up : !graph.weight<32x64xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$decl);
  let results = (outs Graph_WeightType:$handle);
  let assemblyFormat = "$decl attr-dict `:` type($handle)";
}

//===----------------------------------------------------------------------===//
// Token inputs
//===----------------------------------------------------------------------===//

def Graph_EmbeddingOp : Graph_PureOp<"embedding", [Diff]> {
  let summary = "rows of a table by token id";
  let description = [{
    y[t, n] = table[ids[t], n].
    Shapes: ids T, table V x N, y T x N.

    (C1) table is V x N and y has N columns.

    Gradient: none, ids are integers and the table is frozen.

    ```mlir
    %y = graph.embedding %ids, %table
        : (tensor<?xi32>, !graph.weight<256x64xf16>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins TokenVector:$ids, Graph_WeightType:$table);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_PositionEmbeddingOp : Graph_PureOp<"position_embedding", [Diff]> {
  let summary = "the first T rows of a table";
  let description = [{
    y[t, n] = table[t, n]; `ids` gives only the token count.
    Shapes: ids T, table P x N with P >= T, y T x N.

    (C1) table is P x N and y has N columns.

    Gradient: none, the table is frozen.

    ```mlir
    %y = graph.position_embedding %ids, %table
        : (tensor<?xi32>, !graph.weight<128x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins TokenVector:$ids, Graph_WeightType:$table);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_RopeTableOp : Graph_PureOp<"rope_table", [Diff]> {
  let summary = "cosines and sines of rotary position angles";
  let description = [{
    y[t, f] = scale * cos(t * frequencies[f]) and
    y[t, F + f] = scale * sin(t * frequencies[f]); the angle is the f32 product.
    Shapes: ids T (only the token count), frequencies F, y T x 2F.

    (C1) y has 2F columns.

    Gradient: none, a table of constants.

    ```mlir
    %y = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>}
        : (tensor<?xi32>) -> tensor<?x4xf32>
    ```
  }];
  let arguments = (ins TokenVector:$ids, DenseF32ArrayAttr:$frequencies,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

def Graph_LinearOp : Graph_PureOp<"linear", [Diff]> {
  let summary = "affine map with a frozen weight";
  let description = [{
    y[t, n] = sum_k x[t, k] * weight[n, k] + bias[n].
    Shapes: x T x K, weight N x K, bias N, y T x N.

    (C1) weight is N x K, x has K columns, y has N; (C2) bias is of shape N.

    Gradient: dx = linear_backward(dy, weight). Nothing is saved.

    ```mlir
    %y = graph.linear %x, %w, %bias
        : (tensor<?x64xf32>, !graph.weight<32x64xf32>, !graph.weight<32xf32>)
          -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight,
                       Optional<Graph_WeightType>:$bias);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

def Graph_RmsNormOp : Graph_PureOp<"rms_norm", [Diff, InPlace, AllTypesMatch<["x", "y"]>]> {
  let summary = "root mean square normalisation";
  let description = [{
    y[t, n] = x[t, n] * r[t] * weight[n], r[t] = 1 / sqrt(mean_n(x[t, n]^2) + epsilon).
    Shapes: x and y T x N, weight N. y may overwrite x.

    (C1) weight is of shape N; (C2) x and y have one type (trait).

    Gradient: dx = rms_norm_backward(dy, x, weight).

    ```mlir
    %y = graph.rms_norm %x, %w {epsilon = 1.0e-5 : f32}
        : (tensor<?x64xf32>, !graph.weight<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight, F32Attr:$epsilon);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_LayerNormOp : Graph_PureOp<"layer_norm", [Diff, InPlace, AllTypesMatch<["x", "y"]>]> {
  let summary = "layer normalisation";
  let description = [{
    y[t, n] = (x[t, n] - mean[t]) * r[t] * weight[n] + bias[n],
    r[t] = 1 / sqrt(variance[t] + epsilon), variance over n without correction.
    Shapes: x and y T x N, weight and bias N. y may overwrite x.

    (C1) weight is of shape N; (C2) bias is of shape N; (C3) x and y have one type
    (trait).

    Gradient: dx = layer_norm_backward(dy, x, weight).

    ```mlir
    %y = graph.layer_norm %x, %w, %bias {epsilon = 1.0e-5 : f32}
        : (tensor<?x64xf32>, !graph.weight<64xf32>, !graph.weight<64xf32>)
          -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight,
                       Optional<Graph_WeightType>:$bias, F32Attr:$epsilon);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Graph_RopeOp : Graph_PureOp<"rope", [Diff, InPlace, AllTypesMatch<["x", "y"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    a' = a cos - b sin, b' = b cos + a sin for every pair (a, b) of a head; with
    `inverse` sin is negated. `table` is rope_table's layout: F columns of cosines,
    F of sines. The pair of index f is (f, F + f), or (2f, 2f + 1) when
    `interleaved`; the columns of a head beyond 2F are copied.
    Shapes: x and y T x heads * head_dim, table T x 2F. y may overwrite x.

    (C1) x has heads * head_dim columns; (C2) table has an even number of
    columns, at most head_dim; (C3) x and y have one type (trait); (C4) heads and
    head_dim are positive (attribute).

    Gradient: the same op on dy with `inverse` flipped (the scale in the table is
    not inverted: the map is linear, its adjoint keeps it). The table is constant.

    ```mlir
    %y = graph.rope %x, %table {heads = 4 : i64, head_dim = 16 : i64}
        : (tensor<?x64xf32>, tensor<?x16xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Activation:$table, PositiveAttr:$heads,
                       PositiveAttr:$head_dim, UnitAttr:$interleaved, UnitAttr:$inverse);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_AttentionOp : Graph_PureOp<"attention", [Diff]> {
  let summary = "causal grouped-query attention";
  let description = [{
    For head h with key head g = h / (heads / kv_heads), over keys s <= t:
    p[t, s] = softmax_s(scale * q_h[t] . k_g[s]), o_h[t] = sum_s p[t, s] v_g[s];
    lse[t, h] = log sum_s exp(scale * q_h[t] . k_g[s]). No T x T array is stored.
    Shapes: q and o T x heads * head_dim, k and v T x kv_heads * head_dim,
    lse T x heads.

    (C1) q and o have heads * head_dim columns, k and v kv_heads * head_dim;
    (C2) kv_heads divides heads; (C3) lse has `heads` columns; (C4) heads, kv_heads
    and head_dim are positive (attribute).

    Gradient: dq, dk, dv = attention_backward(q, k, v, o, lse, do). A gradient of
    lse is refused.

    ```mlir
    %o, %lse = graph.attention %q, %k, %v {
        heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, scale = 0.25 : f32}
        : (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
          -> (tensor<?x64xf32>, tensor<?x4xf32>)
    ```
  }];
  let arguments = (ins Activation:$q, Activation:$k, Activation:$v, PositiveAttr:$heads,
                       PositiveAttr:$kv_heads, PositiveAttr:$head_dim, F32Attr:$scale);
  let results = (outs Activation:$o, Activation:$lse);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

def Graph_ActivationKindAttr : EnumAttr<Graph_Dialect, Graph_ActivationKind, "kind">;

def Graph_ActivationOp : Graph_PureOp<"activation", [Diff, InPlace, SameOperandsAndResultType]> {
  let summary = "elementwise nonlinearity";
  let description = [{
    y = f(x): silu x/(1+exp(-x)); gelu x(1+erf(x/sqrt 2))/2; gelu_tanh
    x(1+tanh(sqrt(2/pi)(x+0.044715x^3)))/2; relu max(x, 0).
    Shapes: x and y T x N. y may overwrite x.

    (C1) x and y have one type (trait).

    Gradient: dx = activation_backward(dy, x).

    ```mlir
    %y = graph.activation %x {kind = #graph<kind silu>}
        : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$y);
}

def Graph_GluOp : Graph_PureOp<"glu", [Diff, InPlace, SameOperandsAndResultType]> {
  let summary = "gated linear unit";
  let description = [{
    y = f(gate) * up with f of `kind` as in activation; SwiGLU is kind silu.
    Shapes: gate, up and y T x N. y may overwrite gate.

    (C1) gate, up and y have one type (trait).

    Gradient: d_gate, d_up = glu_backward(dy, gate, up).

    ```mlir
    %y = graph.glu %gate, %up {kind = #graph<kind silu>}
        : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$gate, Activation:$up, Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$y);
}

def Graph_AddOp : Graph_PureOp<"add", [Diff, InPlace, Commutative, SameOperandsAndResultType]> {
  let summary = "elementwise sum";
  let description = [{
    y = a + b.
    Shapes: a, b and y T x N. y may overwrite a. A sum of pad_columns that tile
    their result becomes concat_columns by canonicalisation.

    (C1) a, b and y have one type (trait).

    Gradient: da = dy, db = dy; no op is built.

    ```mlir
    %y = graph.add %a, %b : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$a, Activation:$b);
  let results = (outs Activation:$y);
  let hasCanonicalizer = 1;
}

def Graph_MulOp : Graph_PureOp<"mul", [Diff, InPlace, Commutative, SameOperandsAndResultType]> {
  let summary = "elementwise product";
  let description = [{
    y = a * b.
    Shapes: a, b and y T x N. y may overwrite a.

    (C1) a, b and y have one type (trait).

    Gradient: da = mul(dy, b), db = mul(dy, a).

    ```mlir
    %y = graph.mul %a, %b : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$a, Activation:$b);
  let results = (outs Activation:$y);
}

def Graph_ScaleOp : Graph_PureOp<"scale", [Diff, InPlace, SameOperandsAndResultType]> {
  let summary = "product with a constant";
  let description = [{
    y = factor * x.
    Shapes: x and y T x N. y may overwrite x.

    (C1) x and y have one type (trait).

    Gradient: dx = scale(dy) with the same factor.

    ```mlir
    %y = graph.scale %x {factor = 2.0 : f32} : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Activation:$x, F32Attr:$factor);
  let results = (outs Activation:$y);
}

def Graph_SliceColumnsOp : Graph_PureOp<"slice_columns", [Diff]> {
  let summary = "a range of columns";
  let description = [{
    y[t, n] = x[t, offset + n].
    Shapes: x T x K, y T x N.

    (C1) offset + N <= K; (C2) offset is not negative (attribute).

    Gradient: dx = pad_columns(dy); the sum over slices that cover their source
    becomes concat_columns by canonicalisation.

    ```mlir
    %y = graph.slice_columns %x {offset = 16 : i64}
        : (tensor<?x64xf32>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Activation:$x, ConfinedAttr<I64Attr, [IntNonNegative]>:$offset);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_ConcatColumnsOp : Graph_PureOp<"concat_columns", [Diff]> {
  let summary = "arrays side by side";
  let description = [{
    y = [xs[0] | xs[1] | ...] along the features.
    Shapes: xs[i] T x N_i, y T x N_0 + N_1 + ...

    (C1) the columns of xs add up to those of y.

    Gradient: dxs[i] = slice_columns(dy).

    ```mlir
    %y = graph.concat_columns %a, %b
        : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x96xf32>
    ```
  }];
  let arguments = (ins Variadic<Activation>:$xs);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

#endif
