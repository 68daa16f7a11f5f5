#!/usr/bin/env python3
"""What must never change a result, on generated models (no outside data).

Threads, budgets, poisoned dead bytes and a sealed process give bit-identical
logs (times apart) and adapters; padding changes no loss but costs time; code
does not grow with layers.

Usage: invariants.py [unittest arguments]
"""
import hashlib
import json
import os
import random
import subprocess
import unittest

import support

MODEL = ["--preset", "tiny", "--layers", "6"]
LENGTH, VOCABULARY = 130, 256
TIMES = ("seconds",)


def result_of(out):
    """The log without times, and the hash of the adapter's bytes."""
    steps = support.steps_of(str(out) + ".log.jsonl")
    steps = [{k: v for k, v in s.items() if k not in TIMES} for s in steps]
    adapter = (out / "adapter_model.safetensors").read_bytes()
    return steps, hashlib.sha256(adapter).hexdigest()


class Invariants(support.WorkspaceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        work = cls.work
        cls.model = support.generate(work / "model.onnx", *MODEL)
        cls.lora = support.write_lora(work / "lora.json")
        cls.train = support.write_train(work / "train.json", max_length=LENGTH, max_steps=3,
                                        gradient_accumulation_steps=2, max_grad_norm=1.0)
        cls.tokens = support.write_tokens(work / "tokens.safetensors", 12, LENGTH, VOCABULARY)
        cls.device = support.device_with_threads(work / "device.json", 4)
        cls.job = cls.compiled("job")
        cls.expected = cls.trained(cls.job, "expected", "--threads", "1")
        assert len(cls.expected[0]) == 3

    @classmethod
    def compiled(cls, name, *extra):
        return support.compile_job(cls.model, cls.lora, cls.train, cls.work / name, *extra,
                                   device=cls.device)

    @classmethod
    def trained(cls, job, name, *extra):
        support.train_job(job, cls.work / name, "--tokens", cls.tokens, *extra)
        return result_of(cls.work / name)

    def check_same(self, found):
        for one, other in zip(found[0], self.expected[0]):
            self.assertEqual(one, other)
        self.assertEqual(len(found[0]), len(self.expected[0]))
        self.assertEqual(found[1], self.expected[1], "the adapters differ in their bytes")

    def test_threads_change_nothing(self):
        for threads in ("2", "3", "4"):
            with self.subTest(threads=threads):
                self.check_same(self.trained(self.job, f"threads{threads}", "--threads", threads))

    def test_repeated_runs_are_identical(self):
        self.check_same(self.trained(self.job, "again", "--threads", "4"))

    def test_another_seed_gives_another_adapter(self):
        """Guards the comparisons above: they would fail on a difference."""
        other = self.trained(self.job, "seed", "--seed", "12345")
        self.assertNotEqual(other[1], self.expected[1])

    def test_budgets_change_nothing(self):
        smallest = self.compiled("smallest", "--objective", "smallest")
        low = support.plan_of(smallest)["peak"]["planned_bytes"]
        high = support.plan_of(self.job)["peak"]["planned_bytes"]
        self.assertLess(low, high, "the smallest plan is no smaller than the fastest")
        recomputed = {support.plan_of(j)["recomputed_flops"] for j in (smallest, self.job)}
        self.check_same(self.trained(smallest, "out-smallest"))
        for share in (0.25, 0.5, 0.75):
            budget = int(low + share * (high - low))
            with self.subTest(budget=budget):
                job = self.compiled(f"budget{budget}", "--budget", str(budget))
                plan = support.plan_of(job)
                self.assertLessEqual(plan["peak"]["planned_bytes"], budget)
                recomputed.add(plan["recomputed_flops"])
                self.check_same(self.trained(job, f"out{budget}"))
        self.assertGreaterEqual(len(recomputed), 3, "the budgets force fewer than three plans")

    def test_poisoned_dead_bytes_change_nothing(self):
        for objective in ("fastest", "smallest"):
            with self.subTest(objective=objective):
                job = self.compiled("poison-" + objective, "--debug-poison", "--objective", objective)
                self.check_same(self.trained(job, "out-poison-" + objective, "--threads", "2"))

    def test_no_allocation_after_ready(self):
        self.check_same(self.trained(self.job, "sealed", "--seal", "--threads", "4"))

    def test_measured_peaks_stay_below_the_plan(self):
        self.trained(self.job, "measured", "--threads", "4")
        end = support.events_of(str(self.work / "measured") + ".log.jsonl")[-1]
        plan = support.plan_of(self.job)
        self.assertEqual(end["event"], "end")
        for kind in ("anon", "rss"):
            measured = end["measured_peak_bytes"][kind]
            self.assertIsNotNone(measured, f"{kind} was not measured")
            self.assertLessEqual(measured, support.planned(plan, kind), kind)

    def test_same_inputs_give_the_same_files(self):
        again = self.compiled("job-again")
        for name in ("trainer", "model.weights", "plan.json"):
            self.assertTrue((self.job / name).read_bytes() == (again / name).read_bytes(),
                            f"{name} differs")

    def test_the_plan_is_checked_by_the_script(self):
        done = support.run("/usr/bin/env", "python3", support.ROOT / "tools" / "verify_plan.py",
                           self.job / "plan.json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Streaming(unittest.TestCase):
    """Weights read for each use give what mapped ones give, in far less memory."""
    MODEL = ["--preset", "llama-2-layers", "--vocab", "1024", "--layers", "4"]
    LENGTH = 96

    @classmethod
    def setUpClass(cls):
        cls.workspace = support.Workspace()
        work = cls.work = cls.workspace.__enter__()
        cls.model = support.generate(work / "model.onnx", *cls.MODEL)
        cls.lora = support.write_lora(work / "lora.json", lora_dropout=0.1)
        cls.tokens = support.write_tokens(work / "tokens.safetensors", 6, cls.LENGTH, 1024)
        cls.device = support.device_with_threads(work / "device.json", 4)
        cls.expected = result_of(cls.trained(cls.compiled("mapped", "mapped"), "expected"))

    @classmethod
    def tearDownClass(cls):
        cls.workspace.__exit__(None, None, None)

    @classmethod
    def compiled(cls, name, weights, *extra):
        train = support.write_train(cls.work / "train.json", max_length=cls.LENGTH, max_steps=3,
                                    max_grad_norm=1.0, neap={"weights": weights})
        return support.compile_job(cls.model, cls.lora, train, cls.work / name, *extra,
                                   device=cls.device)

    @classmethod
    def trained(cls, job, name, *extra):
        support.train_job(job, cls.work / name, "--tokens", cls.tokens, *extra)
        return cls.work / name

    def test_results_and_peaks(self):
        large = support.plan_of(self.work / "mapped")["weights"]["file_bytes"]
        for objective in ("fastest", "smallest"):
            job = self.compiled(objective, "streamed", "--objective", objective)
            plan = support.plan_of(job)
            self.assertEqual(plan["weights"]["place"], "streamed")
            self.assertLess(plan["peak"]["by_class"]["weight_staging"], large / 4)
            self.assertEqual(plan["peak"]["by_class"]["mapped_weights"], 0)
            checked = support.run("/usr/bin/env", "python3", support.ROOT / "tools" / "verify_plan.py",
                                  job / "plan.json")
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
            for threads in ("1", "4"):
                with self.subTest(objective=objective, threads=threads):
                    out = self.trained(job, f"{objective}{threads}", "--threads", threads, "--seal")
                    self.assertEqual(result_of(out), self.expected)
                    end = support.events_of(str(out) + ".log.jsonl")[-1]
                    self.assertEqual(end["streamed"]["read_bytes"],
                                     3 * plan["flash"]["read_bytes_per_step"])
                    for kind in ("anon", "rss"):
                        self.assertLessEqual(end["measured_peak_bytes"][kind],
                                             support.planned(plan, kind), kind)

    def test_poisoned_dead_bytes_change_nothing(self):
        job = self.compiled("poisoned", "streamed", "--debug-poison", "--objective", "smallest")
        self.assertEqual(result_of(self.trained(job, "poisoned-out")), self.expected)

    def test_a_file_that_is_cut_ends_the_run(self):
        job = self.compiled("cut", "streamed")
        weights = job / "model.weights"
        fifo = self.work / "log.fifo"
        os.mkfifo(fifo)
        trainer = subprocess.Popen(
            [job / "trainer", "train", "--tokens", self.tokens, "--out", self.work / "cut-out",
             "--steps", "1000000", "--log", fifo], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        with open(fifo) as log:
            while '"step"' not in log.readline():
                pass
            os.truncate(weights, 65536)
            for _ in log:
                pass
        _, message = trainer.communicate(timeout=60)
        self.assertEqual(trainer.returncode, 7, message)
        self.assertIn("the weights file cannot be read any more", message)


class Padding(unittest.TestCase):
    LENGTH = 256

    def test_padding_changes_no_loss_but_costs_time(self):
        with support.Workspace() as work:
            model = support.generate(work / "model.onnx", "--preset", "llama-2-layers", "--vocab", "256")
            lora = support.write_lora(work / "lora.json")
            train = support.write_train(work / "train.json", max_length=self.LENGTH, max_steps=8,
                                        neap={"tokenizer": "bytes"})
            job = support.compile_job(model, lora, train, work / "job")
            rng = random.Random(4)
            lengths = [self.LENGTH] + [rng.randint(10, 80) for _ in range(15)]
            texts = ["".join(rng.choice("abcdefgh ") for _ in range(n)) for n in lengths]
            (work / "rows.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
            ids, labels = [], []
            for text in texts:
                pad = self.LENGTH - len(text)
                ids += list(text.encode()) + [0] * pad
                labels += list(text.encode()) + [-100] * pad
            shape = [len(texts), self.LENGTH]
            support.write_safetensors(work / "rows.safetensors", {
                "input_ids": ("I32", shape, ids), "labels": ("I32", shape, labels)})
            short = support.train_job(job, work / "short", "--data", work / "rows.jsonl")
            padded = support.train_job(job, work / "padded", "--tokens", work / "rows.safetensors")
        self.assertEqual(len(short), 8)
        for a, b in zip(short, padded):
            self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-6)
            self.assertAlmostEqual(a["grad_norm"], b["grad_norm"], delta=1e-5 * b["grad_norm"])
        times = [sum(s["seconds"] for s in steps) for steps in (short, padded)]
        print("unpadded {:.3f} s, padded {:.3f} s".format(*times))
        self.assertLess(times[0], 0.7 * times[1])


class TrainerSize(unittest.TestCase):
    ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    SPECS = {  # name: (LoRA fields, training fields)
        "defaults": ({}, {}),
        "all linears, clipped": (dict(r=8, target_modules=ALL_LINEAR),
                                 dict(max_length=512, max_grad_norm=1.0)),
        "accumulated": (dict(r=16, target_modules=["q_proj", "v_proj"]),
                        dict(max_length=128, gradient_accumulation_steps=2)),
        "dropout, SGD": (dict(lora_dropout=0.1, target_modules=ALL_LINEAR),
                         dict(max_length=128, optim="sgd")),
    }

    def size_of(self, work, model, lora, train):
        lora = support.write_lora(work / "lora.json", **lora)
        train = support.write_train(work / "train.json", **train)
        job = support.compile_job(model, lora, train, work / "job", "--objective", "smallest")
        return (job / "trainer").stat().st_size

    def test_code_does_not_grow_with_layers(self):
        with support.Workspace() as work:
            models = [support.generate(work / f"{layers}.onnx", "--preset", f"llama-{layers}-layers")
                      for layers in (2, 24)]
            for name, (lora, train) in self.SPECS.items():
                with self.subTest(name):
                    two, many = (self.size_of(work, model, lora, train) for model in models)
                    print(f"{name}: trainer of 2 layers {two} bytes, of 24 layers {many} bytes")
                    self.assertLessEqual(many, 1.1 * two)

    def test_the_sample_trainer_is_small(self):
        sample = support.ROOT / "models" / "sample"
        with support.Workspace() as work:
            job = support.compile_job(sample / "model.onnx", sample / "adapter_config.json",
                                      sample / "train.json", work / "job")
            size = (job / "trainer").stat().st_size
        print(f"trainer of the sample {size} bytes")
        self.assertLessEqual(size, 512 * 1024)


if __name__ == "__main__":
    unittest.main(verbosity=2)
