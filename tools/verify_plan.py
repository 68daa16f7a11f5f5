#!/usr/bin/env python3
"""Recomputes what plan.json claims, so that nobody has to trust Neap.

From the buffers alone (lifetimes, sizes, offsets) it works out which bytes are
alive at every step, that no two buffers alive at the same time share a byte,
the peak, what lives there, the gaps of the arena and the bounds, from the steps
the FLOPs and what is recomputed, and compares all of it with the plan's own
figures. docs/plan-json.md is the schema and says what cannot be recomputed.

Usage: verify_plan.py PLAN.json...
Exit codes: 0 the plans agree; 1 one does not (each fault is printed); 2 usage.
"""
import json
import re
import sys

# Classes by measure (docs/plan-json.md, "peak"). Code and stacks are anonymous in part.
FILE_CLASSES = {"mapped_weights"}
KERNEL_CLASSES = {"kernel_bookkeeping"}
PARTLY_ANONYMOUS = {"code_and_stacks"}
OUTSIDE_THE_ARENA = FILE_CLASSES | KERNEL_CLASSES | PARTLY_ANONYMOUS | {"arena_gaps"}
REQUIRED = ("schema_version", "peak", "max_live_bytes", "arena_bytes", "programs", "buffers", "live_bytes",
            "tensors_at_peak", "blocks", "flops_per_step", "recomputed_flops", "flash", "parameters", "weights")
FLASH_KEYS = ("read_bytes_per_step", "write_bytes_per_step", "read_bytes_per_job", "write_bytes_per_job",
              "adapter_bytes", "log_bytes", "steps")
VARIANT = re.compile(r"keep|recompute ([1-9][0-9]*) of ([1-9][0-9]*)")
PAGE_BYTES = 4096


class Faults(list):
    def expect(self, holds, text):
        if not holds:
            self.append(text)

    def equal(self, what, found, recomputed):
        self.expect(found == recomputed, f"{what} is {found}, but recomputed {recomputed}")


def title(buffer):
    return (f"'{buffer['name']}' of {buffer['program']} at [{buffer['offset']}, "
            f"{buffer['offset'] + buffer['bytes']}) in steps [{buffer['start']}, {buffer['end']})")


def check_structure(plan, faults):
    """Programs, and the buffers that are sound enough to reason about."""
    lengths = {p["name"]: len(p["steps"]) for p in plan["programs"]}
    faults.expect(len(lengths) == len(plan["programs"]), "two programs have the same name")
    faults.expect(all(lengths.values()), "a program has no steps")
    longest = max(lengths.values(), default=0)
    for b in plan["buffers"]:
        numbers = [b.get(k) for k in ("bytes", "start", "end", "offset")] + [b.get("alignment", 1)]
        if not all(isinstance(n, int) for n in numbers):
            faults.append(f"buffer '{b.get('name')}' has a field that is no integer: {b}")
            return None
        fixed = bool(b.get("fixed"))
        faults.expect(fixed == (b["program"] == "*"),
                      f"{title(b)}: program '*' and 'fixed' must come together")
        if b["program"] != "*" and b["program"] not in lengths:
            faults.append(f"{title(b)}: no program has this name")
            continue
        length = longest if fixed else lengths[b["program"]]
        faults.expect(b["bytes"] >= 0, f"{title(b)}: negative size")
        faults.expect(0 <= b["start"] < b["end"] <= length,
                      f"{title(b)}: its lifetime is empty or leaves the {length} steps")
        if fixed:
            faults.expect(b["start"] == 0 and b["end"] == length,
                          f"{title(b)}: a fixed buffer lives in every step")
        faults.expect(b["offset"] >= 0 and b["offset"] + b["bytes"] <= plan["arena_bytes"],
                      f"{title(b)}: outside the arena of {plan['arena_bytes']} bytes")
        alignment = b.get("alignment", 1)
        faults.expect(alignment > 0 and b["offset"] % max(alignment, 1) == 0,
                      f"{title(b)}: not aligned to {alignment}")
    return lengths


def buffers_of(plan, program, length):
    """The program's own buffers and the fixed ones, stretched over its steps."""
    own = [b for b in plan["buffers"] if b["program"] == program]
    fixed = [dict(b, start=0, end=length) for b in plan["buffers"] if b["program"] == "*"]
    return own + fixed


