#!/usr/bin/env python3
"""tools/verify_plan.py agrees with a correct plan and names what is wrong with
a broken one: every figure is changed in turn and every change must be caught.

Needs no binaries.
"""
import copy
import json
import subprocess
import sys
import unittest
from pathlib import Path

import support

SCRIPT = support.ROOT / "tools" / "verify_plan.py"
sys.path.insert(0, str(SCRIPT.parent))
import verify_plan  # noqa: E402

PAGE = 4096


def buffer(program, name, bytes_, offset, start, end, class_, fixed=False):
    return {"program": program, "name": name, "onnx_node": "/" + name, "bytes": bytes_, "class": class_,
            "start": start, "end": end, "offset": offset, "alignment": 64, "fixed": fixed}


def good_plan():
    """Two programs over one arena:

        train_row  step 0   a a
                   step 1   a b b     <- peak
                   step 2   c b b       c reuses a's bytes
        eval_row   step 0   d           reuses them again
    """
    buffers = [buffer("*", "lora", 1024, 0, 0, 3, "adapter_parameters", True),
               buffer("*", "grads", 1024, 1024, 0, 3, "gradients", True),
               buffer("train_row", "a", 640, 2048, 0, 2, "saved_activations"),
               buffer("train_row", "b", 1280, 2688, 1, 3, "transients"),
               buffer("train_row", "c", 512, 2048, 2, 3, "transients"),
               buffer("eval_row", "d", 960, 2048, 0, 1, "transients")]
    live = {"train_row": [2688, 3968, 3840], "eval_row": [3008]}
    classes = {"adapter_parameters": 1024, "gradients": 1024, "optimizer_state": 0,
               "saved_activations": 640, "transients": 1280, "arena_gaps": PAGE - 3968,
               "code_and_stacks": 700, "mapped_weights": 5000, "kernel_bookkeeping": 300}
    total = sum(classes.values())
    alive = [buffers[3], buffers[0], buffers[1], buffers[2]]
    return {
        "schema_version": 1, "budget": {"kind": "rss", "bytes": 12000},
        "peak": {"planned_bytes": total - 300, "anon": PAGE + 200, "rss": total - 300, "cgroup": total,
                 "by_class": classes, "at_step": {"program": "train_row", "step": 1}},
        "min_peak_bytes": total - 400, "floor_bytes": total - 500,
        "max_live_bytes": 3968, "arena_bytes": PAGE,
        "gaps": {"fragmentation": 0, "page_rounding": PAGE - 3968, "offsets_optimal": True},
        "programs": [{"name": n, "runs_per_step": 2 if n == "train_row" else 0,
                      "steps": [{"op": "x", "onnx_node": f"/{i}", "live_bytes": b, "flops": 2.0 + i,
                                 "recomputed": False} for i, b in enumerate(live[n])]} for n in live],
        "buffers": buffers, "live_bytes": live,
        "tensors_at_peak": [{k: b[k] for k in ("program", "name", "onnx_node", "bytes", "class")}
                            for b in alive],
        "certificates": {
            "offsets": {"arena_bytes": PAGE, "bound_bytes": 3968},
            "order": {"peak_bytes": total - 300, "bound_bytes": total - 300},
            "order_without_recomputation": {"bound_bytes": total - 300},
            "peak": {"min_peak_bytes": total - 400, "bound_bytes": total - 500},
            "time": {"seconds_per_step": 2.0, "bound_seconds": 1.5, "bound_seconds_per_mib": 0.1}},
        "blocks": [{"index": i, "program": "train_row", "first_step": i, "last_step": i,
                    "first_onnx_node": f"/{i}", "last_onnx_node": f"/{i}", "type": i, "variant": "keep",
                    "kept_bytes": 0, "extra_seconds": 0.0} for i in range(2)],
        "flops_per_step": 2 * (2.0 + 3.0 + 4.0), "recomputed_flops": 0.0, "seconds_per_step": 2.0,
        "flash": {"read_bytes_per_step": 0, "write_bytes_per_step": 0, "read_bytes_per_job": 5000,
                  "write_bytes_per_job": 1600, "adapter_bytes": 1500, "log_bytes": 100, "steps": 5},
        "parameters": [{"name": "A", "element_offset": 0, "elements": 128},
                       {"name": "B", "element_offset": 128, "elements": 128}],
        "weights": {"count": 1, "bytes": 4000, "file_bytes": 5000, "place": "mapped", "wait_seconds_per_step": 0.0}}


def recomputing_plan():
    """The same, but the last step of train_row runs its first one again."""
    plan = good_plan()
    plan["programs"][0]["steps"][2].update(onnx_node="/0", flops=2.0, recomputed=True)
    plan["blocks"][0].update(variant="recompute 1 of 1")
    plan.update(flops_per_step=2 * (2.0 + 3.0 + 2.0), recomputed_flops=4.0)
    return plan


