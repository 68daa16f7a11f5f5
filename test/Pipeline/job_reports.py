#!/usr/bin/env python3
"""What `neap plan` and `neap compile` say of a job: the summary, plan.json, the
budgets of the profile, and what the trainer says of it later.

Usage: job_reports.py [unittest arguments]
"""
import hashlib
import json
import re
import shlex
import unittest

from pipeline import DEVICE, DOES_NOT_FIT, NEAP, PipelineCase, support


class JobReports(PipelineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = support.write_tokens(cls.work / "tokens.safetensors", 4, 32, 250)

    def plan(self, *extra, **inputs):
        out = self.work / "report.json"
        support.checked(*self.job("plan", "-o", out, *extra, **inputs))
        return json.loads(out.read_text())

    def profile(self, name, edit):
        """A copy of the shipped profile with changes."""
        profile = json.loads(support.checked(NEAP, "device", "show", DEVICE).stdout)
        edit(profile)
        path = self.work / f"{name}.profile.json"
        path.write_text(json.dumps(profile))
        return path

    def budget(self, **fields):
        def edit(profile):
            for key, value in fields.items():
                profile["budget"][key] = value if key == "kind" else {"value": value, "source": "guessed"}
        return self.profile("budget", edit)

    # Identity --------------------------------------------------------------

    def test_a_plan_names_its_device_by_content(self):
        plan = self.plan()
        shown = support.checked(NEAP, "device", "show", DEVICE).stdout
        self.assertEqual(plan["inputs"]["device"], hashlib.sha256(shown.encode()).hexdigest())
        self.assertEqual(list(plan["inputs"]), ["model", "lora", "train", "device"])
        self.assertEqual((plan["device"], plan["target_triple"], plan["threads"]),
                         (DEVICE, "x86_64-unknown-linux-musl", 4))
        # The same name, and another device.
        def slower(profile):
            profile["clusters"][0]["gflops_sustained"]["value"] /= 2
        other = self.plan(device=self.profile("slower", slower))
        self.assertEqual(other["device"], plan["device"])
        self.assertNotEqual(other["inputs"]["device"], plan["inputs"]["device"])
        threads = support.write_train(self.work / "threads.json", neap={"threads": 2})
        self.assertEqual(self.plan(train=threads)["threads"], 2)

    def test_a_compiled_plan_names_its_weights(self):
        self.assertIsNone(self.plan()["weights"]["sha256"])
        job = self.work / "weights"
        support.compile_job(self.model, self.lora, self.train, job, device=support.DEVICE)
        facts = json.loads(support.checked(job / "trainer", "info", "--json").stdout)
        plan = (job / "plan.json").read_bytes()
        self.assertEqual(json.loads(plan)["weights"]["sha256"], facts["weights_sha256"])
        self.assertEqual(facts["plan_sha256"], hashlib.sha256(plan).hexdigest())
        self.assertIn("targets=q_proj,", facts["lora"])

    def test_blocks_lead_to_layers(self):
        for objective in ("fastest", "smallest"):
            plan = self.plan("--objective", objective)
            steps = plan["programs"][0]["steps"]
            ends = [block["last_step"] for block in plan["blocks"]]
            self.assertEqual(ends, sorted(ends))
            for block in plan["blocks"]:
                self.assertEqual(block["program"], "train_row")
                self.assertEqual(block["first_onnx_node"], steps[block["first_step"]]["onnx_node"])
                self.assertEqual(block["last_onnx_node"], steps[block["last_step"]]["onnx_node"])
            layers = " ".join(b["first_onnx_node"] + b["last_onnx_node"] for b in plan["blocks"])
            if objective == "fastest":
                self.assertIn("layers.1", layers)

    # Flash -----------------------------------------------------------------

    def test_flash_figures_are_bounds_on_what_a_run_writes(self):
        job, out, log = self.work / "flash", self.work / "flash-out", self.work / "flash.jsonl"
        support.compile_job(self.model, self.lora, self.train, job, device=support.DEVICE)
        flash = support.plan_of(job)["flash"]
        support.checked(job / "trainer", "train", "--tokens", self.tokens, "--out", out, "--log", log)
        adapter = sum(file.stat().st_size for file in out.iterdir())
        self.assertLessEqual(adapter, flash["adapter_bytes"])
        self.assertGreater(adapter, 0.8 * flash["adapter_bytes"])
        self.assertLessEqual(log.stat().st_size, flash["log_bytes"])
        self.assertEqual(flash["steps"], 5)
        self.assertEqual(flash["read_bytes_per_job"], (job / "model.weights").stat().st_size)
        longest = max(len(line) for line in log.read_text().splitlines() if '"step"' in line)
        twice = self.plan(train=support.write_train(self.work / "twice.json", max_steps=10))["flash"]
        self.assertGreaterEqual(twice["log_bytes"] - flash["log_bytes"], 5 * longest)

    def test_epochs_leave_the_number_of_steps_open(self):
        train = support.write_train(self.work / "epochs.json", max_steps=-1, num_train_epochs=2)
        flash = self.plan(train=train)["flash"]
        self.assertIsNone(flash["steps"])
        self.assertEqual(flash["write_bytes_per_job"], flash["adapter_bytes"] + flash["log_bytes"])

    def test_a_write_budget_limits_the_job(self):
        written = self.plan()["flash"]["write_bytes_per_job"]
        def limited(bytes_):
            def edit(profile):
                profile["flash"]["write_budget_bytes_per_job"] = {"value": bytes_, "source": "guessed"}
            return self.profile("wear", edit)
        self.plan(device=limited(written))
        self.refused(DOES_NOT_FIT, f"expected at most {written - 1} bytes written per job", f"found {written}: ",
                     "flash.write_budget_bytes_per_job", command=self.job("plan", device=limited(written - 1)))

    # Budgets ---------------------------------------------------------------

    def test_swap_extends_what_counts_a_group(self):
        for kind, extends in (("cgroup", True), ("android_limiter", True), ("rss", False), ("anon", False),
                              ("ios_footprint", False)):
            with self.subTest(kind=kind):
                device = self.budget(kind=kind, limit_bytes=10 ** 9, swap_bytes=10 ** 8)
                self.assertEqual(self.plan(device=device)["budget"],
                                 {"kind": kind, "bytes": 10 ** 9 + extends * 10 ** 8, "source": "profile"})
                warnings = self.warned(device=device)
                self.assertEqual([w for w in warnings if "budget.swap_bytes: has no effect" in w] == [], extends)
        # A job that only fits with swap.
        smallest = self.plan("--objective", "smallest", device=self.budget(kind="cgroup"))["min_peak_bytes"]
        self.plan(device=self.budget(kind="cgroup", limit_bytes=smallest - 4096, swap_bytes=4096))
        self.refused(DOES_NOT_FIT, smallest, command=self.job(
            "plan", device=self.budget(kind="cgroup", limit_bytes=smallest - 4096)))

    def test_what_does_not_fit_names_the_limit(self):
        given = self.refused(DOES_NOT_FIT, "(the limit of --budget)", "the smallest feasible peak is ",
                             command=self.job("plan", "--budget", "100000"))
        device = self.budget(limit_bytes=100000)
        own = self.refused(DOES_NOT_FIT, f"(the limit of the profile '{DEVICE}')",
                           command=self.job("plan", device=device))
        for text in (given, own):
            self.assertRegex(text, r"expected a peak of at most 97\.7 KiB \(100000 bytes\) rss")
            # The largest class may be none of the tensors.
            self.assertRegex(text, r"is [0-9.]+ [KM]iB \(\d+ bytes\) rss\nby class there, (?s:.*) mapped_weights "
                                   r"(?s:.*)\nlargest tensors at the smallest feasible peak:\n")
            self.assertTrue(text.endswith("\n") and not text.endswith("\n\n"), repr(text))
        self.assertEqual(self.plan("--budget", "1GiB")["budget"]["source"], "--budget")

    # The summary -----------------------------------------------------------

    def test_the_summary_is_short_and_complete(self):
        # Everything that takes a line: unused fields, all classes of memory.
        train = support.write_train(self.work / "long.json", logging_steps=1, save_steps=5,
                                    neap={"weights": "resident", "tokenizer": "bytes"})
        done = support.checked(*self.job("compile", "-o", self.work / "short", train=train,
                                         device=support.DEVICE))
        self.assertLessEqual(len(done.stdout.splitlines()), 25, done.stdout)
        self.assertNotIn(" \n", done.stdout)
        self.assertNotIn("trainable:", done.stdout)
        for part in ("14 modules, 8192 trainable parameters", "lora:     r=4", "training: 2 rows",
                     "unused:   logging_steps, save_steps", "headroom", "resident_weights", "smallest peak",
                     "no plan below", " without recomputation\n", "recomputed 0.0 %", "s per step (estimate", "estimate from",
                     "flash per step: read 0 B, written 0 B; per job: read 416.0 KiB (weights resident), "
                     "written at most ", "(adapter ", "trainer (", "model.weights (", "plan.json ("):
            self.assertIn(part, done.stdout)

    def next_command(self, name, train):
        """The command that `compile` names, its placeholders filled in."""
        done = support.checked(*self.job("compile", "-o", self.work / name, train=train, device=support.DEVICE))
        command = re.search("^next: +(.*)$", done.stdout, re.M).group(1)
        rows = self.work / "rows.jsonl"
        rows.write_text('{"text": "rows of text"}\n' * 4)
        for placeholder, path in (("ROWS.jsonl", rows), ("ROWS.safetensors", self.tokens),
                                  ("ADAPTER", self.work / f"{name}-out")):
            command = command.replace(placeholder, str(path))
        return shlex.split(command), self.work / f"{name}-out"

    def test_the_next_command_works(self):
        with_bytes = support.write_train(self.work / "bytes.json", neap={"tokenizer": "bytes"})
        for name, train, option in (("ids", self.train, "--tokens"), ("text", with_bytes, "--data")):
            command, out = self.next_command(name, train)
            self.assertIn(option, command)
            support.checked(*command)
            self.assertTrue((out / "adapter_model.safetensors").exists())

    def test_the_readme_is_of_the_run(self):
        train = support.write_train(self.work / "hundred.json", max_steps=100)
        command, out = self.next_command("readme", train)
        support.checked(*command, "--steps", "2", "--seed", "7")
        text = (out / "README.md").read_text()
        self.assertIn("\n## Run\n\n- steps: 2 of 2, completed\n- seed: 7\n- started from: a fresh adapter\n", text)
        for stale in ("100 steps", "seed 0"):
            self.assertNotIn(stale, text)
        for fact in ("r=4 alpha=8", "lr=0.01", "base model: SHA-256 ", "quantisation: none"):
            self.assertIn(fact, text)
        support.checked(*command[:-1], self.work / "second", "--steps", "1", "--init", out)
        self.assertIn(f'- started from: the adapter "{out}"\n', (self.work / "second" / "README.md").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
