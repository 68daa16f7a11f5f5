#!/usr/bin/env python3
"""The scripts around Neap: what they refuse, and that they explain themselves.

Usage: scripts.py [unittest arguments]
"""
import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(script, *arguments):
    return subprocess.run([ROOT / script, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


class Generate(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.out = Path(holder.name) / "model.onnx"

    def generate(self, *arguments):
        return run("models/generate.py", *arguments, "-o", self.out)

    def test_sizes_out_of_range_are_usage_errors(self):
        for arguments, text in (("--heads 0", "heads must be from 1 to 4096, but is 0"),
                                ("--layers -1", "layers must be"), ("--vocab 0", "vocab must be"),
                                ("--hidden 0", "hidden must be"), ("--kv-heads 0", "kv-heads must be"),
                                ("--theta nan", "theta must be"), ("--static --seq 0", "seq must be"),
                                ("--arch gpt2 --kv-heads 2", "gpt2 has as many kv-heads as heads")):
            with self.subTest(arguments=arguments):
                done = self.generate(*arguments.split())
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(text, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertFalse(self.out.exists())

    def test_an_error_names_the_preset_that_the_rest_is_from(self):
        done = self.generate("--preset", "tiny-odd", "--heads", "7")
        self.assertIn("hidden 60 is no multiple of heads 7 (what is not given is as in the preset 'tiny-odd')",
                      done.stderr)

    def test_gpt2_alone_has_as_many_kv_heads_as_heads(self):
        done = self.generate("--arch", "gpt2")
        self.assertEqual((done.returncode, done.stdout[-24:]), (0, "148992 parameters, fp32\n"), done.stderr)


class Bench(unittest.TestCase):
    def test_numbers_of_small_models(self):
        sys.path.insert(0, str(ROOT / "tools" / "bench"))
        import plan_table
        for value, text in ((0, "0.0"), (0.0012345, "0.001234"), (0.5, "0.5000"), (12.345, "12.35"),
                            (1234.5, "1234.5")):
            self.assertEqual(plan_table.digits(value), text)
        self.assertEqual([plan_table.percent(x) for x in (-1e-12, 0, 0.1234)], ["0.00", "0.00", "12.34"])

    def test_without_pytorch_one_line_says_so(self):
        if importlib.util.find_spec("torch"):
            self.skipTest("PyTorch is installed")
        done = run("tools/bench/step_time_vs_pytorch.py")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (1, "", "error: needs PyTorch (pip install torch)\n"))


class Help(unittest.TestCase):
    def test_help_writes_nothing(self):
        done = run("models/sample/personal.py", "--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("FOLDER", done.stdout)
        self.assertFalse((Path.cwd() / "--help").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
