"""train and eval against the toy computed in Python."""
import errno
import json
import os
import pty
import shutil
import struct
import subprocess
import unittest

import toy
from support import DATA, Case, program, run


def read_terminal(master):
    """Everything written to a terminal whose other end is closed.

    The kernel hands the bytes over in pieces, so one read is not enough; the
    end of them is reported as EIO.
    """
    pieces = []
    try:
        while piece := os.read(master, 4096):
            pieces.append(piece)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(master)
    return b''.join(pieces).decode()


class Training(Case):
    def expect(self, windows, rates, max_norm=0.0):
        start = toy.read_values(self.path('init/adapter_model.safetensors'))
        return toy.train(start, windows, rates, max_norm)

    def start(self):
        values = [((i * 37) % 101 - 50) / 100 for i in range(toy.ELEMENTS)]
        toy.write_adapter(self.path('init'), values)
        return self.path('init')

    def check(self, expected, steps, rates):
        losses, norms, gradients, values = expected
        self.close([s['loss'] for s in steps], losses, 2e-6)
        self.close([s['grad_norm'] for s in steps], norms, 2e-6)
        self.assertEqual([s['learning_rate'] for s in steps], rates)
        self.assertEqual([s['step'] for s in steps],
                         list(range(1, len(steps) + 1)))
        found = toy.read_values(self.path('out/adapter_model.safetensors'))
        self.close(found, values, 2e-5)
        return gradients

    def test_plain(self):
        path, ids = self.tokens()
        self.train('plain', '--tokens', path, '--init', self.start())
        pairs = [toy.targets_of(row, row) for row in ids]
        windows = [pairs[i] + pairs[i + 1] for i in range(0, 8, 2)]
        rates = [0.01] * 4
        steps = self.steps()
        self.check(self.expect(windows, rates), steps, rates)
        self.assertEqual([s['epoch'] for s in steps], [0.25, 0.5, 0.75, 1.0])
        self.assertEqual([s['tokens'] for s in steps], [24] * 4)

    def test_accumulation_clipping_schedule_wrap(self):
        # 5 rows, windows of 4: the second window of an epoch has one row.
        path, ids = self.tokens(rows=5)
        labels = [list(row) for row in ids]
        labels[1] = [-100] * 12           # contributes nothing
        labels[2][3:] = [-100] * 9
        labels[4][5] = -100
        toy.write_tokens(path, ids, labels)
        self.train('accum', '--tokens', path, '--init', self.start(),
                   '--dump-grads', self.path('grads'))
        pairs = [toy.targets_of(i, l) for i, l in zip(ids, labels)]
        windows = [sum(pairs[:4], []), pairs[4]] * 3
        steps = self.steps()
        rates = [s['learning_rate'] for s in steps]
        self.close(rates, [0, 0.005, 0.01, 0.01 * 0.8535533905932737, 0.005,
                           0.01 * 0.14644660940672624], 1e-15)
        gradients = self.check(self.expect(windows, rates, 1.5), steps, rates)
        self.assertEqual([s['epoch'] for s in steps],
                         [2 / 3, 1, 1 + 2 / 3, 2, 2 + 2 / 3, 3])
        for step, gradient in enumerate(gradients, 1):
            found = toy.read_values(
                self.path(f'grads/step{step}.safetensors'))
            self.close(found, gradient, 3e-5)
        self.assertEqual(len(os.listdir(self.path('grads'))), 6)

    def test_epochs(self):
        # ceil(1.5 epochs of 3 windows) = 5 steps; warm-up ceil(0.3 * 5) = 2.
        path, _ = self.tokens(rows=10)
        self.train('epochs', '--tokens', path)
        self.assertEqual([s['learning_rate'] for s in self.steps()],
                         [0, 0.005, 0.01, 0.01 * (2 / 3), 0.01 * (1 / 3)])
        self.train('epochs', '--tokens', path, '--steps', '2')
        self.assertEqual(len(self.steps()), 2)

    def test_padding_changes_nothing_but_the_count(self):
        path, ids = self.tokens(length=7)
        self.train('plain', '--tokens', path)
        short = self.adapter(), [s['loss'] for s in self.steps()]
        padded = [row + [0] * 9 for row in ids]
        labels = [row + [-100] * 9 for row in ids]
        toy.write_tokens(path, padded, labels)
        self.train('plain', '--tokens', path)
        self.assertEqual(short,
                         (self.adapter(), [s['loss'] for s in self.steps()]))
        self.assertEqual([s['tokens'] for s in self.steps()], [32] * 4)

    def test_int64_tokens(self):
        path, ids = self.tokens()
        self.train('plain', '--tokens', path)
        narrow = self.adapter()
        toy.write_tokens(path, ids, dtype='I64')
        self.train('plain', '--tokens', path)
        self.assertEqual(self.adapter(), narrow)

    def test_window_without_targets(self):
        path, ids = self.tokens(rows=4)
        labels = [[-100] * 12] * 2 + ids[2:]
        toy.write_tokens(path, ids, labels)
        self.train('plain', '--tokens', path, '--init', self.start(),
                   '--steps', '2')
        self.assertEqual(self.events()[0]['untrained_rows'], 2)
        steps = self.steps()
        self.assertIsNone(steps[0]['loss'])
        self.assertEqual(steps[0]['tokens'], 0)
        rows = sum((toy.targets_of(row, row) for row in ids[2:]), [])
        losses, _, _, values = self.expect([rows], [0.01])
        self.close([steps[1]['loss']], losses, 2e-6)
        self.close(toy.read_values(self.path('out/adapter_model.safetensors')),
                   values, 2e-5)

    def test_threads_change_nothing(self):
        path, _ = self.tokens()
        results = set()
        for threads in [1, 2, 3, 4]:
            self.train('accum', '--tokens', path, '--threads', threads)
            losses = [(s['loss'], s['grad_norm']) for s in self.steps()]
            results.add((self.adapter(), tuple(losses)))
            self.assertEqual(self.events()[0]['threads'], threads)
        self.assertEqual(len(results), 1)

    def test_variants_change_nothing(self):
        path, _ = self.tokens()
        results = set()
        for name in ['plain', 'resident', 'poisoned']:
            self.train(name, '--tokens', path)
            results.add((self.adapter(),
                         tuple(s['loss'] for s in self.steps())))
        self.train('plain', '--tokens', path, '--seal', '--cpus',
                   min(os.sched_getaffinity(0)), '--threads', 4)
        results.add((self.adapter(), tuple(s['loss'] for s in self.steps())))
        self.assertEqual(len(results), 1)

    def test_log(self):
        path, _ = self.tokens()
        self.train('plain', '--tokens', path, '--seed', '7')
        events = self.events()
        self.assertTrue(all(event['v'] == 1 for event in events))
        start, end = events[0], events[-1]
        self.assertEqual(start['event'], 'start')
        self.assertEqual(start['job'], 'toy "job"')
        self.assertEqual(start['plan_sha256'], '1' * 64)
        self.assertEqual((start['seed'], start['rows'], start['steps']),
                         (7, 8, 4))
        self.assertIsNone(start['resumed_from'])
        self.assertEqual(end['event'], 'end')
        self.assertEqual((end['reason'], end['steps']), ('completed', 4))
        planned, measured = (end['planned_peak_bytes'],
                             end['measured_peak_bytes'])
        self.assertEqual(set(planned), {'rss', 'anon', 'cgroup'})
        self.assertEqual(set(measured), {'rss', 'anon', 'cgroup'})
        for kind in ['rss', 'anon']:
            self.assertGreater(measured[kind], 4 * 4 * toy.ELEMENTS)
            self.assertLessEqual(measured[kind], planned[kind])

    def test_nan_keeps_the_last_good_state(self):
        path, _ = self.tokens()
        self.train('nan', '--tokens', path, '--steps', '2')
        good = self.adapter()
        result = self.train('nan', '--tokens', path, status=8)
        self.assertIn(b'step 3', result.stderr)
        self.assertEqual(self.adapter(), good)
        self.assertEqual(self.events()[-1]['reason'], 'non_finite')
        self.assertEqual(self.events()[-1]['steps'], 2)

    def test_nan_in_the_first_step_keeps_an_earlier_adapter(self):
        path, _ = self.tokens()
        self.train('plain', '--tokens', path)
        good = self.adapter()
        result = self.train('nanfirst', '--tokens', path, status=8)
        self.assertIn(b'step 1', result.stderr)
        self.assertIn(b'nothing was saved', result.stderr)
        self.assertNotIn(b'saved', result.stdout)
        self.assertEqual(self.adapter(), good)
        self.assertEqual(len(os.listdir(self.path('out'))), 3)
        end = self.events()[-1]
        self.assertEqual((end['reason'], end['steps']), ('non_finite', 0))

    def test_progress(self):
        path, _ = self.tokens()
        text = self.train('plain', '--tokens', path).stdout.decode()
        lines = text.splitlines()
        self.assertEqual(len(lines), 6)
        self.assertTrue(lines[4].startswith('step 4/4  loss '), text)
        self.assertIn('saved ' + self.path('out'), lines[5])

    def test_progress_on_a_terminal(self):
        path, _ = self.tokens()
        try:
            master, terminal = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal can be made here: {error}")
        result = subprocess.run(
            [program('plain'), 'train', '--tokens', path, '--out',
             self.path('out')], stdout=terminal, stderr=subprocess.PIPE,
            check=False)
        os.close(terminal)
        text = read_terminal(master)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('\rstep 4/4  loss ', text)
        self.assertEqual(text.count('\n'), 3)  # start, the one line, saved


