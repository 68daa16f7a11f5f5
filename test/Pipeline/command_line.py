#!/usr/bin/env python3
"""The command line of `neap`: usage errors, standard output that fails,
warnings, baselines.

Usage: command_line.py [unittest arguments]
"""
import json
import os
import resource
import subprocess
import unittest

from pipeline import DEVICE, INVALID, NEAP, REGRESSION, USAGE, PipelineCase, support


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def as_varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def renamed(message, old, new):
    """A protobuf message with `old` replaced in every text, lengths kept right."""
    out, at = b"", 0
    while at < len(message):
        start = at
        key, at = varint(message, at)
        if key & 7 == 2:
            size, at = varint(message, at)
            body, at = message[at:at + size], at + size
            if old in body:
                text = body.isascii() and body.decode().isprintable()
                body = body.replace(old, new) if text else renamed(body, old, new)
            out += as_varint(key) + as_varint(len(body)) + body
            continue
        at = varint(message, at)[1] if key & 7 == 0 else at + {1: 8, 5: 4}[key & 7]
        out += message[start:at]
    return out


class CommandLine(PipelineCase):
    # Usage -----------------------------------------------------------------

    def test_unknown_commands_are_named_with_those_that_exist(self):
        for wrong, meant, words in (("chek", "check", ["chek"]), ("devise", "device", ["devise", "list"]),
                                    ("prob", "probe", ["device", "prob"])):
            with self.subTest(words=words):
                self.refused(USAGE, f"command '{wrong}' (did you mean '{meant}'?)", command=[NEAP, *words])
        message = self.refused(USAGE, "'bogus'", "compile, plan, check, inspect, device",
                               command=[NEAP, "bogus"])
        self.assertNotIn("did you mean", message)
        self.refused(USAGE, "unknown command '--bogus'", command=[NEAP, "--bogus"])

    def test_no_command(self):
        self.refused(USAGE, "compile, plan, check, inspect, device", command=[NEAP])
        self.refused(USAGE, "list, show, probe", command=[NEAP, "device"])

    def test_empty_paths_are_usage_errors(self):
        for command in (self.job("plan", "-o", ""), self.job("compile", "-o", ""),
                        self.job("plan", "--name", ""), self.job("plan", device=""),
                        [NEAP, "inspect", ""], [NEAP, "device", "show", ""],
                        [NEAP, "device", "probe", "-o", ""], [NEAP, "check", "", "--baseline", "b"]):
            with self.subTest(command=command[1:]):
                self.refused(USAGE, "found ''", command=command)

    def test_unknown_option(self):
        self.refused(USAGE, "--budgt", command=self.job("plan", "--budgt", "1"))

    def test_two_formats_of_a_report(self):
        command = [NEAP, "check", "plan.json", "--baseline", "b.json"]
        self.refused(USAGE, "--json", "--junit", command=command + ["--json", "--junit"])
        self.refused(USAGE, "--markdown", "--github", command=command + ["--github", "--markdown"])

    def test_what_to_emit_and_the_tokenizer(self):
        for command in ("plan", "compile"):
            job = lambda *extra: self.job(command, "-o", self.work / "emit", *extra)
            for what in ("lib", "all"):
                self.refused(INVALID, f"error: --emit: '{what}' is not supported yet", command=job("--emit", what))
            self.refused(USAGE, "--emit", command=job("--emit", "object"))
            self.refused(INVALID, "error: --tokenizer: only 'bytes'", "'some/folder' is not supported yet",
                         command=job("--tokenizer", "some/folder"))
            self.assertFalse((self.work / "emit").exists())
        support.checked(*self.job("plan", "--emit", "exe"))

    def test_help_states_the_exit_codes(self):
        self.assertIn("Exit codes: 0 done", support.checked(NEAP, "--help").stdout)

    # Standard output -------------------------------------------------------

    def test_full_standard_output_is_an_error(self):
        for command in (self.job("plan"), [NEAP, "--help"], [NEAP, "--version"], [NEAP, "device", "list"],
                        [NEAP, "device", "show", DEVICE], [NEAP, "inspect", self.model]):
            with self.subTest(command=command[1:3]), open("/dev/full", "w") as full:
                done = subprocess.run([str(c) for c in command], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, INVALID, done.stderr)
                # The reason is lost where the write failed before the end.
                self.assertRegex(done.stderr, "^error: standard output: cannot be written: (No space|an earlier)")

    def test_closed_standard_output_is_an_error_and_enters_no_file(self):
        out = self.work / "closed.json"
        command = " ".join(f"'{c}'" for c in self.job("plan", "-o", out))
        done = support.run("/bin/sh", "-c", command + " >&-")
        self.assertEqual(done.returncode, INVALID, done.stderr)
        self.assertIn("error: standard output: ", done.stderr)
        json.loads(out.read_text())

    def test_a_regression_keeps_its_code_where_output_fails_too(self):
        plan, baseline = self.plan("both"), self.work / "both.baseline.json"
        self.check(plan, baseline, "--update-baseline")
        self.edit(plan, lambda p: p["peak"].update(planned_bytes=p["peak"]["planned_bytes"] + 1))
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(c) for c in (NEAP, "check", plan, "--baseline", baseline)],
                                  stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, REGRESSION, done.stderr)
        self.assertIn("error: standard output: ", done.stderr)

    # Control characters ------------------------------------------------------

    def test_control_characters_are_masked(self):
        red, masked = "x\x1b[31m\x9b", "x\\x1b[31m\\xc2\\x9b"
        lora = support.write_lora(self.work / "red.json", ["q_proj", red])
        done = support.checked(*self.job("plan", lora=lora))
        for text in (done.stdout, done.stderr):
            self.assertNotRegex(text, "[\x1b\x9b]")
            self.assertIn(masked, text)
        for command in (self.job("plan", lora=support.write_lora(self.work / "red.json", [red])),
                        self.job("plan", model=red), self.job("plan", "--budget", red), [NEAP, red]):
            done = support.run(*command)
            self.assertIn(masked, done.stderr)
            self.assertNotRegex(done.stderr, "[\x1b\x9b]")
        producer = support.checked(NEAP, "inspect", self.model).stdout.splitlines()[1].split(": ")[1].encode()
        model = self.work / "producer.onnx"
        model.write_bytes(renamed(self.model.read_bytes(), producer, b"\x1b" * len(producer)))
        shown = support.checked(NEAP, "inspect", model).stdout
        self.assertIn("\nproducer: " + "\\x1b" * len(producer) + "\n", shown)

    def test_names_that_are_no_text(self):
        for name in ("a\x1b", os.fsdecode(b"\xff"), "a\nb"):
            self.refused(INVALID, "error: --name: expected a job's name in UTF-8",
                         command=self.job("plan", "--name", name))
        profile = json.loads(support.checked(NEAP, "device", "show", DEVICE).stdout)
        for field, value in (("name", "d\x1b"), ("name", "d\0"), ("triple", profile["triple"] + "\0")):
            path = self.work / "profile.json"
            path.write_text(json.dumps({**profile, field: value}))
            self.refused(INVALID, f"error: {path}: {field}: expected ", command=self.job("plan", device=path))

    # Memory ----------------------------------------------------------------

    def test_no_memory_for_the_stack_of_import(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
        for command in (self.job("plan"), [NEAP, "inspect", self.model]):
            done = support.run(*command, preexec_fn=limit)
            self.assertEqual(done.returncode, INVALID, done.stderr)
            self.assertIn(f"error: {self.model}: cannot start a thread with a stack of 512 MiB", done.stderr)

    # Baselines -------------------------------------------------------------

    def plan(self, name):
        path = self.work / f"{name}.plan.json"
        support.checked(*self.job("plan", "-o", path))
        return path

    def edit(self, path, change):
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    def check(self, plan, baseline, *extra):
        return support.checked(NEAP, "check", plan, "--baseline", baseline, *extra)

    def test_unknown_schema_versions_are_errors(self):
        plan, baseline = self.plan("schema"), self.work / "schema.baseline.json"
        self.check(plan, baseline, "--update-baseline")
        self.check(plan, baseline)
        command = [NEAP, "check", plan, "--baseline", baseline]
        for path in (plan, baseline):
            text = path.read_text()
            for value, found in ((2, "2"), ("1", '"1"'), (None, None)):
                with self.subTest(path=path.name, value=value):
                    self.edit(path, lambda d: d.update(schema_version=value))
                    self.refused(INVALID, f"{path}: schema_version: ",
                                 f"expected 1, but found {found}" if found else "is required",
                                 command=command)
            path.write_text(text)
        self.check(plan, baseline)

    def test_a_plan_for_another_device_is_not_compared(self):
        plan, baseline = self.plan("device"), self.work / "device.baseline.json"
        self.check(plan, baseline, "--update-baseline")
        (row,) = json.loads(baseline.read_text())["jobs"].values()
        self.assertEqual(row["device"], DEVICE)
        self.edit(plan, lambda p: p.update(device="abacus"))
        command = [NEAP, "check", plan, "--baseline", baseline]
        self.refused(INVALID, f"{plan}: device: ", f"'{DEVICE}'", "'abacus'", "--name", command=command)
        # Baselines of before the device was kept.
        self.edit(baseline, lambda b: [row.pop("device") for row in b["jobs"].values()])
        self.check(plan, baseline)

    def test_two_plans_of_one_job_are_told_how_to_differ(self):
        first, second = self.plan("twice-a"), self.plan("twice-b")
        self.refused(INVALID, f"{second}: job: a second plan", str(first), "--name",
                     command=[NEAP, "check", first, second, "--baseline", "b.json"])

    def test_help_says_what_a_threshold_is(self):
        text = " ".join(support.checked(NEAP, "check", "--help").stdout.split())
        self.assertIn("bytes, a size such as 4MiB, or a share such as 2%; default 0", text)
        self.assertIn("seconds, or a share such as 2%; default 2%", text)
        command = [NEAP, "check", "p", "--baseline", "b"]
        self.refused(USAGE, "--max-peak-increase", "4MiB", "'x'", command=command + ["--max-peak-increase", "x"])
        self.refused(USAGE, "--max-time-increase", "seconds", "'4MiB'",
                     command=command + ["--max-time-increase", "4MiB"])

    # Inspection ------------------------------------------------------------

    def test_the_output_projection_is_marked(self):
        shown = support.checked(NEAP, "inspect", self.model).stdout
        self.assertRegex(shown, r"  lm_head  \d+ -> \d+  \(output projection, not supported\)\n")
        lora = support.write_lora(self.work / "none.json", ["lm_heat"])
        self.assertNotIn("lm_head", self.refused(INVALID, "lm_heat", command=self.job("plan", lora=lora)))

    def test_a_model_that_cannot_be_imported(self):
        model = self.work / "odd.onnx"
        model.write_bytes(renamed(self.model.read_bytes(), b"Softmax", b"Hardmax"))
        done = support.run(NEAP, "inspect", model)
        self.assertEqual(done.returncode, INVALID)
        self.assertRegex(done.stderr, r"(?s)^error: .*odd\.onnx: .*Hardmax")
        self.assertIn("\noperators not supported:\n  Hardmax (", done.stdout)
        self.assertNotIn("modules LoRA can target", done.stdout)

    def test_a_tied_embedding_that_may_count_twice(self):
        model = support.generate(self.work / "shapes.onnx", "--shapes-only")
        warning = "may be the embedding"
        done = support.checked(NEAP, "inspect", model)
        self.assertRegex(done.stdout, r"\nparameters: \d+ \(\d+ bytes\) \(the tied embedding counted twice\?\)\n")
        self.assertIn(warning, done.stderr)
        done = support.checked(NEAP, "inspect", self.model)
        self.assertNotIn("counted twice", done.stdout)
        self.assertNotIn(warning, done.stderr)

    def test_a_file_that_is_no_baseline_is_not_overwritten(self):
        plan = self.plan("precious")
        for name, text in (("notes.txt", "my notes\n"), ("package.json", '{"name": "x"}'),
                           ("newer.json", '{"schema_version": 2, "jobs": {}}'),
                           ("plan.json", plan.read_text())):
            with self.subTest(name=name):
                path = self.work / ("precious-" + name)
                path.write_text(text)
                self.refused(INVALID, f"{path}: ", "is not overwritten",
                             command=[NEAP, "check", plan, "--baseline", path, "--update-baseline"])
                self.assertEqual(path.read_text(), text)

    # Specs and models ------------------------------------------------------

    def test_alpha_without_effect_warns_and_alpha_without_a_float_fails(self):
        spec = lambda value: support.write_lora(self.work / "alpha.json", lora_alpha=value)
        self.warned("lora_alpha: is 0 for ", lora=spec(0))
        self.warned("lora_alpha: is negative for ", lora=spec(-4))
        for value in (1e300, 1e-300):
            self.refused(INVALID, "alpha.json: lora_alpha: the scaling of module '", f"{value:g}",
                         command=self.job("plan", lora=spec(value)))

    def test_a_byte_order_mark_is_accepted(self):
        for source in (self.lora, self.train):
            (self.work / ("bom-" + source.name)).write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
        support.checked(*self.job("plan", lora=self.work / "bom-lora.json", train=self.work / "bom-train.json"))

    def trained(self, name, model, lora):
        """The adapter's folder after training a job."""
        job = self.work / name
        support.compile_job(model, lora, self.train, job, "--name", "job", device=support.DEVICE)
        support.checked(job / "trainer", "train", "--tokens", self.tokens, "--out", job / "adapter")
        return job / "adapter"

    def test_a_module_by_its_alias_is_adapted_under_its_alias(self):
        # As ONNX Runtime's model builder names a Llama.
        short = self.work / "short.onnx"
        short.write_bytes(renamed(self.model.read_bytes(), b"self_attn", b"attn"))
        shown = support.checked(NEAP, "inspect", short).stdout
        self.assertRegex(shown, r"model\.layers\.0\.attn\.q_proj .*\(or model\.layers\.0\.self_attn\.q_proj\)")
        type(self).tokens = support.write_tokens(self.work / "tokens.safetensors", 4, 32, 250)
        lora = support.write_lora(self.work / "alias.json", ["self_attn.q_proj", "v_proj"])
        ours, theirs = self.trained("alias", short, lora), self.trained("path", self.model, lora)
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            self.assertEqual((ours / name).read_bytes(), (theirs / name).read_bytes(), name)
        self.assertIn("base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight",
                      support.read_safetensors(ours / "adapter_model.safetensors"))

    # Sweeps -----------------------------------------------------------------

    def sweep(self, *extra):
        out = self.work / "sweep.json"
        done = support.checked(*self.job("plan", "--sweep", "--points", "5", "-o", out, *extra))
        return json.loads(out.read_text())["devices"], done.stdout

    def test_a_sweep_goes_from_the_smallest_peak_to_everything_kept(self):
        (device,), table = self.sweep()
        plans = device["plans"]
        self.assertEqual((device["device"], len(plans)), (DEVICE, 5))
        self.assertEqual(len(table.splitlines()), 2 + 5 + 1 + 1)
        self.assertIn("ms by MiB: by how much `at least` falls per MiB more\n", table)
        peaks = [p["planned_bytes"] for p in plans]
        self.assertEqual(peaks, sorted(peaks))
        self.assertGreater(plans[0]["recomputed_flops"], 0)
        self.assertEqual(plans[-1]["recomputed_flops"], 0)
        for plan in plans:
            self.assertLessEqual(device["floor_bytes"], plan["planned_bytes"])
            self.assertLessEqual(plan["bound_seconds"], plan["seconds_per_step"] * (1 + 1e-9))
            self.assertLessEqual(plan["max_live_bytes"], plan["arena_bytes"])
        for objective, swept in (("smallest", plans[0]), ("fastest", plans[-1])):
            out = self.work / "one.json"
            support.checked(*self.job("plan", "--objective", objective, "-o", out))
            alone = json.loads(out.read_text())
            self.assertEqual(alone["peak"]["anon"], swept["anon"])
            self.assertAlmostEqual(alone["seconds_per_step"], swept["seconds_per_step"])

    def test_a_sweep_over_several_devices(self):
        both, table = self.sweep("--device", "pixel-8")
        self.assertEqual([d["device"] for d in both], [DEVICE, "pixel-8"])
        self.assertIn("on pixel-8", table)

    def test_options_that_make_no_sense_together(self):
        for extra, word in (("--device pixel-8", "--device: several profiles need --sweep"), ("--sweep --budget 1GiB", "--budget"),
                            ("--sweep --objective smallest", "--objective"), ("--sweep --points 1", "--points"),
                            ("--points 5", "--sweep")):
            self.refused(USAGE, word, command=self.job("plan", *extra.split()))

    def opset_model(self, version):
        """The model with another version of the default operator set."""
        data = self.model.read_bytes()
        # The file ends in ModelProto.opset_import: domain "", version 17.
        self.assertTrue(data.endswith(b"\x42\x04\x0a\x00\x10\x11"))
        path = self.work / f"opset{version}.onnx"
        path.write_bytes(data[:-1] + bytes([version]))
        self.assertIn(f"opset: {version}\n", support.checked(NEAP, "inspect", path).stdout)
        return path

    def test_operator_sets_beyond_the_tested_ones_warn(self):
        self.assertFalse(any("opset" in line for line in self.warned()))
        for version in (10, 30):
            with self.subTest(version=version):
                self.warned(f"opset {version} ", model=self.opset_model(version))


if __name__ == "__main__":
    unittest.main(verbosity=2)
