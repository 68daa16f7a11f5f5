#!/usr/bin/env python3
"""Writes the toy's model.weights and the header that names it.

usage: make_weights.py MODEL.WEIGHTS HEADER.H
"""
import hashlib
import struct
import sys

PAGE = 16384
MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F,
                      0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)


def rotate(x, bits):
    return (x << bits | x >> (64 - bits)) & MASK


def mix(lane, value):
    return rotate((lane + value * P2) & MASK, 31) * P1 & MASK


def xxh64(data):
    """XXH64 with seed 0, from its specification."""
    at = 0
    if len(data) >= 32:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while len(data) - at >= 32:
            words = struct.unpack_from('<4Q', data, at)
            lanes = [mix(lane, word) for lane, word in zip(lanes, words)]
            at += 32
        h = sum(rotate(lane, bits)
                for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            h = ((h ^ mix(0, lane)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + len(data)) & MASK
    while len(data) - at >= 8:
        h ^= mix(0, struct.unpack_from('<Q', data, at)[0])
        h = (rotate(h, 27) * P1 + P4) & MASK
        at += 8
    if len(data) - at >= 4:
        h ^= struct.unpack_from('<I', data, at)[0] * P1 & MASK
        h = (rotate(h, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        h ^= byte * P5 & MASK
        h = rotate(h, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def pad(data):
    return data + bytes(-len(data) % PAGE)


def build(chunks):
    """The bytes of a weights file and the SHA-256 of its header."""
    offset = PAGE
    table = b''
    for chunk in chunks:
        table += struct.pack('<4Q', offset, len(chunk), xxh64(chunk), 0)
        offset += len(pad(chunk))
    header = struct.pack('<8sIIQQ32s', b'NEAPWTS1', 2, len(chunks), PAGE,
                         offset, b'\x22' * 32)
    header = pad(header + table)
    assert len(header) == PAGE
    return header + b''.join(map(pad, chunks)), hashlib.sha256(
        header).hexdigest()


def main():
    chunks = [struct.pack('<f', 0.75) + bytes(range(256)) * 300,
              bytes(i * 31 % 251 for i in range(70001))]
    data, digest = build(chunks)
    with open(sys.argv[1], 'wb') as out:
        out.write(data)
    with open(sys.argv[2], 'w', encoding='ascii') as out:
        out.write(f'#define TOY_WEIGHTS_SHA256 "{digest}"\n'
                  f'#define TOY_WEIGHTS_BYTES {len(data)}\n'
                  f'#define TOY_WEIGHTS_CHUNK {PAGE}\n')


if __name__ == '__main__':
    main()