def live_bytes(buffers, length):
    """Bytes alive in each step: the running sum of what starts and ends."""
    change = [0] * (length + 1)
    for b in buffers:
        change[max(0, min(b["start"], length))] += b["bytes"]
        change[max(0, min(b["end"], length))] -= b["bytes"]
    live, total = [], 0
    for c in change[:length]:
        total += c
        live.append(total)
    return live


def check_overlaps(program, buffers, faults):
    """Every pair of buffers that are alive at the same time, in order of start."""
    pairs, active = 0, []
    for b in sorted(buffers, key=lambda b: b["start"]):
        active = [a for a in active if a["end"] > b["start"]]
        for a in active:
            pairs += 1
            if a["offset"] < b["offset"] + b["bytes"] and b["offset"] < a["offset"] + a["bytes"] \
                    and a["bytes"] and b["bytes"]:
                faults.append(f"{program}: {title(a)} overlaps {title(b)}")
        active.append(b)
    return pairs


def check_liveness(plan, lengths, faults):
    """Live bytes of every program; returns them and the number of pairs checked."""
    live, pairs = {}, 0
    faults.equal("the set of programs in live_bytes", sorted(plan["live_bytes"]), sorted(lengths))
    for program in plan["programs"]:
        name, length = program["name"], lengths[program["name"]]
        buffers = buffers_of(plan, name, length)
        pairs += check_overlaps(name, buffers, faults)
        live[name] = live_bytes(buffers, length)
        stated = plan["live_bytes"].get(name, [])
        faults.equal(f"the length of live_bytes of {name}", len(stated), length)
        for step, (a, b) in enumerate(zip(stated, live[name])):
            if a != b:
                faults.append(f"live_bytes of {name} at step {step} is {a}, but recomputed {b}")
                break
        for step, (entry, b) in enumerate(zip(program["steps"], live[name])):
            if entry.get("live_bytes", b) != b:
                faults.append(f"step {step} of {name} says {entry['live_bytes']} live bytes, "
                              f"but recomputed {b}")
                break
    return live, pairs


def check_arena(plan, live, faults):
    top = max((max(steps, default=0) for steps in live.values()), default=0)
    faults.equal("max_live_bytes", plan["max_live_bytes"], top)
    faults.expect(plan["arena_bytes"] % PAGE_BYTES == 0,
                  f"arena_bytes {plan['arena_bytes']} is no multiple of {PAGE_BYTES}")
    used = max((b["offset"] + b["bytes"] for b in plan["buffers"]), default=0)
    faults.expect(used <= plan["arena_bytes"], f"buffers reach {used} in an arena of {plan['arena_bytes']}")
    gaps = plan.get("gaps", {})
    causes = {k: v for k, v in gaps.items() if isinstance(v, int) and not isinstance(v, bool)}
    if causes:
        faults.expect(all(v >= 0 for v in causes.values()), f"a gap is negative: {causes}")
        faults.equal("the sum of the gaps", sum(causes.values()), plan["arena_bytes"] - top)
    return top


def check_peak(plan, live, faults):
    """The step of the peak, what is alive there, and the classes."""
    at = plan["peak"].get("at_step", {})
    program, step = at.get("program"), at.get("step")
    if program not in live or not isinstance(step, int) or not 0 <= step < len(live[program]):
        faults.append(f"peak.at_step {at} is no step of a program")
        return
    faults.equal("the live bytes at peak.at_step", live[program][step], plan["max_live_bytes"])
    alive = [b for b in buffers_of(plan, program, len(live[program])) if b["start"] <= step < b["end"]]
    listed = [(t["bytes"], t["name"], t.get("class")) for t in plan["tensors_at_peak"]]
    expected = [(b["bytes"], b["name"], b.get("class")) for b in alive]
    faults.expect(sorted(map(str, listed)) == sorted(map(str, expected)),
                  f"tensors_at_peak lists {len(listed)} buffers of {sum(t[0] for t in listed)} bytes, "
                  f"but {len(expected)} of {sum(b[0] for b in expected)} are alive there")
    faults.expect([t[0] for t in listed] == sorted((t[0] for t in listed), reverse=True),
                  "tensors_at_peak is not sorted, largest first")
    sums = {}
    for b in alive:
        sums[b["class"]] = sums.get(b["class"], 0) + b["bytes"]
    check_classes(plan, sums, faults)


