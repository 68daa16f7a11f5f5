"""What a trainer refuses before it starts, and what it then holds."""
import os
import resource
import signal
import subprocess
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
        self.refuse_usage(some + ['--seed', '9223372036854775808'], '--seed')
        for name in ['README.md', 'adapter_config.json.tmp',
                     'adapter_model.safetensors']:
            os.makedirs(self.path('x'), exist_ok=True)
            log = os.path.join(self.path('x'), name)
            self.refuse_usage(
                ['train', '--tokens', path, '--out', self.path('x'), '--log',
                 log], '--log', 'a file of --out')
            self.assertFalse(os.path.exists(log))
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
        for word in [b'--dump-grads', b'--seal', b'--version', b'exit:',
                     b'1 a bug', b'{"text": T}']:
            self.assertIn(word, result.stdout)
        for command in ['train', 'eval', 'info']:
            for arguments in [['--help'], ['-h'], ['--unknown', '--help']]:
                one = run('plain', command, *arguments)
                if len(arguments) > 1:
                    self.refuse(one, 2, '--unknown')
                    continue
                self.assertEqual((one.returncode, one.stdout, one.stderr),
                                 (0, result.stdout, b''))
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
        for arguments in [['info'], ['info', '--json'], ['train', '--help'],
                          ['eval', '--tokens', path]]:
            with open('/dev/full', 'wb') as full:
                done = subprocess.run(
                    [program('plain'), *arguments], stdout=full,
                    stderr=subprocess.PIPE, check=False, timeout=60)
            self.refuse(done, 7, 'standard output', 'No space')


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
