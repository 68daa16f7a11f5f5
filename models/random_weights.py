"""Deterministic random weights, fast enough for models of a billion parameters.

Random bytes come from Python's Mersenne twister; the byte that holds sign and
exponent is then mapped through a 256-entry table, so that no Python code runs
per element. Values are symmetric around zero with the asked standard deviation
and never zero, infinite or NaN.
"""
import math
import random
import struct

from onnx_writer import BFLOAT16, FLOAT, FLOAT16

CHUNK_BYTES = 1 << 20


def exponent_table(element_type, std):
    """Table for the top byte, from the mixture of two magnitudes whose mean square is std**2.

    fp32 and bf16 keep sign and the upper seven exponent bits there: a step of
    one is a factor of four and the free exponent bit adds a random factor of
    two. fp16 keeps sign, five exponent bits and two of the mantissa.
    """
    if element_type == FLOAT16:
        # E[(1+m)^2] = 7/3; e is the unbiased exponent of the larger magnitude.
        unit, factor, bias, choices, shift = math.sqrt(7 / 3), 2, 15, 32, 2
    else:
        # Exponent 2k+bit-127: mean square (1+4)/2 * 7/3 at k.
        unit, factor, bias, choices, shift = math.sqrt(35 / 6) / 2, 4, 63, 128, 0
    step = math.ceil(math.log(std / unit, factor))
    high = unit * factor ** step
    low = high / factor
    weight = (std * std - low * low) / (high * high - low * low)
    split = round(weight * choices)
    table = bytearray(256)
    for value in range(256):
        choice = (value & 0x7F) >> shift
        exponent = bias + step - (0 if choice < split else 1)
        table[value] = value & 0x80 | exponent << shift | value & ((1 << shift) - 1)
    return bytes(table)


def normal_chunks(key, count, element_type, std):
    """Yields `count` elements as bytes; `key` names the stream."""
    rng = random.Random(key)
    width = 4 if element_type == FLOAT else 2
    table = exponent_table(element_type, std)
    left = count * width
    while left:
        size = min(left, CHUNK_BYTES)
        data = bytearray(rng.randbytes(size))
        data[width - 1::width] = data[width - 1::width].translate(table)
        left -= size
        yield bytes(data)


def near_one_chunks(key, count, element_type):
    """Norm weights: uniform in [0.8, 1.2), so that none is an exact one."""
    rng = random.Random(key)
    yield encode([rng.uniform(0.8, 1.2) for _ in range(count)], element_type)


def encode(values, element_type):
    if element_type == FLOAT:
        return struct.pack(f"<{len(values)}f", *values)
    if element_type == FLOAT16:
        return struct.pack(f"<{len(values)}e", *values)
    assert element_type == BFLOAT16
    return b"".join(struct.pack("<f", v)[2:] for v in values)
