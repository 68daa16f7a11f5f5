// The graph dialect: the closed set of pure tensor operations that every model
// is imported or raised to. Rationale: docs/rationale-graph.md.
//
// Conventions. Activations are `tensor<?xNxf32>`: one row of T tokens (T is a
// run-time value up to the module's maximum), N features. Heads lie side by
// side in the feature dimension (head h owns columns [h*D, (h+1)*D)), so
// attention needs no transposition. Frozen weights are `!graph.weight` handles.
// In formulas t runs over tokens, n and k over features.
#ifndef NEAP_GRAPH_OPS_TD
#define NEAP_GRAPH_OPS_TD

include "mlir/IR/OpBase.td"
include "dialects/Graph/GraphEnums.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "dialects/Interfaces/Interfaces.td"
include "dialects/Interfaces/TypeInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::neap::graph";
  let summary = "Pure tensor operations of language models and their adjoints.";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Graph_WeightType : TypeDef<Graph_Dialect, "Weight",
    [DeclareTypeInterfaceMethods<HandleTypeInterface, ["getStorageBytes"]>]> {
  let mnemonic = "weight";
  let summary = "handle to a frozen weight in the weights file";
  let description = [{
    A frozen array named by file, offset and format, never a tensor: nothing
    folds or copies it. A linear layer's weight has shape N x K (output
    features first) whatever the model file's layout; packing transposes.
    Example: `!graph.weight<2048x896xf16>`.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Activation : 2DTensorOf<[F32]>;
def TokenVector : 1DTensorOf<[I32]>;

class Graph_Op<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, traits>;

// Pure, with a cost, a buffer rule and (unless it is itself an adjoint) an
// adjoint of its own.
class Graph_PureOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<RecomputeCostOpInterface>,
        BufferUseOpInterface], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
defvar Diff = DeclareOpInterfaceMethods<DifferentiableOpInterface>;
defvar Accumulates = DeclareOpInterfaceMethods<AccumulatingOpInterface>;
defvar InPlace = DeclareOpInterfaceMethods<BufferUseOpInterface, ["getInPlaceOperand"]>;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Graph_WeightDeclOp : Graph_Op<"weight_decl", [Symbol]> {
  let summary = "declare a frozen weight by file, offset and format";
  let description = [{
    `type` is the canonical array. The bytes lie at [`offset`, `offset`+`bytes`)
    of `file` (relative to the model's folder) in row-major order with elements
    of the same type; `transposed` says that the file holds a rank-2 array as
    K x N. Arrays that exist in no file carry their bytes in `inline_data`.

    Constraints: (C1) exactly one of `file` and `inline_data`; (C2) `bytes` is
    the storage of `type`; (C3) only rank-2 weights are transposed.
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
    (C1) table is V x N and y has N columns. No gradient: ids are integers and
    the table is frozen.
  }];
  let arguments = (ins TokenVector:$ids, Graph_WeightType:$table);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_PositionEmbeddingOp : Graph_PureOp<"position_embedding", [Diff]> {
  let summary = "the first T rows of a table";
  let description = [{
    y[t, n] = table[t, n]; `ids` gives only the token count.
    (C1) table is P x N and y has N columns. No gradient.
  }];
  let arguments = (ins TokenVector:$ids, Graph_WeightType:$table);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_RopeTableOp : Graph_PureOp<"rope_table", [Diff]> {
  let summary = "cosines and sines of rotary position angles";
  let description = [{
    With F frequencies: y[t, f] = scale * cos(t * frequencies[f]) and
    y[t, F + f] = scale * sin(t * frequencies[f]); the angle is the f32 product.
    (C1) y has 2F columns. No gradient.
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
    (C1) weight is N x K, x has K columns, y has N; (C2) bias is of shape N.
    Gradient: dx = linear_backward(dy, weight). Nothing is saved.
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight,
                       Optional<Graph_WeightType>:$bias);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_LinearBackwardOp : Graph_PureOp<"linear_backward", [InPlace, Accumulates]> {
  let summary = "input gradient of a linear layer";
  let description = [{
    dx[t, k] = init[t, k] + sum_n dy[t, n] * weight[n, k].
    (C1) weight is N x K, dy has N columns, dx and init have K. dx may overwrite
    init.
  }];
  let arguments = (ins Activation:$dy, Graph_WeightType:$weight,
                       Optional<Activation>:$init);
  let results = (outs Activation:$dx);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

def Graph_RmsNormOp : Graph_PureOp<"rms_norm", [Diff, InPlace, AllTypesMatch<["x", "y"]>]> {
  let summary = "root mean square normalisation";
  let description = [{
    y[t, n] = x[t, n] * r[t] * weight[n], r[t] = 1 / sqrt(mean_n(x[t, n]^2) + epsilon).
    (C1) weight is of shape N. Gradient: rms_norm_backward(dy, x, weight).
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight, F32Attr:$epsilon);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
  let hasVerifier = 1;
}

def Graph_RmsNormBackwardOp : Graph_PureOp<"rms_norm_backward", [InPlace, Accumulates, AllTypesMatch<["x", "dy", "dx"]>]> {
  let summary = "input gradient of rms_norm";
  let description = [{
    With g = dy * weight: dx[t, n] = init[t, n] + r[t] * (g[t, n] - x[t, n] * r[t]^2 *
    mean_m(g[t, m] * x[t, m])). r is computed again from x. dx may overwrite
    init, or dy when there is no init. (C1) init has dx's type.
  }];
  let arguments = (ins Activation:$dy, Activation:$x, Graph_WeightType:$weight,
                       Optional<Activation>:$init, F32Attr:$epsilon);
  let results = (outs Activation:$dx);
  let hasVerifier = 1;
}

def Graph_LayerNormOp : Graph_PureOp<"layer_norm", [Diff, InPlace, AllTypesMatch<["x", "y"]>]> {
  let summary = "layer normalisation";
  let description = [{
    y[t, n] = (x[t, n] - mean_t) * r[t] * weight[n] + bias[n],
    r[t] = 1 / sqrt(variance_t + epsilon), variance over n without correction.
    (C1) weight and bias are of shape N. Gradient: layer_norm_backward.
  }];
  let arguments = (ins Activation:$x, Graph_WeightType:$weight,
                       Optional<Graph_WeightType>:$bias, F32Attr:$epsilon);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_LayerNormBackwardOp : Graph_PureOp<"layer_norm_backward", [InPlace, Accumulates, AllTypesMatch<["x", "dy", "dx"]>]> {
  let summary = "input gradient of layer_norm";
  let description = [{
    With g = dy * weight and h = (x - mean) * r:
    dx = init + r * (g - mean(g) - h * mean(g * h)), means over n.
    dx may overwrite init, or dy when there is no init. (C1) init has dx's type.
  }];
  let arguments = (ins Activation:$dy, Activation:$x, Graph_WeightType:$weight,
                       Optional<Activation>:$init, F32Attr:$epsilon);
  let results = (outs Activation:$dx);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Graph_RopeOp : Graph_PureOp<"rope", [Diff, InPlace, AllTypesMatch<["x", "y"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    `table` is rope_table's layout with F columns of cosines, F of sines. In each
    head of `head_dim` columns the first 2F are rotated, the rest copied. The
    pair (a, b) of index f is (f, F + f), or (2f, 2f + 1) when interleaved:
    a' = a cos - b sin, b' = b cos + a sin; with `inverse` sin is negated.
    (C1) x has heads * head_dim columns; (C2) table has an even number of
    columns, at most head_dim. Gradient: the same op with `inverse` flipped
    (the scale in the table is not inverted: the map is linear, its adjoint
    keeps it).
  }];
  let arguments = (ins Activation:$x, Activation:$table, I64Attr:$heads,
                       I64Attr:$head_dim, UnitAttr:$interleaved, UnitAttr:$inverse);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_AttentionOp : Graph_PureOp<"attention", [Diff]> {
  let summary = "causal grouped-query attention";
  let description = [{
    For head h with key head g = h / (heads / kv_heads), over keys s <= t:
    p[t, s] = softmax_s(scale * q_h[t] . k_g[s]), o_h[t] = sum_s p[t, s] v_g[s];
    lse[t, h] = log sum_s exp(scale * q_h[t] . k_g[s]). No S x S array is stored.
    (C1) q and o have heads * head_dim columns, k and v kv_heads * head_dim;
    (C2) kv_heads divides heads; (C3) lse has `heads` columns.
    Gradient: attention_backward.
  }];
  let arguments = (ins Activation:$q, Activation:$k, Activation:$v, I64Attr:$heads,
                       I64Attr:$kv_heads, I64Attr:$head_dim, F32Attr:$scale);
  let results = (outs Activation:$o, Activation:$lse);
  let hasVerifier = 1;
}

def Graph_AttentionBackwardOp : Graph_PureOp<"attention_backward"> {
  let summary = "gradients of attention";
  let description = [{
    p is recomputed from q, k and lse by tiles; with D[t] = sum_n do[t] o[t] per
    head: dv[s] = sum_t p[t, s] do[t]; ds = p * (do . v - D) * scale;
    dq[t] = sum_s ds[t, s] k[s]; dk[s] = sum_t ds[t, s] q[t]. Key gradients sum
    over the query heads of their group in ascending order. Constraints as in
    attention; dq, dk, dv have the types of q, k, v.
  }];
  let arguments = (ins Activation:$q, Activation:$k, Activation:$v, Activation:$o,
                       Activation:$lse, Activation:$d_o, I64Attr:$heads,
                       I64Attr:$kv_heads, I64Attr:$head_dim, F32Attr:$scale);
  let results = (outs Activation:$dq, Activation:$dk, Activation:$dv);
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
    Gradient: activation_backward(dy, x).
  }];
  let arguments = (ins Activation:$x, Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$y);
}

def Graph_ActivationBackwardOp : Graph_PureOp<"activation_backward", [InPlace, SameOperandsAndResultType]> {
  let summary = "input gradient of activation";
  let description = [{ dx = dy * f'(x). dx may overwrite dy. }];
  let arguments = (ins Activation:$dy, Activation:$x, Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$dx);
}

def Graph_GluOp : Graph_PureOp<"glu", [Diff, InPlace, SameOperandsAndResultType]> {
  let summary = "gated linear unit";
  let description = [{
    y = f(gate) * up with f of `kind`; SwiGLU is kind silu. y may overwrite gate.
    Gradient: glu_backward(dy, gate, up).
  }];
  let arguments = (ins Activation:$gate, Activation:$up, Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$y);
}

def Graph_GluBackwardOp : Graph_PureOp<"glu_backward", [InPlace, SameOperandsAndResultType]> {
  let summary = "gradients of glu";
  let description = [{
    d_gate = dy * up * f'(gate), d_up = dy * f(gate). d_gate may overwrite gate,
    d_up may overwrite up.
  }];
  let arguments = (ins Activation:$dy, Activation:$gate, Activation:$up,
                       Graph_ActivationKindAttr:$kind);
  let results = (outs Activation:$d_gate, Activation:$d_up);
}

def Graph_AddOp : Graph_PureOp<"add", [Diff, InPlace, Commutative, SameOperandsAndResultType]> {
  let summary = "elementwise sum";
  let description = [{ y = a + b. y may overwrite a. Gradient: dy for both. }];
  let arguments = (ins Activation:$a, Activation:$b);
  let results = (outs Activation:$y);
  let hasCanonicalizer = 1;
}

def Graph_MulOp : Graph_PureOp<"mul", [Diff, InPlace, Commutative, SameOperandsAndResultType]> {
  let summary = "elementwise product";
  let description = [{ y = a * b. y may overwrite a. Gradient: dy * b, dy * a. }];
  let arguments = (ins Activation:$a, Activation:$b);
  let results = (outs Activation:$y);
}

def Graph_ScaleOp : Graph_PureOp<"scale", [Diff, InPlace, SameOperandsAndResultType]> {
  let summary = "product with a constant";
  let description = [{ y = factor * x. y may overwrite x. Gradient: scale of dy. }];
  let arguments = (ins Activation:$x, F32Attr:$factor);
  let results = (outs Activation:$y);
}

def Graph_SliceColumnsOp : Graph_PureOp<"slice_columns", [Diff]> {
  let summary = "a range of columns";
  let description = [{
    y[t, n] = x[t, offset + n]. (C1) offset + columns of y <= columns of x.
    Gradient: pad_columns; slices that cover their source are joined to
    concat_columns by canonicalisation.
  }];
  let arguments = (ins Activation:$x, I64Attr:$offset);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_PadColumnsOp : Graph_PureOp<"pad_columns"> {
  let summary = "columns placed in a wider array of zeros";
  let description = [{
    y[t, offset + n] = x[t, n], zero elsewhere.
    (C1) offset + columns of x <= columns of y.
  }];
  let arguments = (ins Activation:$x, I64Attr:$offset);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

def Graph_ConcatColumnsOp : Graph_PureOp<"concat_columns", [Diff]> {
  let summary = "arrays side by side";
  let description = [{
    y = [xs[0] | xs[1] | ...] along the features. (C1) columns add up.
    Gradient: slice_columns of dy.
  }];
  let arguments = (ins Variadic<Activation>:$xs);
  let results = (outs Activation:$y);
  let hasVerifier = 1;
}

#endif
