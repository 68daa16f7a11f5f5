"""Builds graphs node by node, named as PyTorch's TorchScript exporter names them.

A node in module `model.layers.0.self_attn` is `/model/layers.0/self_attn/MatMul`,
the second of its kind there `..._1`, and its result `<node>_output_0`.
"""
import struct
from collections import Counter

import onnx_writer as ow


class Style:
    """How the export looks: constant folding, symbolic or fixed sizes, weight format."""

    def __init__(self, folded=True, dynamic=True, element_type=ow.FLOAT, batch=1, seq=32):
        self.folded, self.dynamic, self.element_type = folded, dynamic, element_type
        self.batch, self.seq = batch, seq


class Graph:
    def __init__(self, style, weights):
        """`weights(name, dims, kind, transposed)` yields an initializer's chunks."""
        self.style, self.weights = style, weights
        self.model = ow.Model()
        self.counts = Counter()
        self.anonymous = 500

    # Nodes ---------------------------------------------------------------

    def name(self, scope, op):
        path = "/" + "/".join(self.segments(scope)) if scope else ""
        key = f"{path}/{op}"
        self.counts[key] += 1
        return key if self.counts[key] == 1 else f"{key}_{self.counts[key] - 1}"

    @staticmethod
    def segments(scope):
        """Module path to node path: an index stays with its list (`layers.0`)."""
        parts = []
        for part in scope.split("."):
            if part.isdigit() and parts:
                parts[-1] += "." + part
            else:
                parts.append(part)
        return parts

    def op(self, op, scope, inputs, outputs=1, output=None, **attributes):
        name = self.name(scope, op)
        results = [output] if output else [f"{name}_output_{i}" for i in range(outputs)]
        self.model.nodes.append(ow.node(op, name, inputs, results, attributes))
        return results[0] if outputs == 1 else results

    def constant(self, scope, raw, dims, element_type):
        return self.op("Constant", scope, [], value=ow.tensor(dims, element_type, raw))

    def ints(self, scope, *values):
        return self.constant(scope, struct.pack(f"<{len(values)}q", *values), [len(values)], ow.INT64)

    def index(self, scope, value):
        return self.constant(scope, struct.pack("<q", value), [], ow.INT64)

    def scalar(self, scope, value):
        return self.constant(scope, struct.pack("<f", value), [], ow.FLOAT)

    def floats(self, scope, values, dims):
        return self.constant(scope, struct.pack(f"<{len(values)}f", *values), dims, ow.FLOAT)

    # Weights -------------------------------------------------------------

    def weight(self, name, dims, kind="linear", element_type=None, label=None, transposed=False):
        """Adds an initializer and returns it."""
        init = ow.Initializer(label or name, dims, element_type or self.style.element_type,
                              lambda: self.weights(name, dims, kind, transposed))
        self.model.initializers.append(init)
        return init

    def vector(self, name, size, kind):
        """A norm weight or bias, raised to fp32 where it is stored in fewer bits."""
        return self.raised(name.rsplit(".", 1)[0], self.weight(name, [size], kind).name)

    def raised(self, scope, value):
        if self.style.element_type == ow.FLOAT:
            return value
        return self.op("Cast", scope, [value], to=ow.FLOAT)

    def anonymous_name(self):
        self.anonymous += 1
        return f"onnx::MatMul_{self.anonymous}"

    def linear(self, scope, x, out_size, in_size, bias=False):
        """MatMul with a weight as nn.Linear exports it, folded or not."""
        name = scope + ".weight"
        if self.style.folded:
            w = self.weight(name, [in_size, out_size], label=self.anonymous_name(), transposed=True)
            right = self.raised(scope, w.name)
        else:
            w = self.weight(name, [out_size, in_size])
            right = self.op("Transpose", scope, [self.raised(scope, w.name)], perm=[1, 0])
        y = self.op("MatMul", scope, [x, right])
        if bias:
            y = self.op("Add", scope, [self.vector(scope + ".bias", out_size, "bias"), y])
        return y

    # Shapes --------------------------------------------------------------

    def sizes(self, scope, value, *axes):
        """Run-time sizes of axes of a value, or their fixed numbers."""
        if not self.style.dynamic:
            return [(self.style.batch, self.style.seq)[a] for a in axes]
        result = []
        for axis in axes:
            shape = self.op("Shape", scope, [value])
            result.append(self.op("Gather", scope, [shape, self.index(scope, axis)], axis=0))
        return result

    def shape(self, scope, *dims):
        """A shape from numbers and run-time sizes: one constant where all are known."""
        if all(isinstance(d, int) for d in dims):
            return self.ints(scope, *dims)
        parts = [self.ints(scope, d) if isinstance(d, int) else
                 self.op("Unsqueeze", scope, [d, self.ints(scope, 0)]) for d in dims]
        return self.op("Concat", scope, parts, axis=0)

    def reshape(self, scope, value, *dims):
        return self.op("Reshape", scope, [value, self.shape(scope, *dims)], allowzero=0)

    def expand(self, scope, value, *dims):
        """torch.expand with the exporter's chain in which -1 keeps a size."""
        flat = self.op("Reshape", scope, [self.shape(scope, *dims), self.ints(scope, -1)], allowzero=0)
        ones = self.op("ConstantOfShape", scope, [self.op("Shape", scope, [flat])],
                       value=ow.tensor([1], ow.INT64, struct.pack("<q", 1)))
        keep = self.op("Mul", scope, [ones, self.index(scope, -1)])
        equal = self.op("Equal", scope, [flat, keep])
        target = self.op("Where", scope, [equal, ones, flat])
        return self.op("Expand", scope, [value, target])

    def slice(self, scope, value, start, end, axis):
        return self.op("Slice", scope, [value, start, end, self.ints(scope, axis), self.ints(scope, 1)])

    def finish(self, vocabulary):
        dims = ["batch", "seq"] if self.style.dynamic else [self.style.batch, self.style.seq]
        self.model.inputs.append(ow.value_info("input_ids", ow.INT64, dims))
        self.model.outputs.append(ow.value_info("logits", ow.FLOAT, dims + [vocabulary]))
        return self.model
