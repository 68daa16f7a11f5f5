#!/usr/bin/env python3
"""Bad inputs: each has its exit code, a message that names the place, and
leaves nothing half-written.

Usage: bad_inputs.py [unittest arguments]
"""
import json
import os
import re
import struct
import subprocess
import unittest

import support

import architectures  # support puts models/ on the path
import generate
import onnx_writer as ow
from graph_builder import Style

INVALID, USAGE, TOO_SMALL = 3, 2, 4
BAD_DATA, PROCESSOR, DISK_FULL, MISMATCH = 3, 6, 7, 9


class Compiler(support.JobCase):
    def refused(self, code, *words, extra=(), **inputs):
        """`neap compile` must fail with `code` and a message with all words."""
        out = self.work / "refused"
        done = support.run(*self.job("compile", "-o", out, *extra, **inputs))
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)
        for word in words:
            self.assertIn(str(word), done.stderr)
        self.assertFalse(out.exists() and any(out.iterdir()), "outputs were left behind")
        return done.stderr

    def test_the_inputs_compile_when_they_are_good(self):
        support.compile_job(self.model, self.lora, self.train, self.work / "good")

    def test_absent_model(self):
        self.refused(INVALID, "absent.onnx", model=self.work / "absent.onnx")

    def test_truncated_model(self):
        data = self.model.read_bytes()
        for share in (0.0, 0.1, 0.5, 0.99):
            with self.subTest(share=share):
                path = self.work / "truncated.onnx"
                path.write_bytes(data[:int(len(data) * share)])
                self.refused(INVALID, "truncated.onnx", model=path)

    def test_a_model_that_is_no_protobuf(self):
        path = self.work / "garbage.onnx"
        path.write_bytes(bytes(range(256)) * 50)
        self.refused(INVALID, "garbage.onnx", model=path)

    def external(self, folder):
        """A model with external data in a folder of its own."""
        (self.work / folder).mkdir()
        return support.generate(self.work / folder / "m.onnx", "--preset", "tiny", "--external-data")

    def test_external_data_in_the_folder_is_read(self):
        support.compile_job(self.external("inside"), self.lora, self.train, self.work / "inside-job")

    def test_external_data_above_the_folder(self):
        model = self.external("above")
        (self.work / "above" / "m.onnx.data").rename(self.work / "nnx.data")
        # The same length keeps the protobuf valid.
        model.write_bytes(model.read_bytes().replace(b"m.onnx.data", b"../nnx.data"))
        self.refused(INVALID, "m.onnx", "../nnx.data", model=model)

    def test_external_data_by_absolute_path(self):
        model = self.external("absolute")
        model.write_bytes(model.read_bytes().replace(b"m.onnx.data", b"/etc/passwd"))
        self.refused(INVALID, "m.onnx", "/etc/passwd", model=model)

    def test_external_data_by_symlink(self):
        model = self.external("symlink")
        data = self.work / "symlink" / "m.onnx.data"
        data.rename(self.work / "symlink-target.data")
        data.symlink_to(self.work / "symlink-target.data")
        self.refused(INVALID, "m.onnx.data", model=model)

    def test_external_data_by_hardlink(self):
        model = self.external("hardlink")
        os.link(self.work / "hardlink" / "m.onnx.data", self.work / "hardlink-other.data")
        self.refused(INVALID, "m.onnx.data", model=model)

    def test_external_data_too_short(self):
        model = self.external("short")
        data = self.work / "short" / "m.onnx.data"
        os.truncate(data, data.stat().st_size // 2)
        self.refused(INVALID, "m.onnx.data", model=model)

    def test_unknown_operators_are_listed_with_their_nodes(self):
        path = self.work / "unknown.onnx"
        config = generate.PRESETS["tiny"]
        model = architectures.build(config, Style(), generate.random_source(0, ow.FLOAT))
        # Field 4 of a node is its operator; the same length keeps the message valid.
        model.nodes = [n.replace(b"\x22\x07Sigmoid", b"\x22\x07Wobbled") for n in model.nodes]
        model.write(path)
        self.refused(INVALID, "Wobbled", "/model/layers.0/mlp/Sigmoid", "/model/layers.1/mlp/Sigmoid",
                     model=path)

    def test_target_that_matches_nothing(self):
        lora = support.write_lora(self.work / "nothing.json", ["query_key_value", "dense"])
        self.refused(INVALID, "query_key_value", "q_proj", "down_proj", lora=lora)

    def test_target_entry_without_effect_is_a_warning_as_in_peft(self):
        lora = support.write_lora(self.work / "partly.json", ["q_proj", "query_key_value"])
        done = support.run(*self.job("plan", lora=lora))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: ", done.stderr)
        self.assertIn("query_key_value", done.stderr)

    def test_lora_field_that_is_not_honoured(self):
        lora = support.write_lora(self.work / "dora.json", use_dora=True)
        self.refused(INVALID, "dora.json", "use_dora", lora=lora)

    def test_train_field_that_is_not_honoured(self):
        train = support.write_train(self.work / "smoothing.json", label_smoothing_factor=0.1)
        self.refused(INVALID, "smoothing.json", "label_smoothing_factor", train=train)

    def test_train_field_that_nobody_knows(self):
        train = support.write_train(self.work / "typo.json", learning_rte=0.1)
        self.refused(INVALID, "typo.json", "learning_rte", train=train)

    def test_end_token_outside_the_vocabulary(self):
        train = support.write_train(self.work / "eos.json", neap={"tokenizer": "bytes"},
                                    eos_token=1000000)
        self.refused(INVALID, "eos.json", "eos_token", "1000000", train=train)

    def test_missing_learning_rate(self):
        spec = json.loads(self.train.read_text())
        del spec["learning_rate"]
        path = self.work / "no-rate.json"
        path.write_text(json.dumps(spec))
        self.refused(INVALID, "no-rate.json", "learning_rate", train=path)

    def test_spec_that_is_no_json(self):
        path = self.work / "broken.json"
        path.write_text('{"r": 4,')
        self.refused(INVALID, "broken.json", lora=path)

    def test_profile_with_an_unknown_field(self):
        device = support.device_with_threads(self.work / "device.json", 1,
                                             lambda p: p.update(megahertz=3000))
        self.refused(INVALID, "device.json", "megahertz", device=device)

    def test_profile_with_an_unknown_feature(self):
        device = support.device_with_threads(self.work / "feature.json", 1,
                                             lambda p: p["features"].append("avx9000"))
        self.refused(INVALID, "feature.json", "avx9000", device=device)

    def test_unknown_profile(self):
        self.refused(INVALID, "abacus", device="abacus")

    def test_sequence_longer_than_the_positions(self):
        model = support.generate(self.work / "gpt2.onnx", "--preset", "tiny-gpt2")
        lora = support.write_lora(self.work / "gpt2.json", ["c_attn"], fan_in_fan_out=True)
        train = support.write_train(self.work / "long.json", max_length=129)
        self.refused(INVALID, "129", "128", model=model, lora=lora, train=train)

    def test_budget_too_small(self):
        message = self.refused(TOO_SMALL, extra=("--budget", "100000"))
        self.assertRegex(message, r"smallest feasible peak is [0-9.]+ [KM]iB \(\d{6,} bytes\)")
        self.assertIn("--budget", message)
        self.assertFalse(message.endswith("\n\n"), repr(message))
        self.assertRegex(message, r"/model/|layers\.\d", "no tensor is named")

    def test_missing_argument(self):
        done = support.run(support.BIN / "neap", "compile", self.model)
        self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)


