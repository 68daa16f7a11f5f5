"""The forward graphs of Llama, Qwen2 and GPT-2 as exporters write them (opset 17)."""
import math
import struct

import onnx_writer as ow
from graph_builder import Graph

LOWEST = -3.4028234663852886e38
INT64_MAX = (1 << 63) - 1


def build(config, style, weights):
    """Returns the ow.Model of `config`, a dict with the fields of generate.PRESETS."""
    make = {"llama": llama, "qwen2": llama, "gpt2": gpt2}[config["arch"]]
    return make(config, Graph(style, weights))


def llama(c, g):
    embedding = g.weight("model.embed_tokens.weight", [c["vocab"], c["hidden"]], "embedding")
    batch, seq = g.sizes("model", "input_ids", 0, 1)
    x = g.op("Gather", "model.embed_tokens", [embedding.name, "input_ids"])
    x = g.raised("model.embed_tokens", x)
    cos, sin = rotary_tables(c, g, positions(g, batch, seq))
    mask = causal_mask(g, seq)
    for i in range(c["layers"]):
        scope = f"model.layers.{i}"
        h = rms_norm(c, g, scope + ".input_layernorm", x)
        x = g.op("Add", scope, [x, attention(c, g, scope + ".self_attn", h, cos, sin, mask)])
        h = rms_norm(c, g, scope + ".post_attention_layernorm", x)
        x = g.op("Add", scope, [x, swiglu(c, g, scope + ".mlp", h)])
    head(c, g, rms_norm(c, g, "model.norm", x), embedding)
    return g.finish(c["vocab"])


def positions(g, batch, seq):
    scope = "model"
    stop = g.op("Cast", scope, [seq], to=ow.INT64) if g.style.dynamic else g.index(scope, seq)
    line = g.op("Range", scope, [g.index(scope, 0), stop, g.index(scope, 1)])
    row = g.op("Unsqueeze", scope, [line, g.ints(scope, 0)])
    return g.expand(scope, row, batch, seq)