def check_classes(plan, sums, faults):
    peak, classes = plan["peak"], plan["peak"]["by_class"]
    for name in sorted(set(sums) - set(classes)):
        faults.append(f"by_class lacks '{name}', of which {sums[name]} bytes are alive at the peak")
    for name, stated in classes.items():
        if name in PARTLY_ANONYMOUS:
            faults.expect(stated >= sums.get(name, 0),
                          f"by_class '{name}' is {stated}, less than the {sums.get(name, 0)} in the arena")
        elif name not in OUTSIDE_THE_ARENA:
            faults.equal(f"by_class '{name}'", stated, sums.get(name, 0))
    faults.equal("by_class 'arena_gaps'", classes.get("arena_gaps", 0),
                 plan["arena_bytes"] - plan["max_live_bytes"])
    faults.equal("peak.cgroup", peak["cgroup"], sum(classes.values()))
    kernel = sum(classes.get(c, 0) for c in KERNEL_CLASSES)
    faults.equal("peak.rss", peak["rss"], peak["cgroup"] - kernel)
    whole = peak["rss"] - sum(classes.get(c, 0) for c in FILE_CLASSES)
    part = sum(classes.get(c, 0) - sums.get(c, 0) for c in PARTLY_ANONYMOUS)
    faults.expect(whole - part <= peak["anon"] <= whole,
                  f"peak.anon is {peak['anon']}, but the classes give {whole - part} to {whole}")
    faults.expect(peak["anon"] >= plan["arena_bytes"], "peak.anon is less than the arena")


def check_bounds(plan, faults):
    peak, budget = plan["peak"], plan.get("budget")
    planned = peak["planned_bytes"]
    kind = (budget or {}).get("kind", "anon")
    if kind in peak:
        faults.equal("peak.planned_bytes", planned, peak[kind])
    else:
        faults.expect(planned in (peak["anon"], peak["rss"], peak["cgroup"]),
                      f"peak.planned_bytes {planned} is none of anon, rss and cgroup")
    if budget and isinstance(budget.get("bytes"), int):
        faults.expect(planned <= budget["bytes"],
                      f"peak.planned_bytes {planned} is above the budget of {budget['bytes']}")
    floor, smallest = plan.get("floor_bytes"), plan.get("min_peak_bytes")
    if smallest is not None:
        faults.expect(smallest <= planned, f"min_peak_bytes {smallest} is above planned_bytes {planned}")
    if floor is not None and smallest is not None:
        faults.expect(floor <= smallest, f"floor_bytes {floor} is above min_peak_bytes {smallest}")
    weights = plan.get("weights", {})
    if "file_bytes" in weights:
        faults.expect(weights["bytes"] <= weights["file_bytes"], "weights do not fit their file")


def check_certificates(plan, faults):
    """Bounds are below what they bound and repeat the plan's own figures."""
    if "certificates" not in plan:
        return
    bounds = plan["certificates"]
    faults.equal("certificates.offsets.arena_bytes", bounds["offsets"]["arena_bytes"], plan["arena_bytes"])
    faults.equal("certificates.offsets.bound_bytes", bounds["offsets"]["bound_bytes"],
                 plan["max_live_bytes"])
    faults.equal("certificates.order.peak_bytes", bounds["order"]["peak_bytes"],
                 plan["peak"]["planned_bytes"])
    faults.equal("certificates.peak.min_peak_bytes", bounds["peak"]["min_peak_bytes"],
                 plan["min_peak_bytes"])
    faults.equal("certificates.peak.bound_bytes", bounds["peak"]["bound_bytes"], plan["floor_bytes"])
    faults.equal("certificates.time.seconds_per_step", bounds["time"]["seconds_per_step"],
                 plan["seconds_per_step"])
    for name, value in (("order", "peak_bytes"), ("peak", "min_peak_bytes")):
        faults.expect(bounds[name]["bound_bytes"] <= bounds[name][value],
                      f"certificates.{name}: the bound is above the {value}")
    faults.expect(bounds["order_without_recomputation"]["bound_bytes"] >= plan["floor_bytes"],
                  "certificates.order_without_recomputation: the bound is below the floor")
    time = bounds["time"]
    faults.expect(0 <= time["bound_seconds"] <= time["seconds_per_step"] * (1 + 1e-9),
                  "certificates.time: the bound is above the seconds_per_step")
    if not any(step["recomputed"] for program in plan["programs"] for step in program["steps"]):
        faults.expect(bounds["order_without_recomputation"]["bound_bytes"] <= plan["peak"]["planned_bytes"],
                      "certificates.order_without_recomputation: this plan is below the bound")


