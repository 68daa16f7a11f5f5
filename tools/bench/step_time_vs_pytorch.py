#!/usr/bin/env python3
"""Times one LoRA step of Neap's trainer against PyTorch, side by side.

Optional tooling: needs PyTorch (`pip install torch`) and a built Neap. Both
train the same Llama-style model of about 110 M parameters on the same rows,
with the same adapters, in alternating short runs, because clocks wander;
medians are compared. PyTorch runs the plain module below with LoRA by hand,
in two variants: everything kept, and with each layer checkpointed.

Usage: step_time_vs_pytorch.py [--threads N] [--length N] [--rounds N] [--preset NAME]
"""
import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))
sys.path.insert(0, str(ROOT / "test" / "EndToEnd"))
import generate  # noqa: E402
import support  # noqa: E402

STEPS = 3  # of each run; the first warms up and is dropped
RANK, ALPHA = 8, 16


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preset", default="110m")
    parser.add_argument("--side", choices=["kept", "checkpointed"], help=argparse.SUPPRESS)
    return parser.parse_args()


def pytorch_side(args):
    """Child process: prints the seconds of each step but the first."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from torch.utils.checkpoint import checkpoint
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    c = generate.PRESETS[args.preset]
    hidden, heads, kv, dim = c["hidden"], c["heads"], c["kv_heads"], c["hidden"] // c["heads"]

    class Lora(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.w = nn.Parameter(torch.randn(n_out, n_in) * 0.02, requires_grad=False)
            self.a = nn.Parameter(torch.randn(RANK, n_in) / math.sqrt(n_in))
            self.b = nn.Parameter(torch.zeros(n_out, RANK))

        def forward(self, x):
            return F.linear(x, self.w) + F.linear(F.linear(x, self.a), self.b) * (ALPHA / RANK)

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.o = Lora(hidden, hidden), Lora(hidden, hidden)
            self.k, self.v = Lora(hidden, kv * dim), Lora(hidden, kv * dim)
            self.gate, self.up = Lora(hidden, c["ffn"]), Lora(hidden, c["ffn"])
            self.down = Lora(c["ffn"], hidden)
            self.norms = nn.ParameterList(nn.Parameter(torch.ones(hidden), requires_grad=False)
                                          for _ in range(2))

        def forward(self, x, cos, sin):
            def turned(t):
                half = dim // 2
                return t * cos + torch.cat((-t[..., half:], t[..., :half]), -1) * sin
            batch, seq, _ = x.shape
            h = F.rms_norm(x, (hidden,), self.norms[0], c["eps"])
            q = turned(self.q(h).view(batch, seq, heads, dim).transpose(1, 2))
            k = turned(self.k(h).view(batch, seq, kv, dim).transpose(1, 2))
            v = self.v(h).view(batch, seq, kv, dim).transpose(1, 2)
            k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.o(y.transpose(1, 2).reshape(batch, seq, hidden))
            h = F.rms_norm(x, (hidden,), self.norms[1], c["eps"])
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    layers = nn.ModuleList(Layer() for _ in range(c["layers"]))
    embedding = torch.randn(c["vocab"], hidden) * 0.02
    final = torch.ones(hidden)
    inverse = 1.0 / c["theta"] ** (torch.arange(0, dim, 2).float() / dim)
    angle = torch.arange(args.length).float()[:, None] * inverse
    angle = torch.cat((angle, angle), -1)
    cos, sin = angle.cos(), angle.sin()
    adapters = [p for p in layers.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(adapters, lr=1e-3, weight_decay=0.01)
    seconds = []
    for _ in range(STEPS):
        ids = torch.randint(0, c["vocab"], (1, args.length))
        start = time.perf_counter()
        x = embedding[ids].requires_grad_(args.side == "checkpointed")
        for layer in layers:
            x = checkpoint(layer, x, cos, sin, use_reentrant=False) \
                if args.side == "checkpointed" else layer(x, cos, sin)
        logits = F.linear(F.rms_norm(x, (hidden,), final, c["eps"]), embedding)
        F.cross_entropy(logits[0, :-1], ids[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds[1:]))


def pytorch_run(args, side):
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    command = [sys.executable, __file__, "--side", side, "--threads", str(args.threads),
               "--length", str(args.length), "--preset", args.preset]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def neap_jobs(args, work):
    """The same job compiled for speed and for the smallest peak."""
    model = support.generate(work / "model.onnx", "--preset", args.preset)
    lora = support.write_lora(work / "lora.json", r=RANK, lora_alpha=ALPHA)
    train = support.write_train(work / "train.json", max_length=args.length, max_steps=STEPS,
                                per_device_train_batch_size=1)
    support.write_tokens(work / "tokens.safetensors", STEPS, args.length,
                         generate.PRESETS[args.preset]["vocab"], ignored=0)
    return {o: support.compile_job(model, lora, train, work / o, "--objective", o)
            for o in ("fastest", "smallest")}


def neap_run(args, work, job):
    steps = support.train_job(job, work / "out", "--tokens", work / "tokens.safetensors",
                              "--threads", str(args.threads))
    return [s["seconds"] for s in steps][1:]


def main():
    args = parse()
    if importlib.util.find_spec("torch") is None:
        sys.exit("error: needs PyTorch (pip install torch)")
    if args.side:
        return pytorch_side(args)
    with tempfile.TemporaryDirectory(prefix="neap-bench-") as folder:
        work = Path(folder)
        jobs = neap_jobs(args, work)
        runs = {f"neap {o}": lambda o=o: neap_run(args, work, jobs[o]) for o in jobs}
        runs.update({f"pytorch {s}": lambda s=s: pytorch_run(args, s) for s in ("kept", "checkpointed")})
        seconds = {name: [] for name in runs}
        for _ in range(args.rounds):
            for name, measure in runs.items():
                seconds[name] += measure()
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{args.preset}, {args.length} tokens, {args.threads} threads, seconds per step "
          f"(median of {len(seconds['pytorch kept'])}):")
    for name, value in medians.items():
        print(f"  {name:21} {value:8.3f}  (fastest {min(seconds[name]):.3f})")
    print(f"ratio neap fastest / pytorch kept: {medians['neap fastest'] / medians['pytorch kept']:.3f}")
    print(f"ratio neap smallest / pytorch checkpointed: "
          f"{medians['neap smallest'] / medians['pytorch checkpointed']:.3f}")


if __name__ == "__main__":
    main()