def rotary_tables(c, g, position):
    """cos and sin of position times inverse frequency, [batch, 1, seq, head_dim]."""
    scope, dim = "model.rotary_emb", c["hidden"] // c["heads"]
    inverse = [1.0 / c["theta"] ** (i / dim) for i in range(0, dim, 2)]
    angle = g.op("Unsqueeze", scope, [position, g.ints(scope, 2)])
    angle = g.op("Cast", scope, [angle], to=ow.FLOAT)
    angle = g.op("Mul", scope, [angle, g.floats(scope, inverse, [1, 1, dim // 2])])
    angle = g.op("Concat", scope, [angle, angle], axis=-1)
    return [g.op("Unsqueeze", scope, [g.op(f, scope, [angle]), g.ints(scope, 1)]) for f in ("Cos", "Sin")]


def causal_mask(g, seq):
    scope = "model"
    square = g.op("ConstantOfShape", scope, [g.shape(scope, seq, seq)],
                  value=ow.tensor([1], ow.FLOAT, struct.pack("<f", LOWEST)))
    mask = g.op("Trilu", scope, [square, g.index(scope, 1)], upper=1)
    mask = g.op("Unsqueeze", scope, [mask, g.ints(scope, 0)])
    return g.op("Unsqueeze", scope, [mask, g.ints(scope, 1)])


def rms_norm(c, g, scope, x):
    square = g.op("Pow", scope, [x, g.scalar(scope, 2.0)])
    mean = g.op("ReduceMean", scope, [square], axes=[-1], keepdims=1)
    root = g.op("Sqrt", scope, [g.op("Add", scope, [mean, g.scalar(scope, c["eps"])])])
    inverse = g.op("Div", scope, [g.scalar(scope, 1.0), root])
    scaled = g.op("Mul", scope, [x, inverse])
    return g.op("Mul", scope, [g.vector(scope + ".weight", c["hidden"], "norm"), scaled])


def attention(c, g, scope, x, cos, sin, mask):
    heads, kv, dim = c["heads"], c["kv_heads"], c["hidden"] // c["heads"]
    bias = c["arch"] == "qwen2"
    batch, seq = g.sizes(scope, x, 0, 1)

    def projected(which, count):
        y = g.linear(f"{scope}.{which}_proj", x, count * dim, c["hidden"], bias)
        return g.op("Transpose", scope, [g.reshape(scope, y, batch, seq, count, dim)], perm=[0, 2, 1, 3])

    q, k, v = projected("q", heads), projected("k", kv), projected("v", kv)
    q, k = rotate(c, g, scope, q, cos, sin), rotate(c, g, scope, k, cos, sin)
    if kv != heads:
        k, v = (repeat_heads(c, g, scope, t, batch, seq) for t in (k, v))
    keys = g.op("Transpose", scope, [k], perm=[0, 1, 3, 2])
    scores = g.op("Div", scope, [g.op("MatMul", scope, [q, keys]), g.scalar(scope, math.sqrt(dim))])
    weights = g.op("Softmax", scope, [g.op("Add", scope, [scores, mask])], axis=-1)
    y = g.op("Transpose", scope, [g.op("MatMul", scope, [weights, v])], perm=[0, 2, 1, 3])
    y = g.reshape(scope, y, batch, seq, c["hidden"])
    return g.linear(scope + ".o_proj", y, c["hidden"], c["hidden"])


def rotate(c, g, scope, x, cos, sin):
    """x * cos + rotate_half(x) * sin, the half taken from the shape where it is dynamic."""
    straight = g.op("Mul", scope, [x, cos])
    if g.style.dynamic:
        last = g.op("Gather", scope, [g.op("Shape", scope, [x]), g.index(scope, 3)], axis=0)
        half = g.op("Div", scope, [last, g.index(scope, 2)])
        for _ in range(2):
            half = g.op("Cast", scope, [half], to=ow.INT64)
        half = g.op("Unsqueeze", scope, [half, g.ints(scope, 0)])
    else:
        half = g.ints(scope, c["hidden"] // c["heads"] // 2)
    upper = g.op("Neg", scope, [g.slice(scope, x, half, g.ints(scope, INT64_MAX), 3)])
    lower = g.slice(scope, x, g.ints(scope, 0), half, 3)
    turned = g.op("Concat", scope, [upper, lower], axis=-1)
    return g.op("Add", scope, [straight, g.op("Mul", scope, [turned, sin])])


def repeat_heads(c, g, scope, x, batch, seq):
    heads, kv, dim = c["heads"], c["kv_heads"], c["hidden"] // c["heads"]
    x = g.op("Unsqueeze", scope, [x, g.ints(scope, 2)])
    x = g.expand(scope, x, batch, kv, heads // kv, seq, dim)
    return g.reshape(scope, x, batch, heads, seq, dim)


def swiglu(c, g, scope, x):
    gate = g.linear(scope + ".gate_proj", x, c["ffn"], c["hidden"])
    gate = g.op("Mul", scope, [gate, g.op("Sigmoid", scope, [gate])])
    up = g.linear(scope + ".up_proj", x, c["ffn"], c["hidden"])
    return g.linear(scope + ".down_proj", g.op("Mul", scope, [gate, up]), c["hidden"], c["ffn"])


def head(c, g, x, embedding):
    """Logits; a tied head shares the embedding, or repeats it transposed when folded."""
    scope = "lm_head"
    if not c["tied"]:
        name = scope + ".weight"
        dims = [c["hidden"], c["vocab"]] if g.style.folded else [c["vocab"], c["hidden"]]
        right = g.weight(name, dims, label=g.anonymous_name() if g.style.folded else name,
                         transposed=g.style.folded).name
    elif g.style.folded:
        copy = ow.TransposedCopy(g.anonymous_name(), embedding)
        g.model.initializers.append(copy)
        right = copy.name
    else:
        right = embedding.name
    right = g.raised(scope, right)
    if not g.style.folded:
        right = g.op("Transpose", scope, [right], perm=[1, 0])
    g.op("MatMul", scope, [x, right], output="logits")


def gpt2(c, g):
    embedding = g.weight("transformer.wte.weight", [c["vocab"], c["hidden"]], "embedding")
    table = g.weight("transformer.wpe.weight", [c["positions"], c["hidden"]], "embedding")
    scope = "transformer"
    seq, = g.sizes(scope, "input_ids", 1)
    stop = g.op("Cast", scope, [seq], to=ow.INT64) if g.style.dynamic else g.index(scope, seq)
    line = g.op("Range", scope, [g.index(scope, 0), stop, g.index(scope, 1)])
    row = g.op("Unsqueeze", scope, [line, g.ints(scope, 0)])
    words = g.raised("transformer.wte", g.op("Gather", "transformer.wte", [embedding.name, "input_ids"]))
    places = g.raised("transformer.wpe", g.op("Gather", "transformer.wpe", [table.name, row]))
    x = g.op("Add", scope, [words, places])
    size = c["positions"]
    lower = b"".join(b"\1" * (i + 1) + b"\0" * (size - i - 1) for i in range(size))
    mask = g.constant(scope, lower, [1, 1, size, size], ow.UINT8)
    for i in range(c["layers"]):
        scope = f"transformer.h.{i}"
        h = layer_norm(c, g, scope + ".ln_1", x)
        x = g.op("Add", scope, [x, gpt2_attention(c, g, scope + ".attn", h, mask)])
        h = layer_norm(c, g, scope + ".ln_2", x)
        h = gelu(g, scope + ".mlp.act", conv1d(g, scope + ".mlp.c_fc", h, c["ffn"], c["hidden"]))
        x = g.op("Add", scope, [x, conv1d(g, scope + ".mlp.c_proj", h, c["hidden"], c["ffn"])])
    head(c, g, layer_norm(c, g, "transformer.ln_f", x), embedding)
    return g.finish(c["vocab"])


def layer_norm(c, g, scope, x):
    return g.op("LayerNormalization", scope,
                [x, g.vector(scope + ".weight", c["hidden"], "norm"),
                 g.vector(scope + ".bias", c["hidden"], "bias")], axis=-1, epsilon=c["eps"])


def conv1d(g, scope, x, out_size, in_size):
    """transformers' Conv1D: a Gemm on [tokens, in] with the weight stored [in, out]."""
    batch, seq = g.sizes(scope, x, 0, 1)
    flat = g.reshape(scope, x, -1, in_size)
    weight = g.raised(scope, g.weight(scope + ".weight", [in_size, out_size]).name)
    y = g.op("Gemm", scope, [flat, weight, g.vector(scope + ".bias", out_size, "bias")],
             alpha=1.0, beta=1.0)
    return g.reshape(scope, y, batch, seq, out_size)


def gpt2_attention(c, g, scope, x, mask):
    heads, dim = c["heads"], c["hidden"] // c["heads"]
    qkv = conv1d(g, scope + ".c_attn", x, 3 * c["hidden"], c["hidden"])
    parts = g.op("Split", scope, [qkv, g.ints(scope, *[c["hidden"]] * 3)], outputs=3, axis=2)

    def split_heads(value, perm):
        batch, seq = g.sizes(scope, value, 0, 1)
        return g.op("Transpose", scope, [g.reshape(scope, value, batch, seq, heads, dim)], perm=perm)

    q, v = split_heads(parts[0], [0, 2, 1, 3]), split_heads(parts[2], [0, 2, 1, 3])
    keys = split_heads(parts[1], [0, 2, 3, 1])
    scores = g.op("Div", scope, [g.op("MatMul", scope, [q, keys]), g.scalar(scope, math.sqrt(dim))])
    if g.style.dynamic:
        seq, = g.sizes(scope, x, 1)
        end = g.op("Unsqueeze", scope, [seq, g.ints(scope, 0)])
    else:
        end = g.ints(scope, g.style.seq)
    window = g.slice(scope, mask, g.ints(scope, 0), end, 2)
    window = g.slice(scope, window, g.ints(scope, 0), end, 3)
    allowed = g.op("Cast", scope, [window], to=ow.BOOL)
    scores = g.op("Where", scope, [allowed, scores, g.scalar(scope, LOWEST)])
    y = g.op("MatMul", scope, [g.op("Softmax", scope, [scores], axis=-1), v])
    y = g.op("Transpose", scope, [y], perm=[0, 2, 1, 3])
    y = g.reshape(scope, y, *g.sizes(scope, x, 0, 1), c["hidden"])
    return conv1d(g, scope + ".c_proj", y, c["hidden"], c["hidden"])


def gelu(g, scope, x):
    """The tanh approximation, as GPT-2's NewGELU exports."""
    half = g.op("Mul", scope, [x, g.scalar(scope, 0.5)])
    cube = g.op("Pow", scope, [x, g.scalar(scope, 3.0)])
    inner = g.op("Add", scope, [x, g.op("Mul", scope, [cube, g.scalar(scope, 0.044715)])])
    inner = g.op("Mul", scope, [inner, g.scalar(scope, math.sqrt(2 / math.pi))])
    outer = g.op("Add", scope, [g.op("Tanh", scope, [inner]), g.scalar(scope, 1.0)])
    return g.op("Mul", scope, [half, outer])
