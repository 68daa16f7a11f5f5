#!/usr/bin/env python3
"""Generates ONNX language models with random weights, for tests and benchmarks.

The graphs have the shape, names and idioms of real exports; weights stream to
the file, so a model of any size needs little memory. Standard library only;
the same arguments give the same bytes on any machine.

  generate.py --preset 110m -o model.onnx
  generate.py --arch qwen2 --hidden 896 --layers 24 --heads 14 --kv-heads 2 \\
              --ffn 4864 --vocab 151936 --dtype bf16 --external-data -o model.onnx
"""
import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import architectures  # noqa: E402
import onnx_writer as ow  # noqa: E402
import random_weights  # noqa: E402
from graph_builder import Style  # noqa: E402

DTYPES = {"fp32": ow.FLOAT, "fp16": ow.FLOAT16, "bf16": ow.BFLOAT16}
STANDARD_DEVIATION = {"linear": 0.02, "embedding": 0.05, "bias": 0.02}


def shape(arch, hidden, layers, heads, kv_heads, ffn, vocab, tied=True, positions=1024,
          theta=10000.0, eps=1e-5):
    return dict(arch=arch, hidden=hidden, layers=layers, heads=heads, kv_heads=kv_heads, ffn=ffn,
                vocab=vocab, tied=tied, positions=positions, theta=theta, eps=eps)


PRESETS = {
    "tiny": shape("llama", 64, 2, 4, 2, 128, 256),
    "tiny-odd": shape("llama", 60, 3, 3, 1, 100, 251, tied=False),
    "tiny-qwen2": shape("qwen2", 64, 2, 4, 2, 128, 256, theta=1e6, eps=1e-6),
    "tiny-gpt2": shape("gpt2", 64, 2, 4, 4, 256, 256, positions=128),
    "llama-2-layers": shape("llama", 256, 2, 4, 2, 704, 2048),
    "llama-24-layers": shape("llama", 256, 24, 4, 2, 704, 2048),
    "110m": shape("llama", 768, 12, 12, 4, 2432, 32000),
    "gpt2-small": shape("gpt2", 768, 12, 12, 12, 3072, 50257),
    "qwen2-0.5b": shape("qwen2", 896, 24, 14, 2, 4864, 151936, positions=32768, theta=1e6,
                        eps=1e-6),
    "llama-3.2-1b": shape("llama", 2048, 16, 32, 8, 8192, 128256, positions=131072, theta=5e5),
    "llama-3.2-3b": shape("llama", 3072, 28, 24, 8, 8192, 128256, positions=131072, theta=5e5),
}


def random_source(seed, element_type):
    """Weights of the given seed: values depend on the name alone, so the folded
    and the unfolded export of one seed are the same model. Only a transposed
    tensor is held in memory, one at a time."""
    def weights(name, dims, kind, transposed):
        count = 1
        for d in dims:
            count *= d
        key = f"{seed}/{name}"
        if kind == "norm" and name.endswith("weight"):
            return random_weights.near_one_chunks(key, count, element_type)
        chunks = random_weights.normal_chunks(key, count, element_type, STANDARD_DEVIATION[kind])
        return columns(b"".join(chunks), dims[0], element_type) if transposed else chunks
    return weights


def trained_source(state):
    """Weights from {name: (dims, little-endian fp16 bytes)} with linears [out, in]."""
    def weights(name, dims, kind, transposed):
        stored, data = state[name]
        return columns(data, stored[1], ow.FLOAT16) if transposed else [data]
    return weights


def columns(data, count, element_type):
    """The columns of a matrix with `count` of them, one after the other."""
    matrix = memoryview(data).cast("I" if element_type == ow.FLOAT else "H")
    return (matrix[c::count].tobytes() for c in range(count))


def write_trained(path, config, state):
    """Writes a trained Llama in fp16 as an unfolded dynamic export."""
    config = dict(config, arch="llama", tied=True)
    style = Style(folded=False, dynamic=True, element_type=ow.FLOAT16)
    architectures.build(config, style, trained_source(state)).write(path)


LARGEST = {"hidden": 1 << 20, "layers": 4096, "heads": 4096, "kv_heads": 4096, "ffn": 1 << 22,
           "vocab": 1 << 24, "positions": 1 << 24}


def check(config):
    """Says what is wrong with an architecture, or returns None."""
    for field, largest in LARGEST.items():
        if not 1 <= config[field] <= largest:
            return f"{field.replace('_', '-')} must be from 1 to {largest}, but is {config[field]}"
    for field in ("theta", "eps"):
        if not 0 < config[field] < math.inf:
            return f"{field} must be positive and finite, but is {config[field]}"
    if config["hidden"] % config["heads"]:
        return f"hidden {config['hidden']} is no multiple of heads {config['heads']}"
    if config["heads"] % config["kv_heads"]:
        return f"heads {config['heads']} is no multiple of kv-heads {config['kv_heads']}"
    if config["arch"] != "gpt2" and config["hidden"] // config["heads"] % 2:
        return f"head size {config['hidden'] // config['heads']} is odd, but rotary needs pairs"
    if config["arch"] == "gpt2" and config["kv_heads"] != config["heads"]:
        return f"gpt2 has as many kv-heads as heads, but {config['kv_heads']} and {config['heads']} are given"
    return None


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny",
                        help="what the other options change; tiny if not given")
    parser.add_argument("--arch", choices=["llama", "qwen2", "gpt2"])
    for field in ("hidden", "layers", "heads", "kv-heads", "ffn", "vocab", "positions"):
        parser.add_argument("--" + field, type=int)
    parser.add_argument("--theta", type=float, help="base of the rotary frequencies")
    parser.add_argument("--eps", type=float)
    parser.add_argument("--untied", action="store_true", help="a head with weights of its own")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="fp32")
    parser.add_argument("--style", choices=["folded", "nofold"], default="folded")
    parser.add_argument("--static", action="store_true", help="fixed --batch and --seq")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seq", type=int, default=32)
    parser.add_argument("--external-data", action="store_true")
    parser.add_argument("--shapes-only", action="store_true",
                        help="external data that is not written: enough to plan")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    config = dict(PRESETS[args.preset])
    for field in config:
        value = getattr(args, field, None)
        if value is not None:
            config[field] = value
    if args.untied:
        config["tied"] = False
    if config["arch"] == "gpt2" and args.kv_heads is None:
        config["kv_heads"] = config["heads"]
    error = check(config)
    if not error and (args.batch < 1 or args.seq < 1):
        error = f"batch and seq must be at least 1, but are {args.batch} and {args.seq}"
    if error:
        parser.error(f"{error} (what is not given is as in the preset '{args.preset}')")
    return args, config


def main(argv=None):
    args, config = parse(argv)
    element_type = DTYPES[args.dtype]
    style = Style(args.style == "folded", not args.static, element_type, args.batch, args.seq)
    model = architectures.build(config, style, random_source(args.seed, element_type))
    try:
        model.write(args.output, args.external_data or args.shapes_only, not args.shapes_only)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {args.output}: {error}")
    parameters = sum(i.size_bytes // ow.ELEMENT_BYTES[i.element_type] for i in model.initializers
                     if not isinstance(i, ow.TransposedCopy))
    print(f"{args.output}: {config['arch']}, {parameters} parameters, {args.dtype}")


if __name__ == "__main__":
    main()
