#!/usr/bin/env python3
"""Holds the description of every pass against what it must say.

    pass_reference.py LLVM_TBLGEN MLIR_INCLUDE_DIR SOURCE_DIR NEAP_OPT

Each description says what is the input, the output, what is assumed and what it
costs ("Input:", "Output:", "Assumes:", "Cost:"), and has two ```mlir blocks. The
line above them names the flag. A pass makes the second block of the first one,
numbers of five digits or more apart (they are sizes of fixed ranges); a verifier
accepts the first block and refuses the second.
"""
import json
import re
import subprocess
import sys

STAGES = ("Build", "Plan", "Lower", "Verify")
LABELS = ("Input:", "Output:", "Assumes:", "Cost:")


def read_passes(tblgen, include, source, stage):
    file = f"{source}/passes/{stage}/Passes.td"
    command = [tblgen, "--dump-json", "-I", include, "-I", source, file]
    records = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for key in records["!instanceof"]["Pass"]:
        yield records[key]["argument"], records[key]["description"] or ""


def run(neap_opt, flags, text):
    return subprocess.run([neap_opt, *flags], input=text, capture_output=True, text=True)


def hide_sizes(text):
    return re.sub(r"\d{5,} : i64", "N : i64", text)


def check_example(name, flag, first, second, neap_opt):
    result, expected = run(neap_opt, [flag], first), run(neap_opt, [], second)
    if result.returncode:
        yield f"refuses its example:\n{result.stderr}"
    elif expected.returncode:
        yield f"has a second block that is refused:\n{expected.stderr}"
    elif name.startswith("verify-"):
        if run(neap_opt, [flag], second).returncode != 1:
            yield "accepts the block that it should refuse"
    elif hide_sizes(result.stdout) != hide_sizes(expected.stdout):
        yield f"makes of its example\n{result.stdout}\nbut not\n{expected.stdout}"


def check_pass(name, description, neap_opt):
    text = re.sub(r"```.*?```", "", description, flags=re.S)
    for label in LABELS:
        if label not in text:
            yield f"does not say '{label}'"
    flag = re.search(rf"`(--{name}[^`]*)`:", text)
    blocks = re.findall(r"```mlir\n(.*?)```", description, re.S)
    if not flag or len(blocks) != 2:
        yield f"has no example of two blocks below `--{name}`:"
    else:
        yield from check_example(name, flag[1], *blocks, neap_opt)


def main(tblgen, include, source, neap_opt):
    count = faults = 0
    for stage in STAGES:
        for name, description in read_passes(tblgen, include, source, stage):
            count += 1
            for fault in check_pass(name, description, neap_opt):
                faults += 1
                print(f"{name} {fault}")
    print(f"{count} passes, {faults} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
