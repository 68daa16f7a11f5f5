#!/usr/bin/env python3
"""Holds the description of every operation against what it must say.

    op_reference.py LLVM_TBLGEN MLIR_INCLUDE_DIR SOURCE_DIR NEAP_OPT

Each description has a formula (its first paragraph, with a line of shapes),
constraints (C1), (C2), ..., a line "Gradient: ..." and an ```mlir example that
uses the operation. A constraint that a trait, a type or an attribute kind checks
says so: "(C1) ... (trait)". Every other one is named OP_cN beside its check in
the verifier and in a test of test/Dialect. The examples are run through
neap-opt; a value that an example does not define gets the type that its first
use gives it.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

DIALECTS = ("Graph", "Train", "Plan")
CHECKED_BY_ODS = re.compile(r"\((trait|type|attribute)\)")


def read_operations(tblgen, include, source, dialect):
    """The operations that a dialect's own file defines, as (name, description)."""
    file = source / "dialects" / dialect / f"{dialect}Ops.td"
    command = [tblgen, "--dump-json", "-I", include, "-I", source, file]
    records = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for key in records["!instanceof"]["Op"]:
        record = records[key]
        name = records[record["opDialect"]["def"]]["name"] + "." + record["opName"]
        yield name, record["description"] or ""


def split_description(description):
    """The text without its examples, and the examples."""
    examples = re.findall(r"```mlir\n(.*?)```", description, re.S)
    return re.sub(r"```.*?```", "", description, flags=re.S), examples


def check_constraints(name, text, verifiers, tests):
    parts = re.split(r"\(C(\d+)\)", text.split("Gradient:")[0])
    numbers, bodies = [int(n) for n in parts[1::2]], parts[2::2]
    if not numbers:
        yield "has no constraints (C1)"
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"numbers its constraints {numbers}"
    for number, body in zip(numbers, bodies):
        if CHECKED_BY_ODS.search(body):
            continue
        label = rf"\b{name.split('.')[1]}_c{number}\b"
        if not re.search(label, verifiers):
            yield f"has no check of (C{number}) in its verifier"
        if not re.search(label, tests):
            yield f"has no test of (C{number}) in test/Dialect"
    last = len(numbers) + 1
    label = rf"\b{name.split('.')[1]}_c{last}\b"
    if re.search(label, verifiers):
        yield f"does not describe (C{last}) of its verifier"


def check_description(name, description, verifiers, tests):
    text, examples = split_description(description)
    formula = text.strip().split("\n\n")[0]
    if "=" not in formula.split("Shapes:")[0]:
        yield "has no formula in its first paragraph"
    if "Shapes:" not in formula:
        yield "gives no shapes"
    if not re.search(r"^\s*Gradient: \S", text, re.M):
        yield "has no line 'Gradient: ...'"
    if not any(re.search(rf"\b{re.escape(name)}\b", e) for e in examples):
        yield "has no ```mlir example"
    yield from check_constraints(name, text, verifiers, tests)


def split_types(text):
    """Types at the outermost commas of `text`."""
    types, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char in "<([{") - (char in ">)]}" and text[index - 1] != "-")
        if char == "," and depth == 0:
            types.append(text[start:index])
            start = index + 1
    return [t.strip() for t in types + [text[start:]]]


def declare_operands(example):
    """Casts that define what the example only uses."""
    defined, casts = set(), []
    for arguments in re.findall(r"\^\w+\((.*?)\):", example):
        defined.update(re.findall(r"%\w+(?=:)", arguments))
    statements = re.split(r"\n(?=\S)", example.strip())
    uses = []
    for statement in statements:
        line = " ".join(statement.split())
        results = re.match(r"((?:%\w+(?:, )?)+) = ", line)
        if results:
            defined.update(re.findall(r"%\w+", results.group(1)))
            line = line[results.end() :]
        if "(%" in line:  # ins(%a : type) outs(%b : type)
            uses += re.findall(r"\b\w+\((%[^:]*) : (.*?)\)(?= |$)", line)
        elif " : " in line:
            operands, types = line.rsplit(" : ", 1)
            inputs = re.match(r"\((.*?)\) ->", types)
            uses.append((operands.split("{")[0], inputs[1] if inputs else types))
    for operands, types in uses:
        for value, kind in zip(re.findall(r"%\w+", operands), split_types(types)):
            if value not in defined:
                defined.add(value)
                casts.append(f"{value} = builtin.unrealized_conversion_cast to {kind}")
    return "\n".join(casts + [example])


def run_example(neap_opt, example):
    result = subprocess.run(
        [neap_opt], input=declare_operands(example), capture_output=True, text=True
    )
    return result.stderr.strip() if result.returncode else ""


def check_operation(name, description, neap_opt, verifiers, tests):
    yield from check_description(name, description, verifiers, tests)
    for example in split_description(description)[1]:
        error = run_example(neap_opt, re.sub(r"^    ", "", example, flags=re.M))
        if error:
            yield f"has an example that is refused:\n{error}"


def main(tblgen, include, source, neap_opt):
    source = Path(source)
    verifiers = "".join(p.read_text() for p in source.glob("dialects/*/*.cpp"))
    tests = "".join(p.read_text() for p in source.glob("test/Dialect/*.mlir"))
    count = faults = 0
    for dialect in DIALECTS:
        for name, text in read_operations(tblgen, include, source, dialect):
            count += 1
            for fault in check_operation(name, text, neap_opt, verifiers, tests):
                faults += 1
                print(f"{name} {fault}")
    print(f"{count} operations, {faults} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
