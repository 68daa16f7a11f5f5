"""A float64 interpreter of ONNX graphs in plain Python, with LoRA added.

Executes the nodes as the ONNX specification words them, without knowing what
the model is: the independent opinion that the trainer's losses and gradients
are held against. A tensor is a pair (shape, flat list in row-major order).
"""
import itertools
import math
import operator

from onnx_reader import read


def strides_of(shape):
    result, step = [], 1
    for size in reversed(shape):
        result.insert(0, step)
        step *= size
    return result


def gather_indices(shape, strides, offset=0):
    """Flat source index of every element of `shape` read with `strides`."""
    indices = [offset]
    for size, stride in zip(shape, strides):
        indices = [base + i * stride for base in indices for i in range(size)]
    return indices


def broadcast(tensor, shape):
    source, data = tensor
    if source == shape:
        return data
    padded = [1] * (len(shape) - len(source)) + source
    strides = [0 if p == 1 else s for p, s in zip(padded, strides_of(padded))]
    return [data[i] for i in gather_indices(shape, strides)]


def broadcast_shape(*shapes):
    rank = max(map(len, shapes))
    padded = [[1] * (rank - len(s)) + s for s in shapes]
    return [max(sizes) if 0 not in sizes else 0 for sizes in zip(*padded)]


def elementwise(function):
    def apply(node, *tensors):
        shape = broadcast_shape(*(t[0] for t in tensors))
        return shape, list(map(function, *(broadcast(t, shape) for t in tensors)))
    return apply


