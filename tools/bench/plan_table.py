#!/usr/bin/env python3
"""Plans language models of true shape and prints how near the plans are to what
no plan can beat.

Models have random shapes-only weights (models/generate.py), so nothing is
downloaded. Per job: the smallest peak with its bound, then budgets evenly spaced
in bytes up to everything kept, each with its gap in time against any schedule
and against the planner's class of nested plans, the arena over max-live, and
the seconds of planning. Ends with the worst of each column.
Standard library only; `neap` is taken from $NEAP_BIN or build/bin.

  plan_table.py                                     every job, ten budgets
  plan_table.py --models qwen2-0.5b --tokens 512 --targets qv
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEAP = Path(os.environ.get("NEAP_BIN", ROOT / "build" / "bin")) / "neap"
TARGETS = {"qv": ["q_proj", "v_proj"], "all": "all-linear"}
MIB = 1 << 20


def write_inputs(folder, model, tokens, targets):
    """The arguments of `neap plan` that all budgets of a job share."""
    onnx, lora = folder / f"{model}.onnx", folder / f"{targets}.json"
    train, device = folder / f"{tokens}.json", folder / "device.json"
    if not onnx.exists():
        subprocess.run([sys.executable, ROOT / "models" / "generate.py", "--preset", model,
                        "--dtype", "fp16", "--shapes-only", "-o", onnx],
                       check=True, stdout=subprocess.DEVNULL)
    lora.write_text(json.dumps({"peft_type": "LORA", "r": 16, "lora_alpha": 32,
                                "target_modules": TARGETS[targets]}))
    # The last token of a row is a label only.
    train.write_text(json.dumps({"per_device_train_batch_size": 1, "max_length": tokens + 1,
                                 "max_steps": 1, "learning_rate": 1e-4}))
    profile = json.loads((ROOT / "models" / "devices" / "laptop-8gb.json").read_text())
    profile["budget"].update(kind="anon", limit_bytes={"value": "1024GiB", "source": "guessed"})
    device.write_text(json.dumps(profile))
    return [onnx, "--lora", lora, "--train", train, "--device", device]


def plan(folder, inputs, *options):
    """plan.json and the seconds that planning took, import left out."""
    path = folder / "plan.json"
    done = subprocess.run([NEAP, "plan", *inputs, *options, "-o", path], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    took = float(re.search(r"([0-9.]+) s to plan", done.stdout).group(1))
    return json.loads(path.read_text()), took


class Worst:
    """The largest value of each column, over all jobs and budgets."""

    def __init__(self):
        self.ratio = self.gap = self.nested = self.seconds = 0

    def add(self, other):
        self.ratio = max(self.ratio, other.ratio)
        self.gap = max(self.gap, other.gap)
        self.nested = max(self.nested, other.nested)
        self.seconds = max(self.seconds, other.seconds)


def digits(value):
    """At least four significant digits, and at least one after the point."""
    after = max(1, 3 - math.floor(math.log10(value))) if value > 0 else 1
    return f"{value:.{after}f}"


def percent(share):
    """A share that rounding made less than none is none."""
    return f"{100 * max(share, 0):.2f}"


def report(plan_json, took, label, worst, with_gap=True):
    time, nested = (plan_json["certificates"][name] for name in ("time", "time_nested"))
    gap, nested_gap = (1 - c["bound_seconds"] / c["seconds_per_step"] for c in (time, nested))
    ratio = plan_json["arena_bytes"] / plan_json["max_live_bytes"]
    worst.ratio, worst.seconds = max(worst.ratio, ratio), max(worst.seconds, took)
    worst.nested = max(worst.nested, nested_gap)
    if with_gap:
        worst.gap = max(worst.gap, gap)
    print(f"  {label:>9} {digits(plan_json['peak']['anon'] / MIB):>10} {ratio:11.5f} "
          f"{digits(time['seconds_per_step']):>9} {digits(time['bound_seconds']):>9} {percent(gap):>7} "
          f"{percent(nested_gap):>10} {took:8.2f}", flush=True)


def run_job(folder, model, tokens, targets, budgets):
    inputs = write_inputs(folder, model, tokens, targets)
    smallest, smallest_took = plan(folder, inputs, "--objective", "smallest")
    everything, _ = plan(folder, inputs)
    low, high = smallest["peak"]["anon"], everything["peak"]["anon"]
    print(f"{model}, {tokens} tokens, LoRA on {targets}: no plan below "
          f"{digits(smallest['floor_bytes'] / MIB)} MiB")
    print(f"  {'budget':>9} {'peak MiB':>10} {'arena/live':>11} {'s/step':>9} {'at least':>9} "
          f"{'gap %':>7} {'in class %':>10} {'plan s':>8}")
    worst = Worst()
    report(smallest, smallest_took, "smallest", worst, with_gap=False)
    for i in range(1, budgets + 1):
        budget = low + (high - low) * i // budgets
        found, took = plan(folder, inputs, "--budget", str(budget))
        report(found, took, f"{100 * i // budgets} %", worst)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+",
                        default=["qwen2-0.5b", "llama-3.2-1b", "llama-3.2-3b"])
    parser.add_argument("--tokens", nargs="+", type=int, default=[512, 2048])
    parser.add_argument("--targets", nargs="+", choices=sorted(TARGETS), default=["qv", "all"])
    parser.add_argument("--budgets", type=int, default=10)
    args = parser.parse_args()
    worst = Worst()
    with tempfile.TemporaryDirectory() as folder:
        for model in args.models:
            for tokens in args.tokens:
                for targets in args.targets:
                    worst.add(run_job(Path(folder), model, tokens, targets, args.budgets))
    print(f"worst: arena/max-live {worst.ratio:.5f}, gap in time {percent(worst.gap)} % (smallest "
          f"peaks left out; in the class of nested plans {percent(worst.nested)} %, all points), planning {worst.seconds:.2f} s")


if __name__ == "__main__":
    main()
