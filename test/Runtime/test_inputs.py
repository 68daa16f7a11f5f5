"""Token and weights files that are broken: a clear line, no crash."""
import os
import struct
import subprocess
import unittest

import toy
from support import Case, program, run


class Tokens(Case):
    def refused(self, *parts):
        result = run('plain', 'train', '--tokens', self.path('t'), '--out',
                     self.path('out'))
        self.refuse(result, 3, self.path('t'), *parts)
        self.assertFalse(os.path.exists(self.path('out')))

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
            ('{' + ids + ',"labels":{' + good % (24, 40) + '}}',
             'has a hole at byte 24'),
            ('{' + ids + '}', '16 bytes'),
            (' {' + ids + ',' + labels + '}', "'{'"),
            ('{' + ids + ',' + labels + '} x', 'after'),
            ('{' + ids + ',' + labels, 'header byte'),
            ('{' + ids + ',"labels":{' + good % (16, 31) + '}}', 'shape'),
            ('{' + ids + ',"labels":{' + good % (32, 16) + '}}',
             'data_offsets run backwards'),
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
        self.wait_for_steps(2)
        os.truncate(path, 0)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 7, errors)
        self.assertEqual(errors, b'error: the weights file cannot be read any '
                         b'more\n')
        self.assertEqual(os.listdir(self.path('out')), [])


if __name__ == '__main__':
    unittest.main()