def sum_flops(terms):
    """Their sum, and how far rounding may take another order of adding from it."""
    total = 0.0
    for term in terms:
        total += term
    exact = total < 2 ** 53 and all(float(term).is_integer() for term in terms)
    return total, 0.0 if exact else len(terms) * 2 ** -52 * total


def check_flops(plan, faults):
    """FLOPs of an optimizer step from those of its programs' steps."""
    terms, recomputed = [], []
    for p in plan["programs"]:
        faults.expect(p["runs_per_step"] >= 0, f"runs_per_step of {p['name']} is negative")
        for number, step in enumerate(p["steps"]):
            faults.expect(step["flops"] >= 0, f"step {number} of {p['name']} has negative flops")
            terms.append(p["runs_per_step"] * step["flops"])
            if step["recomputed"]:
                recomputed.append(terms[-1])
    for key, parts in (("flops_per_step", terms), ("recomputed_flops", recomputed)):
        total, slack = sum_flops(parts)
        faults.expect(abs(plan[key] - total) <= slack, f"{key} is {plan[key]}, but recomputed {total}")
    check_repetitions(plan, faults)


def work(step):
    return step["op"], step["onnx_node"], step["flops"]


def check_repetitions(plan, faults):
    """What runs again costs what its first run does, and evaluation no more than training."""
    trained = [s for p in plan["programs"] if p["runs_per_step"] for s in p["steps"] if not s["recomputed"]]
    known, most = {work(s) for s in trained}, {}
    for step in trained:
        most[work(step)[:2]] = max(step["flops"], most.get(work(step)[:2], 0))
    for p in plan["programs"]:
        for number, step in enumerate(p["steps"]):
            name, flops = f"step {number} of {p['name']}", step["flops"]
            if step["recomputed"]:
                faults.expect(work(step) in known, f"{name} has {flops} flops, which no step that it repeats has")
            else:
                limit = most.get(work(step)[:2], flops)
                faults.expect(flops <= limit, f"{name} has {flops} flops, in training {limit}")


def check_blocks(plan, faults):
    """Blocks cover the forward part, and only what they recompute runs again."""
    for index, block in enumerate(plan["blocks"]):
        faults.equal(f"the index of block {index}", block["index"], index)
        faults.expect(VARIANT.fullmatch(block["variant"]), f"block {index}: no variant is '{block['variant']}'")
        faults.expect(block["kept_bytes"] >= 0, f"block {index}: kept_bytes is negative")
        faults.expect(any(p["name"] == block["program"] for p in plan["programs"]),
                      f"block {index}: no program is called '{block['program']}'")
    for program in plan["programs"]:
        blocks = [b for b in plan["blocks"] if b["program"] == program["name"]]
        faults.expect(bool(blocks) == bool(program["runs_per_step"]),
                      f"{program['name']} runs {program['runs_per_step']} times and has {len(blocks)} blocks")
        check_program_blocks(program, blocks, faults)


def check_program_blocks(program, blocks, faults):
    steps, covered, again = program["steps"], set(), set()
    for block in blocks:
        name, first, last = f"block {block['index']}", block["first_step"], block["last_step"]
        if not 0 <= first <= last < len(steps):
            faults.append(f"{name}: steps {first} to {last} of {len(steps)}")
            return
        for key, step in (("first", first), ("last", last)):
            faults.equal(f"{name}: {key}_onnx_node", block[f"{key}_onnx_node"], steps[step]["onnx_node"])
            faults.expect(not steps[step]["recomputed"], f"{name}: {key}_step is recomputed")
        covered.update(range(first, last + 1))
        if block["variant"] != "keep":
            again.update(work(s)[:2] for s in steps[first:last + 1])
    # A read for the backward part may begin in the forward part.
    end = max(covered, default=-1) + 1
    covered.update(s for s in range(end) if steps[s]["op"] == "plan.fetch")
    faults.equal(f"the steps that the blocks of {program['name']} cover", sorted(covered), list(range(end)))
    for number, step in enumerate(steps):
        faults.expect(not step["recomputed"] or work(step)[:2] in again,
                      f"step {number} of {program['name']} is recomputed, but no block recomputes "
                      f"{step['op']} of '{step['onnx_node']}'")


