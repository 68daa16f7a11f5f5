"""adapter_config.json beside the tensors of --init and --adapter."""
import json
import os
import unittest

import toy
from support import Case, run

# The trainer `scaled` as toy.cpp has it, spelt by somebody else.
OWN = {'peft_type': 'LORA', 'r': 4.0, 'lora_alpha': 16, 'use_rslora': True,
       'rank_pattern': {'m.big': 64},
       'alpha_pattern': {'^m\\.big$': 0.1, 'm.up': 12.0}}
ABSENT = object()


class Config(Case):
    def setUp(self):
        super().setUp()
        toy.write_adapter(self.path('init'), [0.0] * toy.ELEMENTS)
        self.data, _ = self.tokens()
        self.file = 'init/adapter_config.json'

    def attempt(self, text, name='scaled'):
        if text is not None:
            self.write(self.file, text)
        return run(name, 'eval', '--tokens', self.data, '--adapter',
                   self.path('init'))

    def changed(self, **fields):
        whole = {**OWN, **fields}
        return json.dumps({name: value for name, value in whole.items()
                           if value is not ABSENT})

    def accept(self, text, name='scaled'):
        result = self.attempt(text, name)
        self.assertEqual((result.returncode, result.stderr), (0, b''), text)

    def refused(self, text, *parts, name='scaled'):
        self.refuse(self.attempt(text, name), 9, self.path(self.file), *parts)

    def differs(self, name, value, *parts, trainer='scaled'):
        self.refused(self.changed(**{name: value}), f"'{name}'", *parts,
                     name=trainer)

    def test_without_a_file_the_tensors_decide(self):
        self.accept(None)

    def test_equal_meaning(self):
        self.accept(json.dumps(OWN))
        self.accept(json.dumps(OWN, indent=2, sort_keys=True))
        for number in ['4', '4.0', '4.000', '0.4e1', '40E-1', '4e0', '4e+0',
                       '400000000000000000000000000000000000000000e-41']:
            self.accept(json.dumps(OWN).replace('"r": 4.0', f'"r": {number}'))
        for number in ['0.1', '1e-1', '0.0100e1', '10.0e-2']:
            self.accept(json.dumps(OWN).replace('0.1', number))
        self.accept(json.dumps(OWN).replace('m.up', 'm\\u002eu\\u0070'))

    def test_fields_of_no_consequence(self):
        self.accept(self.changed(
            base_model_name_or_path='other', revision='x', task_type=None,
            lora_dropout=0.5, inference_mode=False, auto_mapping={'a': 1},
            target_modules=['m.up', 'm.big'], exclude_modules='head',
            layers_to_transform=[0, 1], layers_pattern='h', peft_version='9',
            fan_in_fan_out=True, megatron_core='megatron.core',
            qalora_group_size=16, loftq_config={'bits': 4},
            runtime_config={'ephemeral_gpu_offload': False}))
        self.accept(self.changed(
            modules_to_save=[], use_dora=False, lora_bias=False, bias=None,
            layer_replication=None, unheard_of='', more={}, another=[]))
        for start in [True, False, None, 'gaussian', 'eva', 'orthogonal']:
            self.accept(self.changed(init_lora_weights=start))

    def test_other_scaling(self):
        tail = 'as the trainer was compiled'
        self.differs('r', 8, 'expected 4', tail, 'found 8')
        self.differs('r', ABSENT, 'expected 4', 'found 8 (the default)')
        self.differs('r', None, 'found 8 (the default)')
        self.differs('r', '4', 'found "4"')
        self.differs('r', -4, 'found -4')
        self.differs('r', 40, 'found 40')
        self.differs('r', 0.4, 'found 0.4')
        self.differs('r', True, 'found true')
        self.differs('r', [4], 'found [4]')
        self.differs('lora_alpha', 32, 'expected 16', tail, 'found 32')
        self.differs('lora_alpha', 16.5, 'found 16.5')
        self.differs('lora_alpha', 1.6, 'found 1.6')
        self.differs('lora_alpha', 0, 'found 0')
        self.differs('use_rslora', False, 'expected true', 'found false')
        self.differs('use_rslora', ABSENT, 'found false (the default)')
        self.refused(self.changed().replace(
            '16', '16.0000000000000000000000000000000000000001'),
            "'lora_alpha'")

    def test_other_patterns(self):
        self.differs('rank_pattern', {}, 'expected {"m.big": 64}', 'found {}')
        self.differs('rank_pattern', ABSENT, 'found {} (the default)')
        self.differs('rank_pattern', {'m.big': 32}, 'found {"m.big": 32}')
        self.differs('rank_pattern', {'m.bi': 64})
        self.differs('rank_pattern', {'m.bi': 64, 'm.big': 64})
        self.differs('rank_pattern', {'m.big': 64, 'm.up': 4})
        self.differs('rank_pattern', {'m.big': [64]})
        self.differs('rank_pattern', {'m.big': {'m.big': 64}})
        self.differs('rank_pattern', [64], 'found [64]')
        self.differs('rank_pattern', {'m.big\0': 64})
        self.differs('alpha_pattern', {'m.up': 12})
        self.differs('alpha_pattern', {'m.up': 12, '^m\\.big$': 0.2})
        # Twice the same entry does not stand for the missing one.
        self.refused(self.changed().replace('"^m\\\\.big$": 0.1', '"m.up": 12'),
                     "'alpha_pattern'")
        self.differs('rank_pattern', {f'a very long key {i}': 1
                                      for i in range(99)}, 'found {"a very',
                     '...')
        self.differs('rank_pattern', {'m' * 5000: 64})

    def test_defaults_of_the_trainer(self):
        """The image of `plain` names nothing but the method."""
        defaults = {'peft_type': 'LORA', 'r': 8, 'lora_alpha': 8.0,
                    'use_rslora': False, 'rank_pattern': {},
                    'alpha_pattern': None, 'bias': 'none'}
        self.accept(json.dumps(defaults), 'plain')
        self.accept('{}', 'plain')
        self.accept(' {"r" :null}\r\n\t', 'plain')
        for name, value in [('r', 4), ('lora_alpha', 16), ('use_rslora', True),
                            ('rank_pattern', {'a': 8}),
                            ('alpha_pattern', {'a': 8})]:
            self.refused(json.dumps({**defaults, name: value}), f"'{name}'",
                         name='plain')

    def test_other_methods(self):
        self.differs('peft_type', 'LOHA', 'expected "LORA"', 'found "LOHA"')
        self.differs('bias', 'all', 'expected "none"', 'found "all"')
        self.differs('bias', 'lora_only')
        for name, value in [('use_dora', True), ('use_qalora', True),
                            ('lora_bias', True), ('modules_to_save', ['head']),
                            ('layer_replication', [[0, 4]]),
                            ('target_parameters', ['w']),
                            ('trainable_token_indices', [1]),
                            ('unheard_of', 'text'), ('number', 0)]:
            self.differs(name, value, 'not to be set',
                         f'found {json.dumps(value)}', 'does not support')
        for start in ['pissa', 'pissa_niter_16', 'olora', 'corda', 'loftq',
                      'lora_ga', 'mica', 3]:
            self.differs('init_lora_weights', start, 'base weights',
                         f'found {json.dumps(start)}')

    def test_malformed(self):
        for text, place in [('', 'line 1, column 1:'),
                            ('[]', 'line 1, column 1:'),
                            ('{"r": 4', 'line 1, column 8:'),
                            ('{\n  "r": 4,\n  "x" 1}', 'line 3, column 7:'),
                            ('{"r": 4}\n x', 'line 2, column 2: unexpected'),
                            ('{"r": 4, "r": 4}', 'column 15: the field'),
                            ('{"r": NaN}', 'line 1, column 7:'),
                            ('{"r": 04}', 'line 1, column 8:'),
                            ('{"a": "\xff"}'.encode('latin-1'),
                             'column 8: invalid UTF-8'),
                            ('\ufeff{}', 'line 1, column 1:'),
                            ('{"x": ' + '[' * 100000, 'nested too deeply'),
                            ('{"r": ' + '{"r":' * 100000, 'deeply'),
                            ('{"r": ' + '[' * 60 + ']' * 60 + '}', "'r'")]:
            self.refused(text, place)
        whole = self.changed()
        for size in range(0, len(whole), 7):
            self.refused(whole[:size], 'line 1')

    def test_huge(self):
        self.accept(self.changed(target_modules=['m' * 100] * 100000))
        self.refused(self.changed(r=int('9' * 4000)), "'r'", 'found 999', '...')
        self.refused(self.changed(**{'x' * 100000: 1}), "x': expected it not")
        self.write(self.file, '{}')
        os.truncate(self.path(self.file), (16 << 20) + 1)
        self.refused(None, 'at most 16777216', 'found 16777217')
        os.truncate(self.path(self.file), 16 << 20)
        self.refused(None, 'line 1, column 3')

    def test_a_name_with_control_characters_stays_on_its_line(self):
        self.refused(self.changed(**{'a\n\x1b[31mb': 1}), "'a??[31mb'")
        self.refused(self.changed(r={'\x1b': '\u20ac'}), "'r'")

    def test_unreadable(self):
        os.mkdir(self.path(self.file))
        self.refused(None, 'regular file')
        os.rmdir(self.path(self.file))
        os.mkfifo(self.path(self.file))
        self.refused(None, 'regular file')
        os.remove(self.path(self.file))
        os.symlink(self.path('nowhere'), self.path(self.file))
        self.refused(None, 'opened')

    def test_a_path_that_is_too_long(self):
        long = self.path('init') + '/.' * 2040
        result = run('scaled', 'eval', '--tokens', self.data, '--adapter', long)
        self.refuse(result, 9, 'too long')

    def test_train_refuses_it_too_and_leaves_nothing(self):
        self.write(self.file, self.changed(lora_alpha=32))
        result = run('scaled', 'train', '--tokens', self.data, '--init',
                     self.path('init'), '--out', self.path('out'))
        self.refuse(result, 9, self.path(self.file), "'lora_alpha'")
        self.assertFalse(os.path.exists(self.path('out')))

    def test_own_adapters_come_back(self):
        for name, other in [('scaled', 'plain'), ('plain', 'scaled')]:
            self.train(name, '--tokens', self.data)
            self.train(name, '--tokens', self.data, '--init', self.path('out'),
                       out='next')
            result = run(other, 'eval', '--tokens', self.data, '--adapter',
                         self.path('out'))
            self.refuse(result, 9, 'out/adapter_config.json', "'r'")


if __name__ == '__main__':
    unittest.main()
