#!/usr/bin/env python3
"""Holds `neap-solve remat` against Checkmate's integer program, solved by CBC.

The program is that of Jain et al., "Checkmate: Breaking the Memory Wall with
Optimal Tensor Rematerialization" (MLSys 2020), section 4, in the form whose
stage t ends with node t ("frontier advancing", lower triangular). See
docs/remat-solver.md.

  RematCheckmate.py check --solver BIN --data DIR   the test (77: skipped)
  RematCheckmate.py record --data DIR --seconds S   solve all budgets by CBC
  RematCheckmate.py lp GRAPH.json BUDGET            print the program
"""

import argparse
import functools
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77

# Costs are scaled so that computing every node once costs this.
BASE = 1000.0

# Graph, share of (keep-all peak - working set) on top of the working set, the
# optimum that `record` printed (CBC 2.10.8, one thread, proven; 0.3 s each for
# one block, 2 to 8 s for two, but 430 s and 212 s for the shares 0.1 and 0), and
# how the test uses it. "live": CBC solves it again in every run. "within 0.1 %":
# the solver may lack the proof, and has a few seconds.
RECORDED = [
    ("transformer1_seq512", 0.0, 1043.35293765, "live"),
    ("transformer1_seq512", 0.3, 1043.35293765, "live"),
    ("transformer1_seq512", 0.6, 1000.24680461, "live"),
    ("transformer2_seq512", 0.0, 1401.28165016, "within 0.1 %"),
    ("transformer2_seq512", 0.1, 1141.78476009, "within 0.1 %"),
    ("transformer2_seq512", 0.3, 1023.14980597, "recorded"),
    ("transformer2_seq512", 0.5, 1022.35180511, "live"),
    ("transformer2_seq512", 0.6, 1001.51139381, "recorded"),
]


class Graph:
    def __init__(self, nodes):
        self.size = [node["bytes"] for node in nodes]
        index = {node["id"]: i for i, node in enumerate(nodes)}
        self.deps = [sorted({index[d] for d in node["deps"]}) for node in nodes]
        self.users = [[] for _ in nodes]
        for node, deps in enumerate(self.deps):
            for dep in deps:
                self.users[dep].append(node)
        flop = [node["flop"] for node in nodes]
        self.cost_sum = sum(flop)
        self.cost = [c * BASE / self.cost_sum for c in flop]
        self.count = len(nodes)

    def working_set(self):
        return max(self.size[v] + sum(self.size[d] for d in self.deps[v])
                   for v in range(self.count))

    def keep_all_peak(self):
        last = [max(self.users[v], default=v) for v in range(self.count)]
        return max(sum(self.size[i] for i in range(v + 1) if last[i] >= v)
                   for v in range(self.count))

    def budget(self, share):
        low, high = self.working_set(), self.keep_all_peak()
        return low + int(share * (high - low))