def check_flash(plan, faults):
    flash = plan["flash"]
    missing = [k for k in FLASH_KEYS if k not in flash]
    if missing:
        faults.append(f"flash lacks {', '.join(missing)}")
        return
    steps = flash["steps"]
    faults.expect(all(flash[k] >= 0 for k in flash if k != "steps"), f"a figure of flash is negative: {flash}")
    faults.expect(steps is None or steps > 0, f"flash.steps is {steps}")
    faults.equal("flash.read_bytes_per_job", flash["read_bytes_per_job"],
                 plan["weights"]["file_bytes"] + flash["read_bytes_per_step"] * (steps or 0))
    faults.equal("flash.write_bytes_per_job", flash["write_bytes_per_job"],
                 flash["adapter_bytes"] + flash["log_bytes"] + flash["write_bytes_per_step"] * (steps or 0))
    elements = sum(p["elements"] for p in plan["parameters"])
    faults.expect(flash["adapter_bytes"] >= 4 * elements,
                  f"flash.adapter_bytes {flash['adapter_bytes']} cannot hold {elements} parameters")


def check_parameters(plan, faults):
    """Adapter tensors follow one another in the adapter array, which holds them."""
    elements = 0
    for p in sorted(plan.get("parameters", []), key=lambda p: p["element_offset"]):
        faults.expect(p["element_offset"] >= elements, f"parameter '{p['name']}' overlaps the one before")
        elements = p["element_offset"] + p["elements"]
    held = sum(b["bytes"] for b in plan["buffers"] if b.get("class") == "adapter_parameters")
    if plan.get("parameters"):
        faults.expect(4 * elements <= held,
                      f"{elements} adapter parameters do not fit their {held} bytes")


def verify(plan):
    """(faults, facts to print) of a parsed plan."""
    faults = Faults()
    if isinstance(plan, dict) and "devices" in plan and "programs" not in plan:
        faults.append("is a sweep (neap plan --sweep), the figures of plans without their buffers: "
                      "there is nothing to recompute; expected a plan.json")
        return faults, ""
    missing = [k for k in REQUIRED if k not in plan]
    if missing:
        faults.append(f"missing: {', '.join(missing)}")
        return faults, ""
    faults.equal("schema_version", plan["schema_version"], 1)
    lengths = check_structure(plan, faults)
    if lengths is None or len(lengths) != len(plan["programs"]):
        return faults, ""
    live, pairs = check_liveness(plan, lengths, faults)
    top = check_arena(plan, live, faults)
    check_peak(plan, live, faults)
    check_bounds(plan, faults)
    check_certificates(plan, faults)
    check_flops(plan, faults)
    check_blocks(plan, faults)
    check_flash(plan, faults)
    check_parameters(plan, faults)
    facts = (f"{len(plan['buffers'])} buffers, {pairs} pairs alive together, none overlaps; "
             f"max live {top}, arena {plan['arena_bytes']} "
             f"({plan['arena_bytes'] / max(top, 1):.4f} x), planned {plan['peak']['planned_bytes']}, "
             f"smallest {plan.get('min_peak_bytes')}, floor {plan.get('floor_bytes')}")
    return faults, facts


def main(paths):
    if not paths or any(p.startswith("-") for p in paths):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    failed = False
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                plan = json.load(file)
            faults, facts = verify(plan)
        except (OSError, ValueError) as error:
            faults, facts = [f"cannot be read: {error}"], ""
        except (KeyError, TypeError, AttributeError) as error:
            faults, facts = [f"does not follow the schema: {type(error).__name__} {error}"], ""
        for fault in faults:
            print(f"{path}: {fault}")
        verdict = "agrees: " + facts
        if faults:
            verdict = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        print(f"{path}: {verdict}")
        failed = failed or bool(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
