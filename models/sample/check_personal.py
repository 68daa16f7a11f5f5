#!/usr/bin/env python3
"""Personalises the sample model in PyTorch, to tune train.json.

Optional tooling: the same job as tools/demo, with a LoRA of our own, so that
the learning rate and the steps in train.json are known to work. Reads the
weights from a checkpoint of pretrain.py.

Usage: check_personal.py [--checkpoint FILE] [--learning-rate X] [--steps N]
"""
import argparse
import json
import math
import random
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import pretrain

HERE = Path(__file__).resolve().parent


class LoraLinear(nn.Module):
    """PEFT's LoRA on a linear: A uniform in 1/sqrt(in), B zero."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        bound = 1 / math.sqrt(base.in_features)
        self.a = nn.Parameter(torch.empty(rank, base.in_features).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.a), self.b) * self.scale


def with_adapters(model, rank, alpha):
    for p in model.parameters():
        p.requires_grad_(False)
    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name, child in list(part.named_children()):
                setattr(part, name, LoraLinear(child, rank, alpha))
    return [p for p in model.parameters() if p.requires_grad]


def rows_of(path, end):
    """(ids, labels) of each row, ended by `end`; the prompt is not trained on."""
    for line in path.read_text().splitlines():
        row = json.loads(line)
        prompt, completion = row["prompt"].encode(), row["completion"].encode()
        yield list(prompt + completion) + [end], [-100] * len(prompt) + list(completion) + [end]


def loss_of(model, rows):
    """Token mean over the rows, padded to the longest."""
    length = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([i + [0] * (length - len(i)) for i, _ in rows])
    labels = torch.tensor([l + [-100] * (length - len(l)) for _, l in rows])
    logits = model(ids)[:, :-1].flatten(0, 1)
    return F.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=-100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default=str(pretrain.CHECKPOINT))
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--steps", type=int)
    args = parser.parse_args()
    lora = json.loads((HERE / "adapter_config.json").read_text())
    spec = json.loads((HERE / "train.json").read_text())
    steps = args.steps or spec["max_steps"]
    peak = args.learning_rate or spec["learning_rate"]
    torch.set_num_threads(1)
    torch.manual_seed(spec["seed"])
    model = pretrain.Llama()
    state = torch.load(args.checkpoint)
    model.load_state_dict({k: v.half().float() for k, v in state.items()})
    adapters = with_adapters(model, lora["r"], lora["lora_alpha"])
    print(sum(p.numel() for p in adapters), "trainable parameters")
    train, held_out = (list(rows_of(HERE / f, spec["eos_token"]))
                       for f in ("personal.jsonl", "personal-heldout.jsonl"))
    with torch.no_grad():
        before = loss_of(model, held_out).item()
    optimizer = torch.optim.AdamW(adapters, lr=peak, weight_decay=spec["weight_decay"])
    rng, order = random.Random(spec["seed"]), []
    warmup, batch = spec["warmup_steps"], spec["per_device_train_batch_size"]
    for step in range(steps):
        if len(order) < batch:
            order = list(range(len(train)))
            rng.shuffle(order)
        rows = [train[order.pop()] for _ in range(batch)]
        factor = step / warmup if step < warmup else (steps - step) / (steps - warmup)
        optimizer.param_groups[0]["lr"] = peak * factor
        loss = loss_of(model, rows)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(adapters, spec["max_grad_norm"])
        optimizer.step()
        if step % 20 == 19:
            print(f"step {step + 1} loss {loss.item():.3f}")
    with torch.no_grad():
        after = loss_of(model, held_out).item()
    print(f"held-out loss {before:.4f} before, {after:.4f} after ({100 * (1 - after / before):.0f} % lower)")


if __name__ == "__main__":
    main()