def write_lp(graph, budget, out):
    """R_t_i: stage t computes i. S_t_i: i is held from stage t-1 into stage t.
    F_t_i_k: i is freed in stage t after k. U_t_k: memory while stage t is at k.
    Memory is counted in the greatest common divisor of all sizes."""
    n = graph.count
    unit = functools.reduce(math.gcd, graph.size) or 1
    size = [s // unit for s in graph.size]
    out.write("Minimize\n obj:")
    for t in range(n):
        for i in range(t + 1):
            out.write(f" + {graph.cost[i]!r} R_{t}_{i}\n")
    out.write("Subject To\n")
    free = []
    for t in range(n):
        for i in range(t + 1):
            for dep in graph.deps[i]:
                held = f" - S_{t}_{dep}" if dep < t else ""
                out.write(f" R_{t}_{i} - R_{t}_{dep}{held} <= 0\n")
        for i in range(t):
            earlier = f" - S_{t-1}_{i}" if i < t - 1 else ""
            out.write(f" S_{t}_{i} - R_{t-1}_{i}{earlier} <= 0\n")
        out.write(f" U_{t}_0 - {size[0]} R_{t}_0")
        for i in range(t):
            out.write(f" - {size[i]} S_{t}_{i}\n")
        out.write(" = 0\n")
        for k in range(t):
            out.write(f" U_{t}_{k+1} - U_{t}_{k} - {size[k+1]} R_{t}_{k+1}")
            for i in graph.deps[k] + [k]:
                out.write(f" + {size[i]} F_{t}_{i}_{k}\n")
                free.append((t, i, k))
            out.write(" = 0\n")
    for t, i, k in free:
        hazards = [f"R_{t}_{j}" for j in graph.users[i] if k < j <= t]
        if t + 1 < n:
            hazards.append(f"S_{t+1}_{i}")
        # 1 - F >= hazards / (how many there can be), and hazards include 1 - R.
        bound = len(hazards) + 1
        terms = "".join(f" + {hazard}" for hazard in hazards)
        out.write(f" {bound} F_{t}_{i}_{k}{terms} - R_{t}_{k}"
                  f" <= {bound - 1}\n")
    out.write("Bounds\n")
    for t in range(n):
        out.write(f" R_{t}_{t} = 1\n")
        for k in range(t + 1):
            out.write(f" 0 <= U_{t}_{k} <= {budget // unit}\n")
    out.write("Binaries\n")
    for t in range(n):
        out.write("".join(f" R_{t}_{i}\n" for i in range(t + 1)))
        out.write("".join(f" S_{t}_{i}\n" for i in range(t)))
    out.write("".join(f" F_{t}_{i}_{k}\n" for t, i, k in free))
    out.write("End\n")


def solve_by_cbc(graph, budget, seconds):
    """("optimal", cost), ("infeasible", None) or ("stopped", bound)."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "checkmate.lp"
        with open(path, "w") as out:
            write_lp(graph, budget, out)
        run = subprocess.run(
            ["cbc", str(path), "ratioGap", "0", "allowableGap", "0",
             "sec", str(seconds), "solve"],
            capture_output=True, text=True, check=False)
    if "Result - Optimal solution found" in run.stdout:
        value = re.search(r"Objective value:\s+(\S+)", run.stdout)
        return "optimal", float(value.group(1))
    if re.search(r"infeasible", run.stdout):
        return "infeasible", None
    bound = re.search(r"Lower bound:\s+(\S+)", run.stdout)
    return "stopped", float(bound.group(1)) if bound else None


def solve_by_neap(solver, path, graph, budget, seconds=60):
    """(scaled answer, seconds), or None if nothing fits."""
    begin = time.monotonic()
    run = subprocess.run(
        [solver, "remat", str(path), "--budget", str(budget),
         "--time-limit", str(seconds)],
        capture_output=True, text=True, check=False)
    if run.returncode == 4:
        return None
    if run.returncode != 0:
        raise SystemExit(f"{path}: exit {run.returncode}: {run.stderr}")
    answer = json.loads(run.stdout)
    for key in ("cost", "lower_bound", "recomputed_cost"):
        answer[key] *= BASE / graph.cost_sum
    return answer, time.monotonic() - begin


def load(path):
    with open(path) as stream:
        return Graph(json.load(stream)["nodes"])


def check_public(solver, folder):
    failures = 0
    for name, share, optimum, mode in RECORDED:
        path = folder / f"{name}.json"
        graph = load(path)
        budget = graph.budget(share)
        begin = time.monotonic()
        how = mode
        if mode == "live":
            status, optimum = solve_by_cbc(graph, budget, 600)
            assert status == "optimal", status
            how = f"{time.monotonic() - begin:.1f} s"
        near = mode == "within 0.1 %"
        answer, seconds = solve_by_neap(solver, path, graph, budget,
                                        5 if near else 60)
        # 1e-5 of the base cost: the accuracy of CBC's tolerances.
        tolerance = BASE * (1e-3 if near else 1e-5)
        good = (abs(answer["cost"] - optimum) <= tolerance and
                answer["lower_bound"] <= optimum + BASE * 1e-5 and
                (near or answer["optimal"]))
        failures += not good
        print(f"{name} share {share} budget {budget}: neap {answer['cost']:.4f}"
              f" (bound {answer['lower_bound']:.4f}, {seconds:.2f} s), cbc "
              f"{optimum:.4f} ({how}){'' if good else ' DIFFER'}", flush=True)
    return failures


def random_graph(source):
    count = source.randint(6, 12)
    training = source.random() < 0.5
    nodes = []
    for i in range(count):
        mirror = count - 1 - i
        if training:
            deps = [d for d in range(i) if d in (i - 1, mirror, mirror - 1)]
        else:
            deps = [d for d in range(i) if source.random() < 0.35]
        nodes.append({"id": i, "bytes": source.randint(1, 9),
                      "flop": source.randint(1, 20), "deps": deps})
    return nodes


def check_random(solver, graphs):
    source = random.Random(7)
    failures = infeasible = recomputing = 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "graph.json"
        for _ in range(graphs):
            nodes = random_graph(source)
            path.write_text(json.dumps({"nodes": nodes}))
            graph = Graph(nodes)
            budget = graph.budget(source.choice([0, 0.15, 0.3, 0.5]))
            status, optimum = solve_by_cbc(graph, budget, 60)
            answer = solve_by_neap(solver, path, graph, budget)
            if status == "infeasible":
                infeasible += 1
                good = answer is None
            else:
                good = (answer is not None and answer[0]["optimal"] and
                        abs(answer[0]["cost"] - optimum) <= BASE * 1e-5)
                recomputing += optimum > BASE * 1.0001
            if not good:
                failures += 1
                print("DIFFER", budget, status, optimum, answer, nodes)
    print(f"{graphs} random graphs: {infeasible} infeasible, {recomputing} with "
          f"recomputation, {failures} differences", flush=True)
    return failures


def record(folder, seconds):
    for name, share, _, _ in RECORDED:
        graph = load(folder / f"{name}.json")
        begin = time.monotonic()
        status, value = solve_by_cbc(graph, graph.budget(share), seconds)
        print(name, share, graph.budget(share), status, value,
              f"{time.monotonic() - begin:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check")
    check.add_argument("--solver", required=True)
    check.add_argument("--data", type=pathlib.Path, required=True)
    again = commands.add_parser("record")
    again.add_argument("--data", type=pathlib.Path, required=True)
    again.add_argument("--seconds", type=float, default=1800)
    program = commands.add_parser("lp")
    program.add_argument("graph")
    program.add_argument("budget", type=int)
    options = parser.parse_args()

    if options.command == "lp":
        write_lp(load(options.graph), options.budget, sys.stdout)
        return 0
    if not shutil.which("cbc"):
        print("SKIPPED: cbc is not installed (Debian: coinor-cbc)")
        return SKIPPED
    data = pathlib.Path(os.environ.get("NEAP_TEST_DATA", options.data))
    folder = data / "planning" / "poet"
    if options.command == "record":
        record(folder, options.seconds)
        return 0
    failures = check_random(options.solver, 80)
    if not folder.is_dir():
        print(f"SKIPPED: {folder} is absent")
        return 1 if failures else SKIPPED
    return 1 if failures + check_public(options.solver, folder) else 0


if __name__ == "__main__":
    sys.exit(main())
