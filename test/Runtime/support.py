"""What the runtime's test cases share."""
import json
import os
import random
import subprocess
import tempfile
import time
import unittest

import toy

PROGRAMS = os.environ.get('NEAP_TEST_PROGRAMS', '')
SOURCE = os.environ.get('NEAP_TEST_SOURCE', '')
DATA = os.environ.get('NEAP_TEST_DATA') or os.path.join(
    SOURCE, '..', 'shared', 'data')


def program(name):
    return os.path.join(PROGRAMS, name)


def run(name, *arguments, **options):
    options.setdefault('timeout', 120)
    return subprocess.run([program(name), *map(str, arguments)],
                          capture_output=True, check=False, **options)


class Case(unittest.TestCase):
    """A folder of its own, and trainers run in it."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), 'rb') as source:
            return source.read()

    def write(self, name, data):
        with open(self.path(name), 'wb') as out:
            out.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def events(self, name='log.jsonl'):
        return [json.loads(line) for line in
                self.read(name).decode().splitlines()]

    def steps(self, name='log.jsonl'):
        return [event for event in self.events(name)
                if event['event'] == 'step']

    def wait_for_steps(self, count):
        """Waits until the running trainer has logged so many steps."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if os.path.exists(self.path('log.jsonl')) and len(
                    self.read('log.jsonl').splitlines()) > count:
                return
            time.sleep(0.01)
        self.fail('the trainer does not log its steps')

    def tokens(self, rows=8, length=12, seed=1, name='tokens.safetensors'):
        """Writes random rows; returns the path and the rows."""
        chooser = random.Random(seed)
        ids = [[chooser.randrange(100) for _ in range(length)]
               for _ in range(rows)]
        toy.write_tokens(self.path(name), ids)
        return self.path(name), ids

    def train(self, name, *arguments, out='out', status=0, **options):
        result = run(name, 'train', *arguments, '--out', self.path(out),
                     '--log', self.path('log.jsonl'), **options)
        self.assertEqual(result.returncode, status,
                         result.stdout + result.stderr)
        return result

    def adapter(self, out='out'):
        return self.read(os.path.join(out, 'adapter_model.safetensors'))

    def refuse(self, result, status, *parts):
        """The failure is one line that says what is wrong, and where."""
        text = result.stderr.decode()
        self.assertEqual(result.returncode, status, text)
        self.assertTrue(text.startswith('error: '), text)
        self.assertEqual(text.count('\n'), 1, text)
        self.assertNotIn('.\n', text)
        for part in parts:
            self.assertIn(str(part), text)

    def close(self, found, expected, tolerance):
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected):
            self.assertLessEqual(abs(one - other),
                                 tolerance * (1 + abs(other)))
