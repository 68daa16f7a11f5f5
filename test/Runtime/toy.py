"""The toy model of toy.cpp in Python, and the files the tests feed to it."""
import json
import math
import os
import struct

KEYS = [('base_model.model.m.big.lora_A.weight', 64, 160),
        ('base_model.model.m.up.lora_A.weight', 4, 3),
        ('base_model.model.m.up.lora_B.weight', 5, 4)]
ELEMENTS = sum(rows * cols for _, rows, cols in KEYS)
WEIGHT = 0.75


def write_safetensors(path, tensors, metadata=None, padding=b' '):
    """tensors: name -> (dtype, shape, bytes), written in this order."""
    header, data = {}, b''
    if metadata is not None:
        header['__metadata__'] = metadata
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {'dtype': dtype, 'shape': shape,
                        'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(',', ':')).encode()
    text += padding * (-len(text) % 8)
    with open(path, 'wb') as out:
        out.write(struct.pack('<Q', len(text)) + text + data)


def read_safetensors(path):
    """name -> (dtype, shape, bytes), and the header's text."""
    with open(path, 'rb') as source:
        raw = source.read()
    size = struct.unpack_from('<Q', raw)[0]
    header = json.loads(raw[8:8 + size])
    header.pop('__metadata__', None)
    return {name: (entry['dtype'], entry['shape'],
                   raw[8 + size + entry['data_offsets'][0]:
                       8 + size + entry['data_offsets'][1]])
            for name, entry in header.items()}, raw[8:8 + size].decode()


def read_values(path):
    """All elements of an adapter file, in the order of the file."""
    tensors, _ = read_safetensors(path)
    values = []
    for key, rows, cols in KEYS:
        dtype, shape, raw = tensors[key]
        assert dtype == 'F32' and shape == [rows, cols], (key, dtype, shape)
        values += struct.unpack(f'<{rows * cols}f', raw)
    return values


def write_adapter(folder, values, dtype='F32', encode=None):
    os.makedirs(folder, exist_ok=True)
    encode = encode or (lambda part: struct.pack(f'<{len(part)}f', *part))
    tensors, at = {}, 0
    for key, rows, cols in KEYS:
        tensors[key] = (dtype, [rows, cols], encode(values[at:at + rows * cols]))
        at += rows * cols
    write_safetensors(os.path.join(folder, 'adapter_model.safetensors'),
                      tensors, {'format': 'pt'})


def write_tokens(path, ids, labels=None, dtype='I32'):
    labels = ids if labels is None else labels
    code = 'i' if dtype == 'I32' else 'q'

    def tensor(rows):
        flat = [token for row in rows for token in row]
        return (dtype, [len(rows), len(rows[0])],
                struct.pack(f'<{len(flat)}{code}', *flat))
    write_safetensors(path, {'input_ids': tensor(ids),
                             'labels': tensor(labels)}, {'format': 'pt'})


def targets_of(ids, labels):
    """(token, target) pairs of a row, unshifted labels."""
    return [(ids[t], labels[t + 1]) for t in range(len(ids) - 1)
            if labels[t + 1] != -100]


def sums(pairs):
    """For each j mod 17: how many pulls, their sum, their sum of squares."""
    result = []
    for j in range(17):
        pulls = [WEIGHT * ((7 * x + 13 * y + 3 * j) % 17) / 16
                 for x, y in pairs]
        result.append((len(pulls), math.fsum(pulls),
                       math.fsum(p * p for p in pulls)))
    return result


def loss_and_gradient(values, pairs):
    """Summed loss of the pairs and its gradient."""
    table = sums(pairs)
    loss, gradient = 0.0, []
    for j, value in enumerate(values):
        count, first, second = table[j % 17]
        loss += 0.5 * (count * value * value - 2 * value * first + second)
        gradient.append(count * value - first)
    return loss, gradient


class AdamW:
    """The toy's update: betas 0.9 and 0.999, epsilon 1e-8, decay 0.01."""

    def __init__(self, values):
        self.values = list(values)
        self.first = [0.0] * len(values)
        self.second = [0.0] * len(values)
        self.steps = 0

    def step(self, gradient, rate):
        self.steps += 1
        c1, c2 = 1 - 0.9 ** self.steps, 1 - 0.999 ** self.steps
        for i, g in enumerate(gradient):
            self.first[i] = 0.9 * self.first[i] + 0.1 * g
            self.second[i] = 0.999 * self.second[i] + 0.001 * g * g
            self.values[i] -= rate * 0.01 * self.values[i]
            self.values[i] -= rate * (self.first[i] / c1) / (
                math.sqrt(self.second[i] / c2) + 1e-8)


def train(values, windows, rates, max_norm=0.0):
    """windows: list of pair lists. Returns losses, norms, gradients, values."""
    optimizer = AdamW(values)
    losses, norms, gradients = [], [], []
    for pairs, rate in zip(windows, rates):
        loss, gradient = loss_and_gradient(optimizer.values, pairs)
        gradient = [g / len(pairs) for g in gradient]
        norm = math.sqrt(math.fsum(g * g for g in gradient))
        losses.append(loss / len(pairs))
        norms.append(norm)
        gradients.append(gradient)
        scale = min(1.0, max_norm / (norm + 1e-6)) if max_norm > 0 else 1.0
        optimizer.step([g * scale for g in gradient], rate)
    return losses, norms, gradients, optimizer.values
