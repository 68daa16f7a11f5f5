#!/usr/bin/env python3
"""Trains the reference cases of data/oracle from both exports of each and
compares losses, learning rates, gradient norms, gradients and final adapters
with those of PyTorch.

Usage: oracle.py [CASE...]     all cases without arguments
"""
import json
import sys

import support

LOSS_TOLERANCE = 2e-5       # absolute, against PyTorch in fp64
SCALAR_TOLERANCE = 1e-5     # relative: learning rate and gradient norm
GRADIENT_TOLERANCE = 5e-5   # relative per tensor, steps 1 to 3
LATE_TOLERANCE = 2e-3       # relative per tensor, last step and final adapter
EXPORTS = ("model.onnx", "model.nofold.onnx")


def scalar_errors(steps, expected, name):
    """Worst error of a logged scalar, relative except around zero."""
    return support.worst(abs(s[name] - e) / (abs(e) or 1.0) for s, e in zip(steps, expected))


def check_case(case, export, work):
    """Returns the worst errors of one case as a row of the table."""
    job, out, grads = work / "job", work / "adapter", work / "grads"
    support.compile_job(case / export, case / "adapter_config.json", case / "train.json", job)
    steps = support.train_job(job, out, "--tokens", case / "tokens.safetensors", "--init",
                              case / "init", "--dump-grads", grads, "--threads", "2")
    expected = json.loads((case / "expected.json").read_text())
    losses = expected["loss_fp64"]
    assert [s["step"] for s in steps] == list(range(1, len(losses) + 1)), "steps missing in the log"
    row = {"loss": support.worst(abs(s["loss"] - e) for s, e in zip(steps, losses))}
    assert row["loss"] <= LOSS_TOLERANCE, f"loss is off by {row['loss']:.3g}"
    for key, name in (("learning_rate", "learning_rate"), ("grad_norm_fp64", "grad_norm")):
        if expected.get(key):
            row[name] = scalar_errors(steps, expected[key], name)
            assert row[name] <= SCALAR_TOLERANCE, f"{name} is off by {row[name]:.3g} (relative)"
    row["early"], row["last"] = 0.0, 0.0
    for file in sorted(case.glob("grads-step*.safetensors")):
        step = int(file.stem.removeprefix("grads-step"))
        early = step <= 3
        error = support.compare_tensors(grads / f"step{step}.safetensors", file,
                                        GRADIENT_TOLERANCE if early else LATE_TOLERANCE)
        kind = "early" if early else "last"
        row[kind] = max(row[kind], error)
    row["adapter"] = support.compare_tensors(out / "adapter_model.safetensors",
                                             case / "final" / "adapter_model.safetensors",
                                             LATE_TOLERANCE)
    return row


def main():
    folder = support.require_data("oracle")
    cases = sys.argv[1:] or sorted(p.name for p in folder.iterdir() if (p / "expected.json").exists())
    columns = ("loss", "learning_rate", "grad_norm", "early", "last", "adapter")
    print(f"{'case':26} {'export':18} " + " ".join(f"{c:>13}" for c in columns))
    failures = []
    for name in cases:
        case = support.require_data("oracle", name)
        for export in EXPORTS:
            with support.Workspace() as work:
                try:
                    row = check_case(case, export, work)
                    text = " ".join(f"{row[c]:13.2e}" if c in row else f"{'-':>13}" for c in columns)
                except AssertionError as error:
                    failures.append(f"{name} {export}")
                    text = f"FAILED: {error}"
            print(f"{name:26} {export:18} {text}", flush=True)
    if failures:
        sys.exit(f"{len(failures)} of {len(cases) * len(EXPORTS)} failed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
