"""Writes ONNX files with the standard library alone.

Only what the generator of test models needs: the protobuf wire format, node,
tensor, value and model messages of onnx.proto3 (IR version 8), and a streaming
writer. Weights are given as iterables of bytes of a known total size, so a
model is never held in memory.
"""
import mmap
import os
import struct

FLOAT, UINT8, INT64, BOOL, FLOAT16, BFLOAT16 = 1, 2, 7, 9, 10, 16
ELEMENT_BYTES = {FLOAT: 4, UINT8: 1, INT64: 8, BOOL: 1, FLOAT16: 2, BFLOAT16: 2}
PROTOBUF_LIMIT = (1 << 31) - 1
EXTERNAL_ALIGNMENT = 4096


def varint(value):
    if value < 0:
        value += 1 << 64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field_int(number, value):
    return varint(number << 3) + varint(value)


def field_bytes(number, value):
    if isinstance(value, str):
        value = value.encode()
    return field_header(number, len(value)) + value


def field_header(number, length):
    """Tag and length of a length-delimited field whose content follows."""
    return varint(number << 3 | 2) + varint(length)


def attribute(name, value):
    """AttributeProto of a Python value; the type follows from the value."""
    head = field_bytes(1, name)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + field_int(20, 1)
    if isinstance(value, int):
        return head + field_int(3, value) + field_int(20, 2)
    if isinstance(value, bytes):  # an encoded TensorProto
        return head + field_bytes(5, value) + field_int(20, 4)
    if isinstance(value, str):
        return head + field_bytes(4, value) + field_int(20, 3)
    return head + b"".join(field_int(8, v) for v in value) + field_int(20, 7)


def tensor(dims, element_type, raw, name=""):
    """TensorProto with its data inline."""
    return tensor_head(name, dims, element_type) + field_bytes(9, raw)


def tensor_head(name, dims, element_type):
    head = b"".join(field_int(1, d) for d in dims) + field_int(2, element_type)
    return head + (field_bytes(8, name) if name else b"")


def node(op, name, inputs, outputs, attributes):
    return b"".join([field_bytes(1, i) for i in inputs] + [field_bytes(2, o) for o in outputs] +
                    [field_bytes(3, name), field_bytes(4, op)] +
                    [field_bytes(5, attribute(k, v)) for k, v in attributes.items()])


def value_info(name, element_type, dims):
    """ValueInfoProto; a dimension is a number or the name of a symbolic one."""
    encoded = b"".join(
        field_bytes(1, field_bytes(2, d) if isinstance(d, str) else field_int(1, d)) for d in dims)
    shape = field_int(1, element_type) + field_bytes(2, encoded)
    return field_bytes(1, name) + field_bytes(2, field_bytes(1, shape))


class Initializer:
    """A weight: `chunks()` yields bytes of `size_bytes` in all."""

    def __init__(self, name, dims, element_type, chunks):
        self.name, self.dims, self.element_type, self.chunks = name, dims, element_type, chunks
        self.size_bytes = ELEMENT_BYTES[element_type]
        for d in dims:
            self.size_bytes *= d


class TransposedCopy(Initializer):
    """The transpose of a matrix written earlier, read back from the output."""

    def __init__(self, name, source):
        super().__init__(name, source.dims[::-1], source.element_type, None)
        self.source = source


class Model:
    """Nodes and weights of one graph; `write` streams them to a file."""

    def __init__(self, producer="neap-models", opset=17, name="torch_jit"):
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.producer, self.opset, self.name = producer, opset, name

    def write(self, path, external=False, write_data=True):
        """Writes `path`, and `path`.data with the weights when external, unless
        the shapes alone are wanted."""
        data_path = f"{path}.data"
        bodies, offset = [], 0
        for init in self.initializers:
            head = tensor_head(init.name, init.dims, init.element_type)
            if external:
                offset = -(-offset // EXTERNAL_ALIGNMENT) * EXTERNAL_ALIGNMENT
                entries = (("location", os.path.basename(data_path)), ("offset", str(offset)),
                           ("length", str(init.size_bytes)))
                head += b"".join(field_bytes(13, field_bytes(1, k) + field_bytes(2, v))
                                 for k, v in entries) + field_int(14, 1)
                init.file_offset = offset
                offset += init.size_bytes
                bodies.append((head, 0))
            else:
                head += field_header(9, init.size_bytes)
                bodies.append((head, init.size_bytes))
        front = b"".join(field_bytes(1, n) for n in self.nodes) + field_bytes(2, self.name)
        back = b"".join([field_bytes(11, v) for v in self.inputs] +
                        [field_bytes(12, v) for v in self.outputs])
        graph_bytes = len(front) + len(back)
        for head, size in bodies:
            graph_bytes += len(field_header(5, len(head) + size)) + len(head) + size
        if graph_bytes > PROTOBUF_LIMIT:
            raise ValueError(f"the model has {graph_bytes} bytes, more than protobuf's limit of "
                             f"{PROTOBUF_LIMIT}: use external data")
        opset = field_bytes(8, field_bytes(1, "") + field_int(2, self.opset))
        with open(path, "w+b") as file:
            file.write(field_int(1, 8) + field_bytes(2, self.producer))
            file.write(field_header(7, graph_bytes) + front)
            for init, (head, size) in zip(self.initializers, bodies):
                file.write(field_header(5, len(head) + size) + head)
                if not external:
                    init.file_offset = file.tell()
                    write_weights(file, init)
            file.write(back + opset)
        if external and write_data:
            with open(data_path, "w+b") as file:
                for init in self.initializers:
                    file.write(bytes(init.file_offset - file.tell()))
                    write_weights(file, init)


def write_weights(file, init):
    start = file.tell()
    source = transposed(file, init.source) if isinstance(init, TransposedCopy) else init.chunks()
    for chunk in source:
        file.write(chunk)
    if file.tell() - start != init.size_bytes:
        raise ValueError(f"'{init.name}' has {file.tell() - start} bytes, expected {init.size_bytes}")


def transposed(file, source):
    """Rows of the transpose of a matrix that `file` already holds."""
    file.flush()
    rows, columns = source.dims
    step = ELEMENT_BYTES[source.element_type]
    base = source.file_offset % mmap.ALLOCATIONGRANULARITY
    with mmap.mmap(file.fileno(), base + source.size_bytes, access=mmap.ACCESS_READ,
                   offset=source.file_offset - base) as mapping:
        view = memoryview(mapping)[base:base + source.size_bytes]
        matrix = view.cast("H" if step == 2 else "I")
        for column in range(columns):
            yield matrix[column::columns].tobytes()
        matrix.release()
        view.release()
