"""Whatever ends a job: the adapter and the log in place are whole ones."""
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import toy
from support import Case, program, run


class Saving(Case):
    def old(self):
        """An adapter from an earlier run, and its bytes."""
        path, _ = self.tokens()
        self.train('plain', '--tokens', path)
        return path, self.snapshot()

    def snapshot(self, out='out'):
        return {name: self.read(os.path.join(out, name))
                for name in os.listdir(self.path(out))}

    def test_file_size_limit(self):
        path, before = self.old()
        # The second is reached within the tensors, past the write buffer.
        for bytes_allowed in [10, 40000]:
            def limit(size=bytes_allowed):
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            result = run('plain', 'train', '--tokens', path, '--seed', '9',
                         '--out', self.path('out'), preexec_fn=limit)
            self.refuse(result, 7, self.path('out'), 'written')
            self.assertEqual(self.snapshot(), before)

    def test_full_disk(self):
        disk = self.path('disk')
        os.mkdir(disk)
        mounted = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk],
            capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest('a small file system cannot be mounted here')
        try:
            path, _ = self.tokens()
            out = os.path.join(disk, 'out')
            some = ['train', '--tokens', path, '--out', out]
            self.assertEqual(run('plain', *some).returncode, 0)
            before = self.snapshot(out)
            # A second copy does not fit beside the first.
            result = run('plain', *some, '--seed', '9')
            self.refuse(result, 7, out, 'No space')
            self.assertEqual(self.snapshot(out), before)
        finally:
            subprocess.run(['umount', disk], check=True)

    def test_a_failed_job_leaves_no_folder_that_it_made(self):
        path, _ = self.tokens()
        bad = self.write('bad', b'')

        def fail(out, data=bad, name='plain', status=3, *more):
            result = run(name, 'train', '--tokens', data, '--out',
                         self.path(out), *more)
            self.assertEqual(result.returncode, status, result.stderr)
        for out in ['new', 'new/a/b', 'new//a/']:
            fail(out)
            self.assertFalse(os.path.exists(self.path('new')), out)
        fail('new/out', path, 'nanfirst', 8, '--dump-grads',
             self.path('new/out/grads'), '--steps', '1')
        # The gradients of the step that failed are worth keeping.
        self.assertEqual(os.listdir(self.path('new/out')), ['grads'])
        # What was there stays, empty or not.
        os.makedirs(self.path('old/empty'))
        fail('old/empty')
        fail('old/empty/below')
        self.assertEqual(os.listdir(self.path('old/empty')), [])
        self.train('plain', '--tokens', path, out='old/full')
        before = self.snapshot('old/full')
        fail('old/full')
        self.assertEqual(self.snapshot('old/full'), before)

    def test_text_that_is_cut_while_it_is_used(self):
        rows = ''.join('{"text":"row %d %s"}\n' % (i, 'x' * (i % 40))
                       for i in range(20000))
        path = self.write('rows.jsonl', rows.encode())
        process = subprocess.Popen(
            [program('text'), 'train', '--data', path, '--steps', '100000000',
             '--out', self.path('out'), '--log', self.path('log.jsonl')],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.wait_for_steps(2)
        os.truncate(path, 0)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3, errors)
        self.assertIn(b'rows.jsonl', errors)
        self.assertIn('adapter_model.safetensors',
                      os.listdir(self.path('out')))

    def test_log_cannot_be_written(self):
        path, _ = self.tokens()
        result = run('plain', 'train', '--tokens', path, '--out',
                     self.path('out'), '--log', '/dev/full')
        self.refuse(result, 7, '/dev/full')

    def test_log_that_becomes_full_ends_in_a_whole_line(self):
        path, _ = self.tokens()

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
        result = run('plain', 'train', '--tokens', path, '--steps', '5000',
                     '--out', self.path('out'), '--log', self.path('log.jsonl'),
                     preexec_fn=limit)
        self.refuse(result, 7, self.path('log.jsonl'), 'written')
        self.assertGreater(len(self.read('log.jsonl')), 59000)
        steps = self.steps()
        self.assertEqual(steps[-1]['step'], len(steps))
        # What was trained is kept: all logged steps and the one that was not.
        saved = self.adapter()
        self.train('plain', '--tokens', path, '--steps', len(steps) + 1,
                   out='same')
        self.assertEqual(self.adapter('same'), saved)

    def test_a_job_that_does_not_start_keeps_the_log(self):
        path, _ = self.tokens()
        self.train('plain', '--tokens', path)
        before = self.read('log.jsonl')
        some = ['train', '--out', self.path('out'), '--log',
                self.path('log.jsonl')]
        self.refuse(run('plain', *some, '--tokens', self.path('nothing')), 3)
        self.assertEqual(self.read('log.jsonl'), before)
        # One that does start leaves nothing of it.
        self.train('plain', '--tokens', path, '--steps', '1')
        self.assertEqual(len(self.events()), 3)

    def test_log_over_an_input(self):
        path, _ = self.tokens()
        self.train('plain', '--tokens', path)
        weights = self.write('model.weights', b'')
        shutil.copy(program('model.weights'), weights)
        shutil.copy(program('plain'), self.path('trainer'))
        os.link(path, self.path('alias'))
        for log in [path, self.path('alias'), weights,
                    self.path('out/adapter_model.safetensors'),
                    self.path('out/adapter_config.json')]:
            with open(log, 'rb') as source:
                before = source.read()
            result = run(self.path('trainer'), 'eval', '--tokens', path,
                         '--adapter', self.path('out'), '--log', log)
            self.refuse(result, 2, log, 'input')
            with open(log, 'rb') as source:
                self.assertEqual(source.read(), before)

    def test_one_job_per_folder(self):
        path, _ = self.tokens()
        process = subprocess.Popen(
            [program('plain'), 'train', '--tokens', path, '--steps',
             '100000000', '--out', self.path('out'), '--log',
             self.path('log.jsonl')],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for_steps(2)
            some = ['train', '--tokens', path, '--dump-grads']
            self.refuse(run('plain', *some, self.path('out'), '--out',
                            self.path('out')), 7, self.path('out'),
                        'another trainer is writing to it')
        finally:
            process.kill()
            process.wait()
        # A killed job claims nothing, and one job may use a folder twice.
        done = run('plain', *some, self.path('out'), '--out', self.path('out'))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_temporary_names_are_never_written_through(self):
        path, _ = self.old()
        name = self.path('out/adapter_model.safetensors.tmp')
        precious = self.write('precious', 'content')
        for make in [lambda: os.link(precious, name),
                     lambda: os.symlink(precious, name),
                     lambda: os.mkfifo(name),
                     lambda: self.write(name, 'left by a killed job')]:
            make()
            self.train('plain', '--tokens', path)
            self.assertEqual(self.read('precious'), b'content')
            self.assertFalse(os.path.lexists(name))
            self.assertEqual(len(os.listdir(self.path('out'))), 3)
        os.mkdir(name)
        before = self.adapter()
        result = run('plain', 'train', '--tokens', path, '--out',
                     self.path('out'), '--seed', '9')
        self.refuse(result, 7, 'adapter_model.safetensors', 'exists')
        self.assertEqual(self.adapter(), before)

    def test_linked_folder(self):
        path, _ = self.tokens()
        os.mkdir(self.path('real'))
        os.symlink('real', self.path('out'))
        self.train('plain', '--tokens', path)
        self.assertEqual(len(self.snapshot('real')), 3)
        os.symlink('nowhere', self.path('dangling'))
        result = run('plain', 'train', '--tokens', path, '--out',
                     self.path('dangling'))
        self.refuse(result, 7, 'dangling')

    def test_paths_that_are_too_long(self):
        path, _ = self.tokens()
        for long in ['x' * 5000, 'y' * 300, '/z' * 2100]:
            result = run('plain', 'train', '--tokens', path, '--out',
                         self.path(long))
            self.refuse(result, 7, 'too long')
        result = run('plain', 'train', '--tokens', 'x' * 5000, '--out',
                     self.path('out'))
        self.refuse(result, 3, 'too long')

    def test_unwritable_folder(self):
        path, _ = self.tokens()
        self.write('file', '')
        result = run('plain', 'train', '--tokens', path, '--out',
                     self.path('file/out'))
        self.refuse(result, 7, self.path('file'))

    def test_folders_are_created(self):
        path, _ = self.tokens()
        self.train('plain', '--tokens', path, out='a/b/c')
        self.assertEqual(len(self.snapshot('a/b/c')), 3)

    def test_killed_while_saving(self):
        """Whatever the moment, the adapter in place is a whole one."""
        path, _ = self.old()
        versions = set()
        for attempt in range(12):
            process = subprocess.Popen(
                [program('plain'), 'train', '--tokens', path, '--out',
                 self.path('out'), '--seed', str(attempt)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.001 * attempt)
            process.kill()
            process.wait()
            toy.read_values(self.path('out/adapter_model.safetensors'))
            versions.add(self.adapter())
        self.assertGreaterEqual(len(versions), 1)


class Signals(Case):
    def interrupt(self, number, *arguments, ignored=None):
        path, _ = self.tokens()
        if os.path.exists(self.path('log.jsonl')):
            os.remove(self.path('log.jsonl'))
        process = subprocess.Popen(
            [program('plain'), 'train', '--tokens', path, '--steps',
             '100000000', '--out', self.path('out'), '--log',
             self.path('log.jsonl'), *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(
                signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL))
        self.wait_for_steps(20)
        if ignored:
            process.send_signal(ignored)
            self.wait_for_steps(len(self.read('log.jsonl').splitlines()) + 50)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 10, errors)
        end = self.events()[-1]
        self.assertIn(f'- steps: {end["steps"]} of 100000000, interrupted\n'
                      '- seed: 42\n- started from: a fresh adapter\n',
                      self.read('out/README.md').decode())
        self.assertEqual(end['reason'], 'interrupted')
        self.assertEqual(end['steps'], len(self.steps()))
        self.assertIn(f'after step {end["steps"]}'.encode(), errors)
        return path, end['steps']

    def test_saved_adapter_is_that_of_its_step(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            path, steps = self.interrupt(number)
            saved = self.adapter()
            self.train('plain', '--tokens', path, '--steps', steps, out='same')
            self.assertEqual(self.adapter('same'), saved)

    def test_terminal_is_gone(self):
        self.interrupt(signal.SIGHUP)
        self.interrupt(signal.SIGTERM, ignored=signal.SIGHUP)  # nohup

    def test_under_the_seal(self):
        self.interrupt(signal.SIGTERM, '--seal')


if __name__ == '__main__':
    unittest.main()