def divide(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return a / b


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def dot(a, b):
    return sum(map(operator.mul, a, b))


def transpose(node, x):
    shape, data = x
    perm = node.attributes.get("perm") or list(range(len(shape)))[::-1]
    strides = strides_of(shape)
    result = [shape[p] for p in perm]
    return result, [data[i] for i in gather_indices(result, [strides[p] for p in perm])]


def matmul(node, a, b):
    (a_shape, a_data), (b_shape, b_data) = a, b
    rows, inner, columns = a_shape[-2], a_shape[-1], b_shape[-1]
    batch = broadcast_shape(a_shape[:-2], b_shape[:-2])
    blocks = math.prod(batch)
    a_at = broadcast((a_shape[:-2], list(range(math.prod(a_shape[:-2])))), batch)
    b_at = broadcast((b_shape[:-2], list(range(math.prod(b_shape[:-2])))), batch)
    out, cache = [], {}
    for block in range(blocks):
        base = b_at[block] * inner * columns
        if base not in cache:
            piece = b_data[base:base + inner * columns]
            cache = {base: [piece[c::columns] for c in range(columns)]}
        for r in range(rows):
            start = (a_at[block] * rows + r) * inner
            row = a_data[start:start + inner]
            out.extend(dot(row, column) for column in cache[base])
    return batch + [rows, columns], out


def gemm(node, a, b, c):
    for name in ("transA", "transB"):
        assert not node.attributes.get(name), f"{node.name}: {name} is not covered"
    shape, data = matmul(node, a, b)
    alpha, beta = node.attributes.get("alpha", 1.0), node.attributes.get("beta", 1.0)
    return shape, [alpha * y + beta * bias for y, bias in zip(data, broadcast(c, shape))]


def gather(node, x, indices):
    shape, data = x
    axis = node.attributes.get("axis", 0) % max(len(shape), 1)
    inner = math.prod(shape[axis + 1:])
    out = []
    for outer in range(math.prod(shape[:axis])):
        for index in indices[1]:
            start = (outer * shape[axis] + index % shape[axis]) * inner
            out.extend(data[start:start + inner])
    return shape[:axis] + indices[0] + shape[axis + 1:], out


def slice_(node, x, starts, ends, axes=None, steps=None):
    shape, data = x
    axes = axes[1] if axes else list(range(len(starts[1])))
    steps = steps[1] if steps else [1] * len(axes)
    strides, result, offset = strides_of(shape), list(shape), 0
    for start, end, axis, step in zip(starts[1], ends[1], axes, steps):
        picked = range(shape[axis])[slice(start, end, step)]
        result[axis] = len(picked)
        offset += (picked.start if len(picked) else 0) * strides[axis]
        strides[axis] *= step
    return result, [data[i] for i in gather_indices(result, strides, offset)]


def concat(node, *tensors):
    axis = node.attributes["axis"] % len(tensors[0][0])
    outer = math.prod(tensors[0][0][:axis])
    out = []
    for i in range(outer):
        for shape, data in tensors:
            width = math.prod(shape[axis:])
            out.extend(data[i * width:(i + 1) * width])
    shape = list(tensors[0][0])
    shape[axis] = sum(t[0][axis] for t in tensors)
    return shape, out


def split(node, x, sizes=None):
    axis, start, results = node.attributes.get("axis", 0), 0, []
    parts = len(node.outputs)
    for size in sizes[1] if sizes else [x[0][axis] // parts] * parts:
        results.append(slice_(node, x, ([1], [start]), ([1], [start + size]), ([1], [axis])))
        start += size
    return results


def reshape(node, x, target):
    shape = [x[0][i] if size == 0 else size for i, size in enumerate(target[1])]
    if -1 in shape:
        known = -math.prod(shape)
        shape[shape.index(-1)] = len(x[1]) // known
    return shape, x[1]


def unsqueeze(node, x, axes):
    shape = list(x[0])
    for axis in sorted(a % (len(x[0]) + len(axes[1])) for a in axes[1]):
        shape.insert(axis, 1)
    return shape, x[1]


def squeeze(node, x, axes):
    drop = {a % len(x[0]) for a in axes[1]}
    return [s for i, s in enumerate(x[0]) if i not in drop], x[1]


def expand(node, x, target):
    shape = broadcast_shape(x[0], target[1])
    return shape, broadcast(x, shape)


def tile(node, x, repeats):
    shape, data = x
    strides = strides_of(shape)
    indices = [0]
    for size, stride, repeat in zip(shape, strides, repeats[1]):
        indices = [base + i % size * stride for base in indices for i in range(size * repeat)]
    return [s * r for s, r in zip(shape, repeats[1])], [data[i] for i in indices]


def rows_of(x):
    width = x[0][-1]
    return [x[1][i:i + width] for i in range(0, len(x[1]), width)]


def softmax(node, x):
    assert node.attributes.get("axis", -1) in (-1, len(x[0]) - 1)
    out = []
    for row in rows_of(x):
        top = max(row)
        exps = [math.exp(v - top) for v in row]
        total = sum(exps)
        out.extend(e / total for e in exps)
    return x[0], out


def reduce_mean(node, x, axes=None):
    axes = axes[1] if axes else node.attributes["axes"]
    assert list(axes) == [-1] and node.attributes["keepdims"] == 1
    return x[0][:-1] + [1], [sum(row) / len(row) for row in rows_of(x)]


def layer_norm(node, x, scale, bias):
    epsilon, out = node.attributes.get("epsilon", 1e-5), []
    for row in rows_of(x):
        mean = sum(row) / len(row)
        inverse = 1 / math.sqrt(sum((v - mean) ** 2 for v in row) / len(row) + epsilon)
        out.extend((v - mean) * inverse * s + b for v, s, b in zip(row, scale[1], bias[1]))
    return x[0], out


def trilu(node, x, k):
    rows, columns = x[0][-2:]
    keep = operator.ge if node.attributes.get("upper", 1) else operator.le
    places = itertools.cycle(itertools.product(range(rows), range(columns)))
    return x[0], [v if keep(c - r, k[1][0]) else 0.0 for v, (r, c) in zip(x[1], places)]


def constant_of_shape(node, shape):
    value = node.attributes["value"][1][0]
    return list(shape[1]), [value] * math.prod(shape[1])


def cast(node, x):
    convert = {1: float, 7: int, 9: bool}[node.attributes["to"]]
    return x[0], list(map(convert, x[1]))


def range_(node, start, limit, delta):
    values = list(range(start[1][0], limit[1][0], delta[1][0]))
    return [len(values)], values


OPERATORS = {
    "Add": elementwise(operator.add), "Sub": elementwise(operator.sub), "Mul": elementwise(operator.mul),
    "Div": elementwise(divide), "Pow": elementwise(operator.pow), "Neg": elementwise(operator.neg),
    "Sqrt": elementwise(math.sqrt), "Cos": elementwise(math.cos), "Sin": elementwise(math.sin),
    "Tanh": elementwise(math.tanh), "Erf": elementwise(math.erf), "Sigmoid": elementwise(sigmoid),
    "Reciprocal": elementwise(lambda x: 1 / x), "IsNaN": elementwise(math.isnan),
    "Equal": elementwise(operator.eq), "Greater": elementwise(operator.gt), "Less": elementwise(operator.lt),
    "LessOrEqual": elementwise(operator.le), "Or": elementwise(operator.or_),
    "Where": elementwise(lambda c, a, b: a if c else b),
    "Identity": lambda node, x: x, "Constant": lambda node: node.attributes["value"],
    "Shape": lambda node, x: ([len(x[0])], list(x[0])),
    "MatMul": matmul, "Gemm": gemm, "Transpose": transpose, "Gather": gather, "Slice": slice_,
    "Concat": concat, "Split": split, "Reshape": reshape, "Unsqueeze": unsqueeze, "Squeeze": squeeze,
    "Expand": expand, "Tile": tile, "Softmax": softmax, "ReduceMean": reduce_mean, "LayerNormalization": layer_norm,
    "Trilu": trilu, "ConstantOfShape": constant_of_shape, "Cast": cast, "Range": range_}


def module_of(node):
    """`/model/layers.0/self_attn/q_proj/MatMul` -> `model.layers.0.self_attn.q_proj`;
    a node without a name has the module among its scopes, before the function's."""
    if node.scopes:
        return node.scopes[-2]
    return ".".join(node.name.strip("/").split("/")[:-1])


class Reference:
    """A model with LoRA on some modules: losses in float64."""

    def __init__(self, path, scale):
        self.nodes, self.weights = read(path)
        self.scale = scale

    def logits(self, ids, adapter):
        """Logits of one row; `adapter` maps module paths to (A, B) row lists."""
        values = dict(self.weights)
        values["input_ids"] = ([1, len(ids)], list(ids))
        values["attention_mask"] = ([1, len(ids)], [1] * len(ids))
        for node in self.nodes:
            result = OPERATORS[node.op](node, *(values[i] for i in node.inputs))
            if node.op in ("MatMul", "Gemm") and module_of(node) in adapter:
                result = self.adapted(result, values[node.inputs[0]], *adapter[module_of(node)])
            for name, value in zip(node.outputs, result if isinstance(result, list) else [result]):
                values[name] = value
        return rows_of(values["logits"])

    def adapted(self, y, x, a, b):
        """y + scale * B (A x)."""
        out = []
        for row, base in zip(rows_of(x), rows_of(y)):
            inner = [dot(row, column) for column in a]
            out.extend(v + self.scale * dot(inner, column) for v, column in zip(base, b))
        return y[0], out

    def loss_sum(self, ids, labels, adapter):
        """Summed next-token loss of a row and the number of its targets."""
        total, count = 0.0, 0
        for row, label in zip(self.logits(ids, adapter), labels[1:]):
            if label == -100:
                continue
            top = max(row)
            total += top + math.log(sum(math.exp(v - top) for v in row)) - row[label]
            count += 1
        return total, count

    def loss(self, rows, adapter):
        """Token mean over the targets of all rows."""
        sums = [self.loss_sum(ids, labels, adapter) for ids, labels in rows]
        return sum(s for s, _ in sums) / sum(c for _, c in sums)
