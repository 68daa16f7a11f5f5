"""What the tests of `neap`'s commands share: a small job and how it is refused."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))
import support

NEAP = support.BIN / "neap"
DONE, USAGE, INVALID, DOES_NOT_FIT, REGRESSION = 0, 2, 3, 4, 5
# Planned for a named profile, the figures do not depend on this machine.
DEVICE = "laptop-8gb"


class PipelineCase(support.JobCase):
    device = DEVICE

    def refused(self, code, *words, command):
        done = support.run(*command)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, r"^(warning: .*\n)*error: ")
        for word in words:
            self.assertIn(str(word), done.stderr)
        return done.stderr

    def warned(self, *words, **inputs):
        done = support.checked(*self.job("plan", **inputs))
        lines = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
        for word in words:
            self.assertTrue(any(word in line for line in lines), (word, done.stderr))
        return lines
