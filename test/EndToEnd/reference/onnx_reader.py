"""Reads ONNX files with the standard library: nodes, attributes and tensors.

Independent of Neap's importer and of models/onnx_writer.py; covers what the
generated models and the import fixtures contain. Tensors become (shape, list of Python numbers).
"""
import ast
import math
import os
import struct
from pathlib import Path

FORMATS = {1: ("f", 4), 2: ("B", 1), 6: ("i", 4), 7: ("q", 8), 9: ("?", 1), 10: ("e", 2), 11: ("d", 8)}
BFLOAT16 = 16


def fields(data):
    """(number, value) of a message: ints for varints, bytes otherwise."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == 5:
            yield tag >> 3, bytes(data[at:at + 4])
            at += 4
        elif tag & 7 == 2:
            size = varint()
            yield tag >> 3, bytes(data[at:at + size])
            at += size
        else:
            raise ValueError(f"unsupported wire type {tag & 7}")


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def tensor(data, folder):
    """(name, shape, values) of a TensorProto with raw or external data."""
    shape, element_type, name, raw, external = [], 0, "", b"", {}
    for number, value in fields(data):
        if number == 1:
            shape.append(value)
        elif number == 2:
            element_type = value
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
        elif number == 13:
            entry = dict(fields(value))
            external[entry[1].decode()] = entry[2].decode()
    if external:
        with open(os.path.join(folder, external["location"]), "rb") as file:
            file.seek(int(external.get("offset", 0)))
            raw = file.read(int(external["length"]))
    count = math.prod(shape)
    if element_type == BFLOAT16:
        halves = struct.unpack(f"<{count}H", raw)
        values = list(struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(h << 16 for h in halves))))
    else:
        values = list(struct.unpack(f"<{count}{FORMATS[element_type][0]}", raw))
    return name, shape, values


def attribute(data, folder):
    """(name, value); tensors as (shape, values)."""
    name, value, ints = "", None, []
    for number, content in fields(data):
        if number == 1:
            name = content.decode()
        elif number == 2:
            value, = struct.unpack("<f", content)
        elif number == 3:
            value = signed(content)
        elif number == 4:
            value = content.decode()
        elif number == 5:
            value = tensor(content, folder)[1:]
        elif number == 8:
            ints.append(signed(content))
    return name, ints if value is None else value


class Node:
    def __init__(self, data, folder):
        self.inputs, self.outputs, self.attributes = [], [], {}
        self.scopes = []  # module paths around it, as exported since torch 2.5
        self.op = self.name = ""
        for number, value in fields(data):
            if number == 1:
                self.inputs.append(value.decode())
            elif number == 2:
                self.outputs.append(value.decode())
            elif number == 3:
                self.name = value.decode()
            elif number == 4:
                self.op = value.decode()
            elif number == 5:
                key, content = attribute(value, folder)
                self.attributes[key] = content
            elif number == 9:
                key, content = (text.decode() for _, text in fields(value))
                if key == "pkg.torch.onnx.name_scopes":
                    self.scopes = ast.literal_eval(content)


def read(path):
    """(nodes, {initializer name: (shape, values)}) of a model file."""
    folder = Path(path).parent
    graph = next(value for number, value in fields(Path(path).read_bytes()) if number == 7)
    nodes, initializers = [], {}
    for number, value in fields(graph):
        if number == 1:
            nodes.append(Node(value, folder))
        elif number == 5:
            name, shape, values = tensor(value, folder)
            initializers[name] = (shape, values)
    return nodes, initializers
