"""Every way a run can fail: a clear line, its exit status, nothing half done."""
import os
import resource
import shutil
import signal
import struct
import subprocess
import time
import unittest

import toy
from support import Case, program, run


class Usage(Case):
    def refuse_usage(self, arguments, *parts):
        self.refuse(run('plain', *arguments), 2, *parts)

    def test_command_line(self):
        path, _ = self.tokens()
        some = ['train', '--tokens', path, '--out', self.path('out')]
        self.refuse_usage([], 'train, eval or info')
        self.refuse_usage(['learn'], "'learn'")
        self.refuse_usage(['train', '--out', 'x'], '--data')
        self.refuse_usage(['train', '--tokens', path], '--out')
        self.refuse_usage(some + ['--data', 'x'], '--data')
        self.refuse_usage(some + ['--resume'], '--resume', 'release')
        self.refuse_usage(some + ['--adapter', 'x'], '--adapter')
        self.refuse_usage(some + ['--fast'], "'--fast'")
        self.refuse_usage(some + ['--steps', '0'], '--steps', "'0'")
        self.refuse_usage(some + ['--steps'], '--steps', 'value')
        self.refuse_usage(some + ['--seed', '-1'], '--seed')
        self.refuse_usage(some + ['--seal=1'], '--seal')
        self.refuse_usage(some + ['--out', 'y'], 'twice')
        self.refuse_usage(some + ['--skip-bad-rows'], '--skip-bad-rows')
        self.refuse_usage(['eval', '--tokens', path, '--seed', '1'], '--seed')
        self.refuse_usage(['info', '--tokens', path], '--tokens')

    def test_threads_and_processors(self):
        path, _ = self.tokens()
        some = ['eval', '--tokens', path]
        self.refuse_usage(some + ['--threads', '5'], '--threads 5',
                          'planned limit of 4')
        for text in ['', '1-', '2-1', 'a', '0,', '0,,1', '99999']:
            self.refuse_usage(some + ['--cpus', text], '--cpus')
        self.refuse_usage(some + ['--cpus', '1023'], '1023')
        self.assertEqual(run('plain', *some, '--cpus=0').returncode, 0)

    def test_help(self):
        result = run('plain', '--help')
        self.assertEqual(result.returncode, 0)
        for word in [b'--dump-grads', b'--seal', b'exit:']:
            self.assertIn(word, result.stdout)
        self.assertEqual(run('plain', '--version').stdout, b'neap 0.1.0\n')


