#!/usr/bin/env python3
"""The hard memory test, on a Llama-style model of about 110 M parameters.

The trainer runs at 512 tokens in a fresh memory cgroup of exactly
planned.cgroup bytes, swap off, its files evicted from the page cache, and must
not be killed; the plan must not be padded; the smallest plan must keep at most a
third of the activations of the plan that keeps everything; and one that streams
its weights must not even meet the limit: it leaves no page cache. Needs root.

Usage: cgroup.py [--preset NAME] [--steps N]
"""
import argparse
import os
import sys

import support
from memory_group import MemoryGroup, evict

LENGTH = 512
STATE = {"adapter_parameters", "gradients", "optimizer_state", "resident_weights", "mapped_weights",
         "weight_staging"}
PLENTY = str(1 << 40)


def beyond_state(plan):
    """Planned bytes besides weights, adapters and their optimizer state."""
    return sum(b for name, b in plan["peak"]["by_class"].items() if name not in STATE)


def run_limited(job, tokens, work, steps):
    """Trains inside the group; returns the end event, the group's own peak, and how often the
    limit was met."""
    plan = support.plan_of(job)
    limit = support.planned(plan, "cgroup")
    log = work / "log.jsonl"
    with MemoryGroup(limit) as group:
        evict(job / "trainer", job / "model.weights", tokens)
        done = support.run(*group.command(job / "trainer", "train", "--tokens", tokens, "--out",
                                          work / "adapter", "--log", log, "--steps", str(steps)))
        peak, limited = group.peak_bytes(), group.times_limited()
    assert done.returncode == 0, f"exit {done.returncode} within {limit} bytes: {done.stderr[-500:]}"
    print(f"limit {limit}, peak of the group {peak}, limit met {limited} times")
    return support.events_of(log)[-1], peak, limited


def check_peaks(name, plan, end, peak):
    """Measured <= planned for every measure, and the planned one is not padded."""
    measured = end["measured_peak_bytes"]
    assert end["event"] == "end" and measured["anon"], "the log has no measured peak"
    for kind in ("anon", "rss", "cgroup"):
        value = measured[kind] if kind != "cgroup" or peak is None else peak
        if value is None:
            continue
        limit = support.planned(plan, kind)
        print(f"{name:9} {kind:7} planned {limit:12} measured {value:12} ({limit / value:.4f})")
        assert value <= limit, f"{name}: measured {kind} {value} is above the planned {limit}"
    allowed = 1.02 * measured["anon"] + (1 << 20)
    assert support.planned(plan, "anon") <= allowed, \
        f"{name}: planned anon {support.planned(plan, 'anon')} is padded: at most {allowed:.0f} allowed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="110m")
    parser.add_argument("--steps", type=int, default=2)
    args = parser.parse_args()
    if os.geteuid() != 0:
        support.skip("memory cgroups need root")
    try:
        with MemoryGroup(1 << 30):
            pass
    except OSError as error:
        support.skip(f"no memory cgroup can be made: {error}")
    with support.Workspace() as work:
        model = support.generate(work / "model.onnx", "--preset", args.preset)
        lora = support.write_lora(work / "lora.json", r=8, lora_alpha=16)
        tokens = support.write_tokens(work / "tokens.safetensors", args.steps, LENGTH, 32000, ignored=0)
        plans = {}
        for name, weights, extra in (("kept", "mapped", ("--budget", PLENTY)),
                                     ("smallest", "mapped", ("--objective", "smallest")),
                                     ("streamed", "streamed", ("--objective", "smallest"))):
            train = support.write_train(work / "train.json", max_length=LENGTH, max_steps=args.steps,
                                        per_device_train_batch_size=1, neap={"weights": weights})
            job = support.compile_job(model, lora, train, work / "job", *extra)
            plans[name] = support.plan_of(job)
            end, peak, limited = run_limited(job, tokens, work, args.steps)
            check_peaks(name, plans[name], end, peak)
            assert weights == "mapped" or limited == 0, f"{name}: the limit was met {limited} times"
        kept, smallest = beyond_state(plans["kept"]), beyond_state(plans["smallest"])
        print(f"beyond weights, adapters and optimizer state: kept {kept}, smallest {smallest} "
              f"({smallest / kept:.3f})")
        assert smallest <= kept / 3, "the smallest plan keeps more than a third"


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"FAILED: {failure}")
