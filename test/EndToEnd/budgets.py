#!/usr/bin/env python3
"""One job at many budgets: everything that a budget must not change, and what
it must hold.

The budgets are evenly spaced in bytes between the smallest peak and everything
kept, both included. Each plan must agree with tools/verify_plan.py, give the
same losses, gradient norms and adapters bit for bit, keep its measured peaks
below the planned ones without being padded, and finish inside a fresh memory
cgroup of exactly planned.cgroup bytes (skipped where there is none). Prints the
predicted and the measured seconds per step with their rank correlation; with
more rounds the budgets take turns, and medians are compared. The first step of
a run meets pages for the first time and is left out.

Usage: budgets.py [--preset NAME] [--length N] [--budgets N] [--steps N] [--rounds N]
                  [--device PROFILE]
"""
import argparse
import json
import statistics
import sys

import support
from cgroup import check_peaks, run_limited
from memory_group import MemoryGroup

DROPOUT = 0.1  # recomputation must repeat it


def has_groups():
    try:
        with MemoryGroup(1 << 30):
            return True
    except OSError as error:
        print(f"no memory cgroup ({error}): the trainers run without a limit")
        return False


def prepare(args, work):
    """The arguments of `neap compile` for every budget, and the rows."""
    model = support.generate(work / "model.onnx", "--preset", args.preset)
    lora = support.write_lora(work / "lora.json", r=8, lora_alpha=16, lora_dropout=DROPOUT)
    train = support.write_train(work / "train.json", max_length=args.length, max_steps=args.steps,
                                per_device_train_batch_size=1, gradient_accumulation_steps=2,
                                max_grad_norm=1.0)
    import generate
    vocabulary = generate.PRESETS[args.preset]["vocab"]
    tokens = support.write_tokens(work / "tokens.safetensors", 2 * args.steps, args.length, vocabulary)
    return (model, lora, train), tokens


def find_budgets(inputs, work, args):
    """Bytes in the measure of the profile's budget."""
    model, lora, train = inputs
    support.checked(support.BIN / "neap", "plan", model, "--lora", lora, "--train", train,
                    "--device", args.device, "--sweep", "--points", str(args.budgets), "-o", work / "sweep.json")
    sweep = json.loads((work / "sweep.json").read_text())["devices"][0]
    return [plan["planned_bytes"] for plan in sweep["plans"]]


def train(job, tokens, work, args, limited):
    """The end event, the steps and the adapter of one run."""
    if limited:
        end, peak, _ = run_limited(job, tokens, work, args.steps)
        return end, peak, support.steps_of(work / "log.jsonl"), work / "adapter"
    steps = support.train_job(job, work / "adapter", "--tokens", tokens)
    return support.events_of(str(work / "adapter") + ".log.jsonl")[-1], None, steps, work / "adapter"


def seconds_after_first(steps):
    return [s["seconds"] for s in steps][1:]


def rank(values):
    """Equal values share the mean of their ranks."""
    return [sum(other < value for other in values) + (values.count(value) - 1) / 2
            for value in values]


def correlation(a, b):
    """Of Spearman: of the ranks."""
    return statistics.correlation(rank(a), rank(b)) if len(set(a)) > 1 < len(set(b)) else 1.0


def compare_times(predicted, measured):
    medians = [statistics.median(seconds) for seconds in measured]
    for p, m in zip(predicted, medians):
        print(f"seconds per step predicted {p:.4f}, measured {m:.4f}, ratio {p / m:.3f}")
    errors = [abs(p / m - 1) for p, m in zip(predicted, medians)]
    print(f"predicted against measured: rank correlation {correlation(predicted, medians):.3f}, "
          f"median error {100 * statistics.median(errors):.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="llama-24-layers")
    parser.add_argument("--length", type=int, default=192)
    parser.add_argument("--budgets", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default=support.DEVICE)
    args = parser.parse_args()
    limited = has_groups()
    first, predicted, measured = None, [], []
    with support.Workspace() as work:
        inputs, tokens = prepare(args, work)
        budgets = find_budgets(inputs, work, args)
        assert len(budgets) == args.budgets and budgets == sorted(budgets), budgets
        jobs = []
        for budget in budgets:
            jobs.append(work / (f"job{budget}" if args.rounds > 1 else "job"))
            job = support.compile_job(*inputs, jobs[-1], "--budget", str(budget),
                                      device=args.device)
            plan = support.plan_of(job)
            assert plan["peak"]["planned_bytes"] <= budget
            support.checked(sys.executable, support.ROOT / "tools" / "verify_plan.py", job / "plan.json")
            end, peak, steps, adapter = train(job, tokens, work, args, limited)
            check_peaks(f"{budget}", plan, end, peak)
            weights = (adapter / "adapter_model.safetensors").read_bytes()
            result = [(s["loss"], s["grad_norm"]) for s in steps], weights
            first = first or result
            assert result[0] == first[0], f"losses differ at {budget} bytes"
            assert result[1] == first[1], f"the adapter differs at {budget} bytes"
            predicted.append(plan["seconds_per_step"])
            measured.append(seconds_after_first(steps))
            print(f"budget {budget}: recomputed {plan['recomputed_flops'] / plan['flops_per_step']:.3f}",
                  flush=True)
        for _ in range(args.rounds - 1):
            for job, seconds in zip(jobs, measured):
                seconds += seconds_after_first(
                    support.train_job(job, work / "adapter", "--tokens", tokens))
    compare_times(predicted, measured)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"FAILED: {failure}")