class Trainer(support.WorkspaceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        work = cls.work
        model = support.generate(work / "model.onnx", "--preset", "tiny-odd")
        train = support.write_train(work / "train.json", max_steps=2, neap={"tokenizer": "bytes"})
        cls.job = support.compile_job(model, support.write_lora(work / "lora.json"), train, work / "job")
        cls.tokens = support.write_tokens(work / "tokens.safetensors", 4, 32, 251)

    def refused(self, code, *words, trainer=None, out=None, extra=()):
        out = out or self.work / "refused"
        done = support.run(trainer or self.job / "trainer", "train", "--out", out, *extra)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("error: ", done.stderr)
        for word in words:
            self.assertIn(str(word), done.stderr)
        self.assertFalse((out / "adapter_model.safetensors").exists(), "an adapter was written")
        return done.stderr

    def rows(self, name, *lines):
        path = self.work / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def test_rows_without_any_target(self):
        rows = self.rows("empty.jsonl", '{"text": "a"}', '{"prompt": "abc", "completion": ""}')
        self.refused(BAD_DATA, "empty.jsonl", "target", extra=("--data", rows))

    def test_log_over_the_data(self):
        rows = self.rows("precious.jsonl", '{"text": "precious data"}')
        self.refused(USAGE, "precious.jsonl", extra=("--data", rows, "--log", rows))
        self.assertIn("precious data", rows.read_text())

    def test_malformed_rows_are_named_by_number(self):
        good = '{"text": "a good row"}'
        for name, bad in (("cut", '{"text": "half'), ("array", "[1, 2]"), ("number", '{"text": 7}'),
                          ("alone", '{"prompt": "no completion"}'), ("other", '{"words": "x"}'),
                          ("utf8", '{"text": "\\ud800"}')):
            with self.subTest(name=name):
                path = self.rows(name + ".jsonl", good, good, bad, good)
                message = self.refused(BAD_DATA, path.name, extra=("--data", path))
                self.assertRegex(message, r"(row|line) 3\b")

    def test_empty_data(self):
        self.refused(BAD_DATA, "empty.jsonl", extra=("--data", self.rows("empty.jsonl")))

    def test_absent_data(self):
        self.refused(BAD_DATA, "absent.jsonl", extra=("--data", self.work / "absent.jsonl"))

    def test_byte_outside_the_vocabulary(self):
        """U+F0000 starts with byte 243; a model of 251 ids knows it, one of 240 does not."""
        model = support.generate(self.work / "small.onnx", "--preset", "tiny", "--vocab", "240")
        job = support.compile_job(model, self.work / "lora.json", self.work / "train.json", self.work / "small")
        path = self.rows("byte.jsonl", '{"text": "plain"}', '{"text": "\U000f0000"}')
        support.train_job(self.job, self.work / "known", "--data", path)
        message = self.refused(BAD_DATA, path.name, trainer=job / "trainer", extra=("--data", path))
        self.assertRegex(message, r"row 2\b")

    def test_label_or_id_outside_the_vocabulary(self):
        for name in ("labels", "input_ids"):
            for value in (251, -1, 2 ** 31 - 1):
                with self.subTest(name=name, value=value):
                    tensors = support.read_safetensors(self.tokens)
                    tensors[name][1][5] = value
                    path = self.work / "outside.safetensors"
                    support.write_safetensors(path, {k: ("I32", s, v) for k, (s, v) in tensors.items()})
                    self.refused(BAD_DATA, path.name, name, value, extra=("--tokens", path))

    def test_tokens_file_cut_or_hostile(self):
        data = self.tokens.read_bytes()
        huge = struct.pack("<Q", 1 << 62) + data[8:]
        for name, content in (("cut", data[:-10]), ("head", data[:20]), ("huge", huge), ("none", b"")):
            with self.subTest(name=name):
                path = self.work / f"{name}.safetensors"
                path.write_bytes(content)
                self.refused(BAD_DATA, path.name, extra=("--tokens", path))

    def test_rows_longer_than_planned(self):
        path = support.write_tokens(self.work / "long.safetensors", 2, 33, 251)
        self.refused(BAD_DATA, "33", "32", extra=("--tokens", path))

    def test_changed_weights(self):
        original = (self.job / "model.weights").read_bytes()
        middle = bytearray(original)
        middle[len(middle) * 3 // 4] ^= 1
        first = bytearray(original)
        first[70] ^= 1
        for name, data in (("middle", middle), ("header", first), ("cut", original[:-4096]), ("empty", b"")):
            with self.subTest(name=name):
                path = self.work / f"{name}.weights"
                path.write_bytes(data)
                self.refused(MISMATCH, path.name, extra=("--tokens", self.tokens, "--weights", path))

    def test_adapter_that_does_not_fit(self):
        folder = self.work / "wrong-adapter"
        folder.mkdir()
        support.write_safetensors(folder / "adapter_model.safetensors", {
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": ("F32", [1, 2], [0, 0])})
        self.refused(MISMATCH, "wrong-adapter", extra=("--tokens", self.tokens, "--init", folder))

    def test_adapter_that_was_made_for_another_scaling(self):
        """A trained adapter with its own configuration, then with a changed one."""
        folder = self.work / "adapter"
        support.train_job(self.job, folder, "--tokens", self.tokens)
        support.train_job(self.job, self.work / "again", "--tokens", self.tokens, "--init", folder)
        path = folder / "adapter_config.json"
        config = json.loads(path.read_text())
        for name, value in (("lora_alpha", config["lora_alpha"] * 2), ("r", config["r"] + 1),
                            ("use_rslora", True), ("alpha_pattern", {"q_proj": 1}), ("peft_type", "LOHA"),
                            ("use_dora", True), ("init_lora_weights", "pissa")):
            with self.subTest(name=name):
                path.write_text(json.dumps({**config, name: value}))
                self.refused(MISMATCH, path, name, extra=("--tokens", self.tokens, "--init", folder))
        # What does not change the meaning of the tensors is accepted.
        path.write_text(json.dumps({**config, "target_modules": "all-linear", "lora_dropout": 0.5,
                                    "lora_alpha": float(config["lora_alpha"])}))
        support.train_job(self.job, self.work / "again", "--tokens", self.tokens, "--init", folder)

    def test_rows_that_lose_every_target_are_counted(self):
        rows = self.rows("long.jsonl", '{"text": "a row"}',
                         json.dumps({"prompt": "p" * 40, "completion": "never seen"}))
        done = support.run(self.job / "trainer", "train", "--data", rows, "--out", self.work / "cut")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"warning: {rows}: 1 of 2 rows has no trained token within max_length 32", done.stderr)

    def test_more_threads_than_planned(self):
        self.refused(USAGE, "threads", "999", extra=("--tokens", self.tokens, "--threads", "999"))

    def test_usage(self):
        self.refused(USAGE, extra=())
        self.refused(USAGE, "--wobble", extra=("--tokens", self.tokens, "--wobble"))

    def test_processor_without_a_compiled_in_feature(self):
        """Every known feature may exist here, so the list inside a copy of the
        trainer is changed to name one that does not."""
        flags = set(re.search(r"^flags\s*:(.*)$", open("/proc/cpuinfo").read(), re.M).group(1).split())
        absent = [f for f in ("sse4a", "amx-tile", "amx-int8", "fma4") if f.replace("-", "_") not in flags]
        data = (self.job / "trainer").read_bytes()
        match = next(m for m in re.finditer(rb"[a-z0-9.+-]+(,[a-z0-9.+-]+)+", data) if b"sse" in m.group())
        names = match.group().split(b",")
        swap = next(((n, a.encode()) for a in absent for n in names if len(n) == len(a)), None)
        if not swap:
            self.skipTest(f"no feature of {match.group()} can be exchanged for one of {absent}")
        names[names.index(swap[0])] = swap[1]
        path = self.work / "trainer-elsewhere"
        path.write_bytes(data[:match.start()] + b",".join(names) + data[match.end():])
        path.chmod(0o755)
        self.refused(PROCESSOR, swap[1].decode(), trainer=path,
                     extra=("--tokens", self.tokens, "--weights", self.job / "model.weights"))

    def test_full_disk_keeps_the_old_adapter(self):
        out = self.work / "full"
        out.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "none", str(out)],
                                 stderr=subprocess.PIPE, text=True)
        if mounted.returncode:
            self.skipTest(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
        try:
            old = b"the old adapter"
            (out / "adapter_model.safetensors").write_bytes(old)
            done = support.run(self.job / "trainer", "train", "--tokens", self.tokens, "--out", out)
            self.assertEqual(done.returncode, DISK_FULL, done.stderr)
            self.assertIn("error: ", done.stderr)
            self.assertEqual((out / "adapter_model.safetensors").read_bytes(), old)
            self.assertEqual([p.name for p in out.iterdir()], ["adapter_model.safetensors"],
                             "temporary files were left behind")
        finally:
            subprocess.run(["umount", str(out)], check=True)

    def test_interrupted_run_saves_and_says_so(self):
        train = support.write_train(self.work / "endless.json", max_steps=1000000)
        job = support.compile_job(self.work / "model.onnx", self.work / "lora.json", train,
                                  self.work / "endless")
        out, log = self.work / "interrupted", self.work / "interrupted.jsonl"
        process = subprocess.Popen([str(job / "trainer"), "train", "--tokens", str(self.tokens),
                                    "--out", str(out), "--log", str(log)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.terminate()
        self.assertEqual(process.wait(60), 10)
        self.assertTrue((out / "adapter_model.safetensors").exists())
        end = support.events_of(log)[-1]
        self.assertEqual(end["event"], "end")
        self.assertGreater(end["steps"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