class Adapters(Case):
    def test_initialisation(self):
        path, _ = self.tokens()
        values = {}
        for seed in [1, 2]:
            # A first step at learning rate 0 leaves the initial values.
            self.train('accum', '--tokens', path, '--steps', '1', '--seed',
                       seed)
            values[seed] = toy.read_values(
                self.path('out/adapter_model.safetensors'))
        big, small = values[1][:10240], values[1][10240:10252]
        self.assertEqual(values[1][10252:], [0.0] * 20)
        self.assertTrue(all(-0.5 <= v < 0.5 for v in small))
        self.assertGreater(len(set(small)), 10)
        mean = sum(big) / len(big)
        variance = sum(v * v for v in big) / len(big)
        self.assertLess(abs(mean), 0.005)
        self.assertAlmostEqual(variance ** 0.5, 0.125, delta=0.004)
        self.assertNotEqual(values[1], values[2])

    def test_round_trip(self):
        values = [(i - 5000) / 4096 for i in range(toy.ELEMENTS)]
        toy.write_adapter(self.path('init'), values)
        path, _ = self.tokens()
        self.train('accum', '--tokens', path, '--steps', '1', '--init',
                   self.path('init'))
        # Byte for byte: the order of tensors, the header, the padding.
        self.assertEqual(self.adapter('out'), self.adapter('init'))
        self.assertEqual(
            self.read('out/README.md').decode(),
            '# A toy adapter\n\n## Run\n\n- steps: 1 of 1, completed\n'
            '- seed: 42\n- started from: the adapter '
            f'"{self.path("init")}"\n')
        self.assertEqual(json.loads(self.read('out/adapter_config.json')),
                         {'peft_type': 'LORA'})
        self.assertEqual(sorted(os.listdir(self.path('out'))),
                         ['README.md', 'adapter_config.json',
                          'adapter_model.safetensors'])

    def test_header_as_peft_writes_it(self):
        """The header of a file that safetensors itself wrote, rebuilt."""
        path = os.path.join(DATA, 'oracle', 'llama-tiny.all', 'init',
                            'adapter_model.safetensors')
        if not os.path.exists(path):
            self.skipTest('the oracle is not here: set NEAP_TEST_DATA')
        tensors, text = toy.read_safetensors(path)
        toy.write_safetensors(self.path('again'), tensors, {'format': 'pt'})
        self.assertEqual(toy.read_safetensors(self.path('again'))[1], text)

    def test_half_types(self):
        values = [((i * 11) % 256 - 128) / 64 for i in range(toy.ELEMENTS)]
        toy.write_adapter(self.path('f32'), values)
        toy.write_adapter(self.path('f16'), values, 'F16', lambda part:
                          struct.pack(f'<{len(part)}e', *part))
        toy.write_adapter(self.path('bf16'), values, 'BF16', lambda part:
                          b''.join(struct.pack('<f', v)[2:] for v in part))
        path, _ = self.tokens()
        for kind in ['f16', 'bf16']:
            self.train('accum', '--tokens', path, '--steps', '1', '--init',
                       self.path(kind))
            self.assertEqual(self.adapter('out'), self.adapter('f32'))

    def broken(self, change, *parts):
        values = [0.0] * toy.ELEMENTS
        toy.write_adapter(self.path('init'), values)
        file = self.path('init/adapter_model.safetensors')
        tensors, _ = toy.read_safetensors(file)
        change(tensors)
        toy.write_safetensors(file, tensors, {'format': 'pt'})
        path, _ = self.tokens()
        result = run('plain', 'train', '--tokens', path, '--out',
                     self.path('out'), '--init', self.path('init'))
        self.refuse(result, 9, 'init/adapter_model.safetensors', *parts)
        self.assertFalse(os.path.exists(self.path('out')))

    def test_mismatches(self):
        big, a, b = (key for key, _, _ in toy.KEYS)
        self.broken(lambda t: t.pop(b), b, 'missing')
        self.broken(lambda t: t.update(extra=('F32', [1], b'1234')), 'extra')
        self.broken(lambda t: t.update({a: ('F32', [3, 4], bytes(48))}), a,
                    '[4, 3]', '[3, 4]')
        self.broken(lambda t: t.update({a: ('F32', [12], bytes(48))}), a,
                    'rank 2')
        self.broken(lambda t: t.update({a: ('I32', [4, 3], bytes(48))}), a,
                    'I32')
        self.broken(lambda t: t.update({b: ('F32', [5, 4], bytes(76)
                                            + b'\0\0\xc0\x7f')}),
                    b + "'[4][3]", 'finite')

    def test_missing_folder(self):
        path, _ = self.tokens()
        result = run('plain', 'eval', '--tokens', path, '--adapter',
                     self.path('nowhere'))
        self.refuse(result, 9, 'nowhere/adapter_model.safetensors')


