#!/usr/bin/env python3
"""What `neap` writes: whole files or none, and what a failed, interrupted or killed
command leaves behind.

Usage: outputs.py [unittest arguments]
"""
import json
import os
import resource
import signal
import stat
import subprocess
import threading
import time
import unittest

from pipeline import INVALID, NEAP, PipelineCase, support


class Outputs(PipelineCase):
    def failing_compile(self, out):
        """`neap compile` where files may not pass 20 kB: the weights fail."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        done = support.run(*self.job("compile", "-o", out, device=support.DEVICE), preexec_fn=limit)
        self.assertEqual(done.returncode, INVALID, done.stderr)
        self.assertIn(f"error: {out}/model.weights: ", done.stderr)

    def test_failed_compile_leaves_no_folder(self):
        root = self.work / "fresh"
        self.failing_compile(root / "a" / "b")
        self.assertFalse(root.exists())

    def test_failed_compile_keeps_what_was_there(self):
        out = self.work / "kept"
        out.mkdir()
        old = {name: f"old {name}" for name in ("trainer", "model.weights", "plan.json", "notes.txt")}
        for name, text in old.items():
            (out / name).write_text(text)
        self.failing_compile(out)
        self.assertEqual({p.name: p.read_text() for p in out.iterdir()}, old)

    def test_compile_replaces_its_outputs_and_nothing_else(self):
        out = self.work / "again"
        out.mkdir()
        (out / "notes.txt").write_text("mine")
        (out / "plan.json").write_text("old")
        support.checked(*self.job("compile", "-o", out, device=support.DEVICE))
        self.assertEqual(sorted(p.name for p in out.iterdir()),
                         ["model.weights", "notes.txt", "plan.json", "trainer"])
        self.assertEqual((out / "notes.txt").read_text(), "mine")
        json.loads((out / "plan.json").read_text())
        self.assertTrue(os.access(out / "trainer", os.X_OK))

    def test_a_folder_in_the_place_of_an_output(self):
        out = self.work / "blocked"
        (out / "plan.json").mkdir(parents=True)
        self.refused(INVALID, f"{out}/plan.json: cannot write: Is a directory",
                     command=self.job("compile", "-o", out, device=support.DEVICE))
        self.assertEqual([p.name for p in out.iterdir()], ["plan.json"])

    def test_output_folder_that_is_a_file(self):
        file = self.work / "file"
        file.write_text("mine")
        self.refused(INVALID, f"{file}: cannot create the folder: Not a directory",
                     command=self.job("compile", "-o", file, device=support.DEVICE))
        self.refused(INVALID, f"{file}/below: cannot create the folder: Not a directory",
                     command=self.job("compile", "-o", file / "below", device=support.DEVICE))
        self.assertEqual(file.read_text(), "mine")

    def test_a_disk_that_is_full_at_the_trainer(self):
        out = self.work / "full"
        out.mkdir()
        good = self.work / "fits"
        support.checked(*self.job("compile", "-o", good, device=support.DEVICE))
        weights, trainer = ((good / name).stat().st_size for name in ("model.weights", "trainer"))
        # Weights and object fit, the trainer does not.
        size = (weights + trainer) // 1024 - 8
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(out)],
                                 stderr=subprocess.PIPE, text=True)
        if mounted.returncode:
            self.skipTest(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
        try:
            self.refused(INVALID, f"error: {out}/trainer: cannot write: No space left on device",
                         command=self.job("compile", "-o", out, device=support.DEVICE))
            self.assertEqual(list(out.iterdir()), [])
        finally:
            subprocess.run(["umount", str(out)], check=True)

    def stopped_compile(self, out, number):
        """`neap compile` that gets a signal once its staging folder exists."""
        process = subprocess.Popen([str(c) for c in self.job("compile", "-o", out, device=support.DEVICE)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(out.glob(".neap-*/*")):
            time.sleep(0.001)
        process.send_signal(number)
        self.assertEqual(process.wait(60), -number, "it ended before the signal")

    def test_an_interrupted_compile_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                self.stopped_compile(self.work / "interrupted" / "below", number)
                self.assertFalse((self.work / "interrupted").exists())

    def test_a_killed_compile_is_tidied_up_by_the_next(self):
        out = self.work / "killed"
        self.stopped_compile(out, signal.SIGKILL)
        self.assertEqual(len(list(out.glob(".neap-*"))), 1)
        mine = out / ".neap-config"
        mine.mkdir()
        support.checked(*self.job("compile", "-o", out, device=support.DEVICE))
        self.assertEqual(list(out.glob(".neap-*")), [mine])

    def test_reports_go_through_links_and_into_devices(self):
        target, link = self.work / "target.json", self.work / "link.json"
        target.write_text("old")
        link.symlink_to("target.json")
        support.checked(*self.job("plan", "-o", link))
        self.assertTrue(link.is_symlink())
        json.loads(target.read_text())
        link.unlink()
        link.symlink_to("created.json")
        support.checked(*self.job("plan", "-o", link))
        self.assertTrue(link.is_symlink())
        json.loads((self.work / "created.json").read_text())
        support.checked(*self.job("plan", "-o", "/dev/null"))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        self.refused(INVALID, "error: /dev/full: cannot write: No space",
                     command=[NEAP, "device", "probe", "-o", "/dev/full"])
        for pipe in (self.work / "pipe.json", self.work / "pipe"):
            os.mkfifo(pipe)
            received = []
            reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
            reader.start()
            support.checked(*self.job("plan", "-o", pipe))
            reader.join()
            json.loads(received[0])
            self.assertTrue(pipe.is_fifo())

    def test_a_report_does_not_follow_a_link_at_its_temporary_name(self):
        """The names to come are guessed and taken by links."""
        out, victim = self.work / "guessed", self.work / "victim"
        out.mkdir()
        victim.write_text("mine")
        first = int(subprocess.run(["/bin/sh", "-c", "echo $$"], stdout=subprocess.PIPE).stdout)
        for process in range(first, first + 300):
            (out / f"plan.json.tmp{process}").symlink_to(victim)
        support.checked(*self.job("plan", "-o", out / "plan.json"))
        json.loads((out / "plan.json").read_text())
        self.assertEqual(victim.read_text(), "mine")

    def test_compile_replaces_no_pipe(self):
        out = self.work / "piped"
        out.mkdir()
        os.mkfifo(out / "trainer")
        self.refused(INVALID, f"{out}/trainer: cannot write: it is not a regular file",
                     command=self.job("compile", "-o", out, device=support.DEVICE))
        self.assertEqual([p.name for p in out.iterdir()], ["trainer"])

    def test_a_report_makes_the_folders_on_its_way(self):
        root = self.work / "reports"
        support.checked(*self.job("plan", "-o", root / "a" / "mine.json"))
        self.assertEqual([p.name for p in (root / "a").iterdir()], ["mine.json"])
        before = (root / "a" / "mine.json").read_text()
        json.loads(before)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        for path in (root / "b" / "mine.json", root / "b", root / "a" / "mine.json"):
            done = support.run(*self.job("plan", "-o", path), preexec_fn=limit)
            self.assertEqual(done.returncode, INVALID, done.stderr)
            self.assertEqual(([p.name for p in root.iterdir()], [p.name for p in (root / "a").iterdir()]),
                             (["a"], ["mine.json"]))
        self.assertEqual((root / "a" / "mine.json").read_text(), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
