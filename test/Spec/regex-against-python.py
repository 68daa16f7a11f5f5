#!/usr/bin/env python3
"""Compares PythonRegex with Python's own `re` on random patterns.

usage: regex-against-python.py REGEX_TOOL

A pattern that Python refuses must be refused; a pattern that only Neap refuses
must be one of the constructs that PythonRegex.h lists.
"""
import random
import re
import subprocess
import sys
import warnings

UNSUPPORTED = ("not supported", "too large", "nothing to repeat")
PIECES = [
    "a", "b", "1", "_", ".", r"\.", r"\d", r"\w", r"\W", r"\D", r"\b", r"\B",
    "[ab]", "[^a.]", "[a-c1]", r"[\d_]", "[]a]", "^", "$", r"\A", r"\Z",
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{1,}", "{", "}",
    "{a}", "|", "(", ")", "(?:", "(?=", "(?!", "(?i:", "(?-i:", "(?P<n>",
    "(?#c)", "A", "B", "-", "]", ".*", ".*?", "(a|b)", "(?i)",
]
LETTERS = "abAB1_."


def random_pattern(rng):
    pattern = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
    missing = pattern.count("(") - pattern.count(")")
    return pattern + ")" * max(0, missing)


def expected(pattern, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            regex = re.compile(pattern)
        except re.error:
            return "error"
    match = regex.match(text)
    return "full=%d match=%s" % (
        regex.fullmatch(text) is not None,
        "none" if match is None else match.end())


def main():
    rng = random.Random(20240607)
    cases = []
    for _ in range(6000):
        pattern = random_pattern(rng)
        for _ in range(3):
            # Not empty: what \B means there changed in Python 3.14.
            text = "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 8)))
            cases.append((pattern, text))
    lines = "".join("%s\t%s\n" % case for case in cases)
    answers = subprocess.run([sys.argv[1]], input=lines, text=True, check=True,
                             stdout=subprocess.PIPE).stdout.splitlines()
    assert len(answers) == len(cases)
    compared = refused = failures = 0
    for (pattern, text), found in zip(cases, answers):
        want = expected(pattern, text)
        if found.startswith("error"):
            if want != "error" and not any(u in found for u in UNSUPPORTED):
                failures += 1
                print("refused %r: %s" % (pattern, found))
            refused += want != "error"
            continue
        compared += 1
        if found != want:
            failures += 1
            print("%r on %r: expected %s, found %s" % (pattern, text, want, found))
    print("%d compared, %d refused, %d wrong" % (compared, refused, failures))
    if failures or compared < 5000:
        sys.exit(1)


main()