class Start(Case):
    def test_processor(self):
        path, _ = self.tokens()
        self.refuse(run('choosy', 'eval', '--tokens', path), 6, 'warp-drive')

    def test_memory(self):
        path, _ = self.tokens()
        result = run('hungry', 'eval', '--tokens', path)
        self.refuse(result, 4, 2 ** 52)

    def test_memory_limit(self):
        path, _ = self.tokens()

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (600000, 600000))
        result = run('plain', 'eval', '--tokens', path, preexec_fn=limit)
        self.refuse(result, 4, 'arena')

    def test_seal(self):
        path, _ = self.tokens()
        self.train('maps', '--tokens', path)
        self.train('maps', '--tokens', path, '--seal',
                   status=-signal.SIGSYS)
        self.train('plain', '--tokens', path, '--seal')


    def test_missing_standard_files(self):
        """No file of the job may take the place of a closed one."""
        path, _ = self.tokens()
        self.train('plain', '--tokens', path)
        expected = self.adapter(), len(self.events())

        def close():
            for fd in range(3):
                os.close(fd)
        done = subprocess.run(
            [program('plain'), 'train', '--tokens', path, '--out',
             self.path('blind'), '--log', self.path('log.jsonl')],
            preexec_fn=close, check=False, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertEqual((self.adapter('blind'), len(self.events())), expected)

    def test_pipes_are_refused_and_not_waited_for(self):
        path, _ = self.tokens()
        toy.write_adapter(self.path('init'), [0.0] * toy.ELEMENTS)
        tensors = self.path('init/adapter_model.safetensors')
        os.remove(tensors)
        pipe = self.path('pipe')
        for name in [pipe, tensors]:
            os.mkfifo(name)
        self.refuse(run('plain', 'eval', '--tokens', pipe, timeout=20), 3,
                    pipe, 'regular file')
        self.refuse(run('text', 'eval', '--data', pipe, timeout=20), 3,
                    pipe, 'regular file')
        self.refuse(run('plain', 'eval', '--tokens', path, '--weights', pipe,
                        timeout=20), 9, pipe, 'regular file')
        self.refuse(run('plain', 'eval', '--tokens', path, '--adapter',
                        self.path('init'), timeout=20), 9, tensors,
                    'regular file')

    def test_results_that_cannot_be_printed(self):
        path, _ = self.tokens()
        for arguments in [['info'], ['info', '--json'],
                          ['eval', '--tokens', path]]:
            with open('/dev/full', 'wb') as full:
                done = subprocess.run(
                    [program('plain'), *arguments], stdout=full,
                    stderr=subprocess.PIPE, check=False, timeout=60)
            self.refuse(done, 7, 'standard output', 'No space')


class Tokens(Case):
    def refused(self, *parts):
        result = run('plain', 'train', '--tokens', self.path('t'), '--out',
                     self.path('out'))
        self.refuse(result, 3, self.path('t'), *parts)
        self.assertEqual(os.listdir(self.path('out')), [])

    def test_outside_the_vocabulary(self):
        rows = [[1] * 12 for _ in range(4)]
        for tensor, value in [('input_ids', 100), ('input_ids', -1),
                              ('input_ids', -100), ('labels', 100),
                              ('labels', -1)]:
            ids, labels = [list(r) for r in rows], [list(r) for r in rows]
            (ids if tensor == 'input_ids' else labels)[2][7] = value
            toy.write_tokens(self.path('t'), ids, labels)
            self.refused('row 2, column 7', tensor, value)

    def test_shapes(self):
        toy.write_tokens(self.path('t'), [[1] * 17] * 2)
        self.refused('17', 'at most 16')
        toy.write_tokens(self.path('t'), [[1] * 8] * 2, [[1] * 8] * 3)
        self.refused('labels', '[2, 8]', '[3, 8]')
        one = ('I32', [4], struct.pack('<4i', 1, 2, 3, 4))
        toy.write_safetensors(self.path('t'), {'input_ids': one,
                                               'labels': one})
        self.refused('rank 1')
        toy.write_safetensors(self.path('t'), {'input_ids': one})
        self.refused("'labels' is missing")
        real = ('F32', [2, 2], bytes(16))
        toy.write_safetensors(self.path('t'), {'input_ids': real,
                                               'labels': real})
        self.refused('F32')
        none = ('I32', [0, 4], b'')
        toy.write_safetensors(self.path('t'), {'input_ids': none,
                                               'labels': none})
        self.refused('no rows')
        self.write('t', b'')
        self.refused('0 bytes')

    def test_extra_tensors_are_carried(self):
        one = ('I32', [2, 2], struct.pack('<4i', 1, 2, 3, 4))
        toy.write_safetensors(self.path('t'), {
            'attention_mask': ('U8', [2, 2, 1], bytes(4)), 'input_ids': one,
            'labels': one, 'scalar': ('F64', [], bytes(8))})
        result = run('plain', 'eval', '--tokens', self.path('t'))
        self.assertEqual(result.returncode, 0, result.stderr)

    def header(self, text, data=bytes(32), size=None):
        text = text.encode()
        self.write('t', struct.pack('<Q', len(text) if size is None else size)
                   + text + data)

    def test_hostile_headers(self):
        good = ('"dtype":"I32","shape":[2,2],"data_offsets":[%d,%d]')
        ids = '"input_ids":{' + good % (0, 16) + '}'
        labels = '"labels":{' + good % (16, 32) + '}'
        self.header('{' + ids + ',' + labels + '}')
        self.assertEqual(run('plain', 'eval', '--tokens',
                             self.path('t')).returncode, 0)
        self.header('{' + ids + ',' + labels + '}   ')
        self.assertEqual(run('plain', 'eval', '--tokens',
                             self.path('t')).returncode, 0)
        cases = [
            ('{' + ids + ',' + ids + '}', 'twice'),
            ('{' + ids + ',"labels":{' + good % (8, 24) + '}}', 'overlaps'),
            ('{' + ids + ',"labels":{' + good % (24, 40) + '}}', 'hole'),
            ('{' + ids + '}', '16 bytes'),
            (' {' + ids + ',' + labels + '}', "'{'"),
            ('{' + ids + ',' + labels + '} x', 'after'),
            ('{' + ids + ',' + labels, 'header byte'),
            ('{' + ids + ',"labels":{' + good % (16, 31) + '}}', 'shape'),
            ('{' + ids + ',"labels":{' + good % (32, 16) + '}}', 'backwards'),
            ('{"input_ids":{"dtype":"I32","shape":[4611686018427387904,8],'
             '"data_offsets":[0,0]}}', 'smaller'),
            ('{"input_ids":{"dtype":"I32","shape":[99999999999999999,'
             '999999999],"data_offsets":[0,0]}}', 'too large'),
            ('{"input_ids":{"dtype":"Q7","shape":[],"data_offsets":[0,4]}}',
             'dtype'),
            ('{"input_ids":{"shape":[2,2],"data_offsets":[0,16]}}', 'dtype'),
            ('{"__metadata__":{"a":1},' + ids + ',' + labels + '}',
             '__metadata__'),
            ('{"input_ids":{' + good % (0, 16) + ',"dtype":"I32"}}', 'once'),
            ('{"' + 'n' * 2000 + '":{' + good % (0, 16) + '}}', '1023'),
            ('{"input_ids":[]}', "'{'"),
            ('{"input_ids":{"dtype":"I32","shape":[-2,2],'
             '"data_offsets":[0,16]}}', 'whole number'),
        ]
        for text, part in cases:
            self.header(text)
            self.refused(part)
        for size in [0, 10 ** 9, 2 ** 63, 2 ** 64 - 1]:
            self.header('{' + ids + ',' + labels + '}', size=size)
            self.refused('header')

    def test_names_with_a_zero_byte_are_other_names(self):
        one = ('I32', [2, 2], struct.pack('<4i', 1, 2, 3, 4))
        toy.write_safetensors(self.path('t'), {'input_ids': one,
                                               'labels\0': one})
        self.refused("'labels' is missing")

    def test_truncations_never_crash(self):
        path, _ = self.tokens(rows=2, length=3)
        with open(path, 'rb') as source:
            whole = source.read()
        for size in range(0, len(whole), 3):
            self.write('t', whole[:size])
            self.refused()

    def test_missing_file(self):
        self.refused('opened')
        os.mkdir(self.path('t'))
        self.refused('regular')


class Weights(Case):
    def setUp(self):
        super().setUp()
        with open(program('model.weights'), 'rb') as source:
            self.weights = bytearray(source.read())
        self.data, _ = self.tokens()

    def refused(self, name, *parts):
        path = self.write('w', bytes(self.weights))
        result = run(name, 'eval', '--tokens', self.data, '--weights', path)
        self.refuse(result, 9, path, *parts)

    def test_corrupt(self):
        for name in ['plain', 'resident']:
            self.setUp()
            second = struct.unpack_from('<Q', self.weights, 64 + 32)[0]
            self.weights[second + 70000] ^= 1
            self.refused(name, 'chunk 1 is corrupt')
            self.weights[second + 70000] ^= 1
            self.weights[16384 + 40000] ^= 128
            self.refused(name, 'chunk 0 is corrupt')
            self.weights[16384 + 40000] ^= 128
            # Padding belongs to no chunk.
            self.weights[-1] ^= 1
            path = self.write('w', bytes(self.weights))
            self.assertEqual(run(name, 'eval', '--tokens', self.data,
                                 '--weights', path).returncode, 0)

    def test_identity(self):
        self.weights[40] ^= 1
        self.refused('plain', 'hash')
        self.setUp()
        del self.weights[-1]
        self.refused('plain', 'bytes', len(self.weights))
        self.setUp()
        self.weights[0] = 0
        self.refused('plain', 'not a weights file')
        self.setUp()
        struct.pack_into('<Q', self.weights, 16, 2 ** 60)
        self.refused('plain', 'header')

    def test_missing(self):
        result = run('plain', 'eval', '--tokens', self.data, '--weights',
                     self.path('nothing'))
        self.refuse(result, 9, 'nothing', 'opened')


    def test_file_is_cut_while_it_is_used(self):
        path = self.write('w', bytes(self.weights))
        process = subprocess.Popen(
            [program('plain'), 'train', '--tokens', self.data, '--steps',
             '100000000', '--weights', path, '--out', self.path('out'),
             '--log', self.path('log.jsonl')],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for_steps(self, 2)
        os.truncate(path, 0)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 7, errors)
        self.assertEqual(errors, b'error: the weights file cannot be read any '
                         b'more\n')
        self.assertEqual(os.listdir(self.path('out')), [])


def wait_for_steps(case, count):
    """Waits until the running trainer has logged so many steps."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if os.path.exists(case.path('log.jsonl')) and len(
                case.read('log.jsonl').splitlines()) > count:
            return
        time.sleep(0.01)
    case.fail('the trainer does not log its steps')


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
            wait_for_steps(self, 2)
            some = ['train', '--tokens', path, '--dump-grads']
            self.refuse(run('plain', *some, self.path('out'), '--out',
                            self.path('out')), 7, self.path('out'), 'another')
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
        wait_for_steps(self, 20)
        if ignored:
            process.send_signal(ignored)
            wait_for_steps(self, len(self.read('log.jsonl').splitlines()) + 50)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 10, errors)
        end = self.events()[-1]
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


class Group(Case):
    """The cgroup's figure appears only where the trainer has one of its own."""
    ROOT = '/sys/fs/cgroup/memory'

    def test_alone(self):
        group = os.path.join(self.ROOT, f'neap-test-{os.getpid()}')
        try:
            os.mkdir(group)
        except OSError:
            self.skipTest('a memory group cannot be made here')
        path, _ = self.tokens()

        def enter():
            with open(os.path.join(group, 'cgroup.procs'), 'w',
                      encoding='ascii') as procs:
                procs.write(str(os.getpid()))
        try:
            self.train('plain', '--tokens', path, preexec_fn=enter)
            measured = self.events()[-1]['measured_peak_bytes']
            with open(os.path.join(group, 'memory.max_usage_in_bytes'),
                      encoding='ascii') as source:
                self.assertEqual(measured['cgroup'], int(source.read()))
            self.train('plain', '--tokens', path)
            measured = self.events()[-1]['measured_peak_bytes']
            self.assertIsNone(measured['cgroup'])
        finally:
            os.rmdir(group)


if __name__ == '__main__':
    unittest.main()
