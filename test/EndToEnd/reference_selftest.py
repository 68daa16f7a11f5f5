#!/usr/bin/env python3
"""Tests of the tests: the reference and the comparisons notice what is wrong.

Needs no binaries.
"""
import json
import math
import random
import struct
import sys
import unittest
from pathlib import Path

import support

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))
import interpreter  # noqa: E402
import random_weights  # noqa: E402
import reference_check  # noqa: E402


class References(support.WorkspaceCase):
    def model(self, name, *arguments):
        return interpreter.Reference(support.generate(self.work / name, *arguments), 2.0)

    def test_exports_of_one_model_agree(self):
        ids = [3, 77, 200, 5, 9, 250, 13]
        for preset in ("tiny", "tiny-odd", "tiny-qwen2", "tiny-gpt2"):
            expected = self.model("a.onnx", "--preset", preset).logits(ids, {})
            for arguments in (["--style", "nofold"], ["--external-data"],
                              ["--static", "--seq", str(len(ids))]):
                found = self.model("b.onnx", "--preset", preset, *arguments).logits(ids, {})
                for one, other in zip(expected, found):
                    for x, y in zip(one, other):
                        self.assertAlmostEqual(x, y, delta=1e-12)

    def test_fixtures_follow_their_formulas(self):
        fixtures = support.ROOT / "test" / "Import" / "fixtures"
        expected = json.loads((fixtures / "expected.json").read_text())
        for name in reference_check.FIXTURES:
            model = interpreter.Reference(fixtures / f"{name}.onnx", 2.0)
            for one, other in zip(model.logits(expected["input_ids"], {}), expected["logits"][name]):
                for x, y in zip(one, other):
                    self.assertAlmostEqual(x, y, delta=2e-6)  # constants are stored as f32

    def test_the_model_is_causal(self):
        model = self.model("c.onnx", "--preset", "tiny")
        first, second = (model.logits([5, 6, 7, last], {}) for last in (8, 99))
        self.assertEqual(first[:3], second[:3])
        self.assertNotEqual(first[3], second[3])

    def test_attention_sees_the_past(self):
        model = self.model("d.onnx", "--preset", "tiny-gpt2")
        first, second = (model.logits([start, 6, 7], {}) for start in (5, 50))
        self.assertNotEqual(first[2], second[2])

    def test_a_wrong_gradient_is_noticed(self):
        model = self.model("e.onnx", "--preset", "tiny")
        key = "base_model.model.model.layers.0.mlp.up_proj.lora_{}.weight"
        rng = random.Random(1)
        tensors = {key.format("A"): ([1, 64], [rng.gauss(0, 0.3) for _ in range(64)]),
                   key.format("B"): ([128, 1], [rng.gauss(0, 0.3) for _ in range(128)])}
        rows = [([1, 2, 3, 4], [1, 2, -100, 4])]
        gradients = {}
        for name, (shape, values) in tensors.items():
            slopes = []
            for i in range(len(values)):
                unit = [float(j == i) for j in range(len(values))]
                ahead, behind = (model.loss(rows, reference_check.shifted(tensors, name, unit, s))
                                 for s in (1e-4, -1e-4))
                slopes.append((ahead - behind) / 2e-4)
            gradients[name] = (shape, slopes)
        self.assertLess(reference_check.check_gradients(model, tensors, gradients, rows, 1), 1e-6)
        for factor in (0.999, 1.001, 2.0):
            wrong = dict(gradients)
            shape, values = wrong[key.format("B")]
            wrong[key.format("B")] = (shape, [v * factor for v in values])
            with self.assertRaises(AssertionError):
                reference_check.check_gradients(model, tensors, wrong, rows, 1)

    def test_comparison_of_tensors(self):
        one, other = self.work / "one.safetensors", self.work / "other.safetensors"
        support.write_safetensors(one, {"a": ("F32", [2], [3.0, 4.0]), "z": ("F32", [1], [0.0])})
        support.write_safetensors(other, {"a": ("F32", [2], [3.0, 4.005]), "z": ("F32", [1], [0.0])})
        self.assertAlmostEqual(support.compare_tensors(other, one, 2e-3), 1e-3, delta=1e-6)
        with self.assertRaises(AssertionError):
            support.compare_tensors(other, one, 5e-4)
        support.write_safetensors(other, {"a": ("F32", [2], [3.0, math.nan]), "z": ("F32", [1], [0.0])})
        with self.assertRaises(AssertionError):
            support.compare_tensors(other, one, 1e9)
        support.write_safetensors(other, {"a": ("F32", [2], [3.0, 4.0]), "z": ("F32", [1], [1e-6])})
        with self.assertRaises(AssertionError):
            support.compare_tensors(other, one, 1.0)


class Generator(unittest.TestCase):
    def test_random_weights_have_the_asked_deviation(self):
        for element_type, code in ((1, "f"), (10, "e")):
            for deviation in (0.02, 0.05, 0.3):
                data = b"".join(random_weights.normal_chunks("k", 100000, element_type, deviation))
                values = struct.unpack(f"<100000{code}", data)
                mean = sum(values) / len(values)
                found = math.sqrt(sum(v * v for v in values) / len(values))
                self.assertLess(abs(mean), 0.02 * deviation)
                self.assertAlmostEqual(found / deviation, 1, delta=0.03)
                self.assertNotIn(0.0, values)

    def test_the_same_arguments_give_the_same_bytes(self):
        with support.Workspace() as work:
            files = [support.generate(work / f"{i}.onnx", "--preset", "tiny", "--seed", s).read_bytes()
                     for i, s in enumerate("445")]
        self.assertEqual(files[0], files[1])
        self.assertNotEqual(files[0], files[2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