class VerifyPlan(unittest.TestCase):
    def faults(self, edit, plan=good_plan):
        plan = copy.deepcopy(plan())
        edit(plan)
        return verify_plan.verify(plan)[0]

    def caught(self, edit, *words, plan=good_plan):
        found = self.faults(edit, plan)
        self.assertTrue(found, "the broken plan was accepted")
        for word in words:
            self.assertTrue(any(word in fault for fault in found), f"'{word}' not in {found}")

    def test_the_good_plan_agrees(self):
        self.assertEqual(self.faults(lambda plan: None), [])
        self.assertEqual(self.faults(lambda plan: None, recomputing_plan), [])

    def test_overlap_of_two_live_buffers(self):
        self.caught(lambda p: p["buffers"][3].update(offset=2624), "'a'", "overlaps", "'b'")

    def test_overlap_by_a_longer_life(self):
        self.caught(lambda p: p["buffers"][2].update(end=3), "'a'", "overlaps", "'c'")

    def test_overlap_with_a_fixed_buffer(self):
        self.caught(lambda p: p["buffers"][5].update(offset=1984), "'grads'", "overlaps", "'d'")

    def test_buffers_of_two_programs_may_overlap(self):
        self.assertEqual([f for f in self.faults(lambda p: None) if "overlaps" in f], [])

    def test_buffer_outside_the_arena(self):
        self.caught(lambda p: p["buffers"][3].update(offset=2880), "outside the arena")

    def test_misaligned_buffer(self):
        self.caught(lambda p: p["buffers"][4].update(offset=2049), "not aligned")

    def test_lifetime_outside_the_program(self):
        self.caught(lambda p: p["buffers"][3].update(end=4), "lifetime")
        self.caught(lambda p: p["buffers"][3].update(start=3), "lifetime")

    def test_fixed_buffer_that_dies(self):
        self.caught(lambda p: p["buffers"][0].update(end=2), "every step")

    def test_hidden_buffer(self):
        self.caught(lambda p: p["buffers"].pop(2), "live_bytes of train_row at step 0")

    def test_every_stated_figure_is_recomputed(self):
        paths = [("max_live_bytes",), ("arena_bytes",), ("live_bytes", "train_row", 0),
                 ("live_bytes", "train_row", 2), ("live_bytes", "eval_row", 0),
                 ("programs", 0, "steps", 1, "live_bytes"), ("programs", 1, "steps", 0, "live_bytes"),
                 ("gaps", "fragmentation"), ("gaps", "page_rounding"), ("peak", "planned_bytes"),
                 ("peak", "rss"), ("peak", "cgroup"), ("peak", "at_step", "step"),
                 ("tensors_at_peak", 0, "bytes"), ("schema_version",), ("flops_per_step",),
                 ("recomputed_flops",), ("programs", 0, "runs_per_step")]
        paths += [("programs", p, "steps", s, "flops") for p, s in ((0, 0), (0, 1), (0, 2))]
        paths += [("blocks", i, key) for i in range(2) for key in ("index", "first_step", "last_step")]
        paths += [("flash", key) for key in good_plan()["flash"] if key != "steps"]
        paths += [("peak", "by_class", name) for name in good_plan()["peak"]["by_class"]]
        paths += [("buffers", i, "bytes") for i in range(6)]
        for path in paths:
            for change in (-1, 1):
                with self.subTest(path=path, change=change):
                    def edit(plan):
                        at = plan
                        for key in path[:-1]:
                            at = at[key]
                        at[path[-1]] += change
                    self.caught(edit)

    def test_bounds(self):
        self.caught(lambda p: p.update(min_peak_bytes=10 ** 6), "min_peak_bytes")
        self.caught(lambda p: p.update(floor_bytes=10 ** 6), "floor_bytes")
        self.caught(lambda p: p["budget"].update(bytes=9000), "budget")
        self.caught(lambda p: p["peak"].update(anon=PAGE - 1), "anon")
        self.caught(lambda p: p["peak"].update(anon=PAGE + 701), "anon")
        self.caught(lambda p: p.update(recomputed_flops=11.0), "recomputed_flops")
        self.caught(lambda p: p["parameters"][1].update(element_offset=127), "overlaps")
        self.caught(lambda p: p["parameters"][1].update(elements=129), "do not fit")

    def test_flops_of_repetitions(self):
        train, evaluation = (lambda p: p["programs"][0]["steps"]), (lambda p: p["programs"][1]["steps"])
        def moved(p):
            """Flops moved from one step to another, the sums kept."""
            train(p)[1]["flops"] += 1
            train(p)[2]["flops"] -= 1
            p["recomputed_flops"] -= 2
        self.caught(moved, "step 2 of train_row", plan=recomputing_plan)
        self.caught(lambda p: evaluation(p)[0].update(flops=9.0), "step 0 of eval_row")
        self.caught(lambda p: train(p)[2].update(recomputed=False), "recomputed_flops", plan=recomputing_plan)
        self.caught(lambda p: train(p)[0].update(flops=-2.0), "negative")

    def test_sums_of_fractions_may_round(self):
        def fractions(p):
            for step, flops in zip(p["programs"][0]["steps"], (0.1, 0.2, 0.3)):
                step["flops"] = flops
            p["programs"][1]["steps"][0]["flops"] = 0.1
            p["flops_per_step"] = 2 * (0.3 + 0.2 + 0.1)
        self.assertEqual(self.faults(fractions), [])

    def test_blocks(self):
        self.caught(lambda p: p.update(blocks=[]), "0 blocks")
        self.caught(lambda p: p["blocks"].pop(0), "index")
        self.caught(lambda p: p["blocks"][0].update(program="eval_row"), "eval_row runs 0 times")
        self.caught(lambda p: p["blocks"][0].update(program="other"), "no program")
        self.caught(lambda p: p["blocks"][1].update(last_onnx_node="/0"), "last_onnx_node")
        self.caught(lambda p: p["blocks"][0].update(variant="recompute 0 of 2"), "variant")
        self.caught(lambda p: p["blocks"][0].update(variant="keep"), "no block recomputes",
                    plan=recomputing_plan)
        self.caught(lambda p: p["blocks"][0].update(kept_bytes=-1), "kept_bytes")

    def test_flash(self):
        self.caught(lambda p: p.update(flash={}), "flash lacks read_bytes_per_step")
        self.caught(lambda p: p["flash"].update(steps=0), "flash.steps")
        self.caught(lambda p: p["flash"].update(adapter_bytes=1000, log_bytes=600), "cannot hold")
        self.caught(lambda p: p["flash"].update(log_bytes=-1, adapter_bytes=1601), "negative")
        def paged(p):
            p["flash"].update(write_bytes_per_step=10, write_bytes_per_job=1650)
        self.assertEqual(self.faults(paged), [])
        self.assertEqual(self.faults(lambda p: p["flash"].update(steps=None)), [])

    def test_certificates(self):
        def change(section, key, value):
            self.caught(lambda p: p["certificates"][section].update({key: value}), f"certificates.{section}")
        planned = good_plan()["peak"]["planned_bytes"]
        change("offsets", "bound_bytes", 3967)
        change("offsets", "arena_bytes", 2 * PAGE)
        change("order", "peak_bytes", planned + 1)
        change("order", "bound_bytes", planned + 1)
        change("order_without_recomputation", "bound_bytes", planned + 1)
        change("order_without_recomputation", "bound_bytes", planned - 300)
        change("peak", "min_peak_bytes", planned)
        change("peak", "bound_bytes", planned)
        change("time", "seconds_per_step", 2.5)
        change("time", "bound_seconds", 2.1)

    def test_tensors_at_the_peak(self):
        self.caught(lambda p: p["tensors_at_peak"].pop(), "tensors_at_peak")
        self.caught(lambda p: p["tensors_at_peak"].reverse(), "sorted")

    def test_missing_parts_and_wrong_types(self):
        for key in verify_plan.REQUIRED:
            with self.subTest(key=key):
                self.caught(lambda p: p.pop(key), "missing")
        self.caught(lambda p: p["buffers"][0].update(offset="0"), "no integer")

    def test_exit_codes(self):
        def run(*arguments):
            return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with support.Workspace() as work:
            good, bad = Path(work / "good.json"), Path(work / "bad.json")
            good.write_text(json.dumps(good_plan()))
            plan = good_plan()
            plan["buffers"][3]["offset"] = 2624
            bad.write_text(json.dumps(plan))
            done = run(good)
            self.assertEqual((done.returncode, "agrees" in done.stdout), (0, True), done.stdout)
            self.assertEqual(run(good, bad).returncode, 1)
            bad.write_text('{"schema_version": 1')
            self.assertEqual(run(bad).returncode, 1)
            bad.write_text('{"schema_version": 1, "peak": 3}')
            self.assertEqual(run(bad).returncode, 1)
            self.assertEqual(run().returncode, 2)


class Sweeps(unittest.TestCase):
    def test_a_sweep_is_named_as_one(self):
        with support.Workspace() as work:
            path = work / "sweep.json"
            path.write_text(json.dumps({"schema_version": 1, "job": "j", "devices": []}))
            done = subprocess.run([sys.executable, SCRIPT, path], stdout=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}: is a sweep", done.stdout)
        self.assertIn(f"{path}: 1 fault\n", done.stdout)
        self.assertNotIn("missing", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