class Evaluation(Case):
    def test_base_and_adapter(self):
        path, ids = self.tokens()
        labels = [list(row) for row in ids]
        labels[3] = [-100] * 12
        toy.write_tokens(path, ids, labels)
        pairs = sum((toy.targets_of(i, l) for i, l in zip(ids, labels)), [])
        values = [((i * 37) % 101 - 50) / 1000 for i in range(toy.ELEMENTS)]
        toy.write_adapter(self.path('some'), values)
        for arguments, adapter in [([], [0.0] * toy.ELEMENTS),
                                   (['--adapter', self.path('some')], values)]:
            result = run('plain', 'eval', '--tokens', path, '--log',
                         self.path('log.jsonl'), *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            loss, _ = toy.loss_and_gradient(adapter, pairs)
            event = self.events()[1]
            self.assertEqual(event['event'], 'eval')
            self.close([event['loss']], [loss / len(pairs)], 1e-6)
            self.assertEqual((event['rows'], event['targets']), (8, 77))
            self.assertIn(f'loss {event["loss"]:.6f} '.encode(), result.stdout)
        self.assertEqual(self.events()[-1]['reason'], 'completed')

    def test_nothing_to_evaluate(self):
        path, ids = self.tokens()
        toy.write_tokens(path, ids, [[-100] * 12] * 8)
        result = run('plain', 'eval', '--tokens', path)
        self.refuse(result, 3, path, 'target')

    def test_info(self):
        text = run('plain', 'info').stdout.decode()
        self.assertIn('threads, at most: 4\n', text)
        facts = json.loads(run('plain', 'info', '--json').stdout)
        self.assertEqual(facts['job'], 'toy "job"')
        self.assertEqual(facts['max_tokens'], 16)
        self.assertEqual(facts['learning_rate'], 0.01)
        self.assertEqual(facts['weights'], 'mapped')
        self.assertEqual(facts['lora'], 'r=4 targets=up,big')

    def info(self, name):
        lines = run(name, 'info').stdout.decode().splitlines()
        return (dict(line.split(': ', 1) for line in lines),
                json.loads(run(name, 'info', '--json').stdout))

    def test_info_says_what_decides(self):
        text, facts = self.info('plain')
        self.assertEqual((text['length'], facts['max_steps']), ('4 steps', 4))
        self.assertNotIn('num_train_epochs', facts)
        self.assertEqual((text['token that ends a row'], facts['eos_token']),
                         ('none', None))
        self.assertEqual((text['warm-up'], facts['warmup_steps']), ('none', 0))
        self.assertEqual((text['accumulation'], text['batch']),
                         ('1 batch', '2 rows'))
        self.assertEqual([facts[key] for key in (
            'adam_beta1', 'adam_beta2', 'adam_epsilon')], [0.9, 0.999, 1e-8])
        self.assertNotIn('momentum', facts)
        text, facts = self.info('epochs')
        self.assertEqual((text['length'], facts['num_train_epochs']),
                         ('1.5 epochs', 1.5))
        self.assertNotIn('max_steps', facts)
        self.assertEqual((text['warm-up'], facts['warmup_ratio']),
                         ('0.3 of all steps', 0.3))
        text, facts = self.info('accum')
        self.assertEqual((text['warm-up'], facts['warmup_steps']),
                         ('2 steps', 2))
        text, facts = self.info('alltext')
        self.assertEqual((text['token that ends a row'], facts['eos_token']),
                         ('256', 256))
        self.assertEqual((text['trained on'], facts['completion_only_loss']),
                         ('all of the row', False))
        self.assertFalse(facts['shuffle_dataset'])
        text, facts = self.info('shuffle')
        self.assertTrue(facts['shuffle_dataset'])
        self.assertEqual(text['order of rows'], 'random in each epoch (--data)')
        self.assertIsNone(facts['completion_only_loss'])

    def test_works_where_it_cannot_train(self):
        self.assertEqual(run('choosy', 'info').returncode, 0)
        self.assertEqual(run('hungry', 'info').returncode, 0)


class Placement(Case):
    def test_weights_beside_the_trainer(self):
        path, _ = self.tokens()
        shutil.copy(program('plain'), self.path('trainer'))
        command = [self.path('trainer'), 'eval', '--tokens', path]
        self.refuse(run(command[0], *command[1:]), 9, self.path('model.weights'))
        shutil.copy(program('model.weights'), self.path('model.weights'))
        self.assertEqual(run(command[0], *command[1:]).returncode, 0)


if __name__ == '__main__':
    unittest.main()
