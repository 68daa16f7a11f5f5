#!/usr/bin/env python3
"""Pretrains the sample model on the text of corpus.py and exports it to ONNX.

Optional tooling: needs PyTorch; neither the build nor any test runs it. The
result, model.onnx, is kept in this folder. One thread, about half an hour.

Usage: pretrain.py [--minutes M] [--checkpoint FILE] [--out model.onnx]
"""
import argparse
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent
CHECKPOINT = HERE / "checkpoint.pt"  # ignored by git
sys.path.insert(0, str(HERE))
import corpus  # noqa: E402

CONFIG = dict(vocab=257, hidden=192, layers=5, heads=6, kv_heads=2, ffn=448,
              theta=10000.0, eps=1e-5, positions=512)
END_OF_TEXT = 256


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv, self.dim = c["heads"], c["kv_heads"], c["hidden"] // c["heads"]
        self.q_proj = nn.Linear(c["hidden"], self.heads * self.dim, bias=False)
        self.k_proj = nn.Linear(c["hidden"], self.kv * self.dim, bias=False)
        self.v_proj = nn.Linear(c["hidden"], self.kv * self.dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.dim, c["hidden"], bias=False)

    def forward(self, x, cos, sin):
        b, s, _ = x.shape
        q = self.q_proj(x).view(b, s, self.heads, self.dim).transpose(1, 2)
        k = self.k_proj(x).view(b, s, self.kv, self.dim).transpose(1, 2)
        v = self.v_proj(x).view(b, s, self.kv, self.dim).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        group = self.heads // self.kv
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, s, -1))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden"], c["ffn"], bias=False)
        self.up_proj = nn.Linear(c["hidden"], c["ffn"], bias=False)
        self.down_proj = nn.Linear(c["ffn"], c["hidden"], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn, self.mlp = Attention(c), MLP(c)
        self.input_layernorm = RMSNorm(c["hidden"], c["eps"])
        self.post_attention_layernorm = RMSNorm(c["hidden"], c["eps"])

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Trunk(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab"], c["hidden"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["layers"]))
        self.norm = RMSNorm(c["hidden"], c["eps"])


class Llama(nn.Module):
    """The same computation as the graph that models/generate.py writes."""

    def __init__(self, c=None):
        super().__init__()
        self.c = c or CONFIG
        self.model = Trunk(self.c)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)
        for layer in self.model.layers:
            for p in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight):
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * self.c["layers"]))

    def forward(self, ids):
        dim = self.c["hidden"] // self.c["heads"]
        inv = 1.0 / self.c["theta"] ** (torch.arange(0, dim, 2).float() / dim)
        angle = torch.arange(ids.shape[1]).float()[:, None] * inv
        angle = torch.cat((angle, angle), -1)
        x, cos, sin = self.model.embed_tokens(ids), angle.cos(), angle.sin()
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return self.model.norm(x) @ self.model.embed_tokens.weight.T


def token_stream(documents):
    """One long row of byte ids with END_OF_TEXT after every document."""
    ids = []
    for text in documents:
        ids.extend(text.encode())
        ids.append(END_OF_TEXT)
    return torch.tensor(ids, dtype=torch.int16)


def batches(stream, rows, length, seed):
    generator = torch.Generator().manual_seed(seed)
    while True:
        starts = torch.randint(0, len(stream) - length - 1, (rows,), generator=generator)
        yield torch.stack([stream[s:s + length + 1] for s in starts]).long()


def evaluate(model, stream, length=256, rows=64):
    model.eval()
    rows = min(rows, len(stream) // (length + 1))
    chunk = stream[:rows * (length + 1)].view(rows, length + 1).long()
    with torch.no_grad():
        losses = [F.cross_entropy(model(c[:, :-1]).flatten(0, 1), c[:, 1:].flatten()).item()
                  for c in chunk.split(8)]
    model.train()
    return sum(losses) / len(losses)


def learning_rate(fraction, peak):
    """Warm-up over the first 3 % of the time, then cosine to a tenth."""
    if fraction < 0.03:
        return peak * fraction / 0.03
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, fraction))))


def pretrain(model, minutes, checkpoint):
    train = token_stream(corpus.documents(20000, seed=1))
    held_out = token_stream(corpus.documents(200, seed=2))
    decay = [p for p in model.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1},
                                   {"params": rest, "weight_decay": 0.0}],
                                  lr=0.0, betas=(0.9, 0.95))
    start, step = time.time(), 0
    for batch in batches(train, rows=8, length=256, seed=3):
        fraction = (time.time() - start) / (minutes * 60)
        if fraction >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(fraction, 3e-3)
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.4f} seconds {time.time() - start:.0f}", flush=True)
        if step % 500 == 0:
            torch.save(model.state_dict(), checkpoint)
            print(f"held-out {evaluate(model, held_out):.4f}", flush=True)
    torch.save(model.state_dict(), checkpoint)
    print(f"held-out {evaluate(model, held_out):.4f} nats per byte after {step} steps")


def export(model, path):
    """Writes the graph of models/generate.py with these weights in fp16."""
    sys.path.insert(0, str(HERE.parent))
    import generate
    state = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    generate.write_trained(path, CONFIG, {k: (tuple(v.shape), v.numpy().tobytes())
                                          for k, v in state.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--checkpoint", default=str(CHECKPOINT))
    parser.add_argument("--out", default=str(HERE / "model.onnx"))
    parser.add_argument("--export-only", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Llama()
    print(sum(p.numel() for p in model.parameters()), "parameters")
    if args.export_only:
        model.load_state_dict(torch.load(args.checkpoint))
    else:
        pretrain(model, args.minutes, args.checkpoint)
    export(model, args.out)


if __name__ == "__main__":
    main()
