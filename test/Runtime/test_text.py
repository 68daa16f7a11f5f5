"""--data: JSONL rows to tokens, strictly and in bounded memory."""
import json
import os
import unittest

import toy
from support import Case, run

EOS = 256


class Text(Case):
    def losses(self, rows, name='text', *arguments, window=2):
        """Losses of the first epoch over raw JSONL text or objects."""
        lines = rows if isinstance(rows, (str, bytes)) else ''.join(
            json.dumps(row) + '\n' for row in rows)
        path = self.write('data.jsonl', lines)
        self.zero()
        self.train(name, '--data', path, '--init', self.path('zero'),
                   *arguments)
        return [s['loss'] for s in self.steps()]

    def zero(self):
        toy.write_adapter(self.path('zero'), [0.0] * toy.ELEMENTS)

    def first_loss(self, ids, labels=None):
        pairs = toy.targets_of(ids, labels or ids)
        loss, _ = toy.loss_and_gradient([0.0] * toy.ELEMENTS, pairs)
        return loss / len(pairs)

    def one_row(self, line, ids, labels=None, name='text'):
        """A file of one row trains on exactly these tokens."""
        found = self.losses(line, name, '--steps', '1')[0]
        self.close([found], [self.first_loss(ids, labels)], 1e-6)
        kept = len(ids) if not labels else max(
            i for i, label in enumerate(labels) if label != -100) + 1
        self.assertEqual(self.steps()[0]['tokens'], kept)

    def test_text(self):
        self.one_row('{"text": "abcde"}\n', [*b'abcde', EOS])
        self.one_row('{"text":"abcde"}', [*b'abcde', EOS])
        self.one_row(' {"id": [1, {"a": null}], "text" : "hi there" }\r\n',
                     [*b'hi there', EOS])

    def test_escapes(self):
        self.one_row(r'{"text":"\"\\\/\b\f\n\r\t"}', [*b'"\\/\b\f\n\r\t', EOS])
        self.one_row(r'{"text":"\u0041\u00e9\u20AC\ud83d\ude00"}',
                     [*'Aé€😀'.encode(), EOS])
        self.one_row('{"text":"é€😀"}', [*'é€😀'.encode(), EOS])
        self.one_row(r'{"te\u0078t":"a\u0000b"}', [97, 0, 98, EOS])

    def test_prompt_and_completion(self):
        ids = [*b'ab', *b'cde', EOS]
        labels = [-100, -100, *b'cde', EOS]
        self.one_row('{"prompt":"ab","completion":"cde"}', ids, labels)
        self.one_row('{"completion":"cde","x":1,"prompt":"ab"}', ids, labels)
        self.one_row('{"prompt":"ab","completion":"cde"}', ids,
                     name='alltext')
        # Without an end of sequence token the last byte is the last target.
        self.one_row('{"prompt":"ab","completion":"cde"}', ids[:-1],
                     labels[:-1], name='shuffle')

    def test_long_rows_are_cut(self):
        long = 'abcdefghijklmnopqrstuvwxyz' * 3000  # longer than a buffer
        self.one_row(json.dumps({'text': long}), [*long[:16].encode()])
        self.one_row(json.dumps({'prompt': 'p' * 10, 'completion': long}),
                     [*b'p' * 10, *long[:6].encode()],
                     [-100] * 10 + [*long[:6].encode()])

    def test_cut_rows_are_counted(self):
        def cut_rows(rows):
            path = self.write('data.jsonl', ''.join(
                json.dumps(row) + '\n' for row in rows))
            done = self.train('text', '--data', path, '--steps', '1')
            found = self.events()[0]['cut_rows']
            lines = [line for line in done.stderr.decode().splitlines()
                     if ' cut to ' in line]
            are = 'is' if found == 1 else 'are'
            self.assertEqual(lines, [
                f'note: {found} of {len(rows)} rows {are} cut to 16 tokens']
                if found else [])
            return found
        fits, full, long = ({'text': 'a' * n} for n in (15, 16, 17))
        # The token that ends a row counts, too.
        self.assertEqual(cut_rows([fits, fits]), 0)
        self.assertEqual(cut_rows([fits, full]), 1)
        pair = {'prompt': 'p' * 8, 'completion': 'c' * 7}
        self.assertEqual(cut_rows([pair, long, full]), 2)
        self.assertEqual(cut_rows([{**pair, 'completion': 'c' * 8}, long,
                                   {**pair, 'prompt': 'p' * 20}]), 3)

    def test_a_byte_order_mark_is_skipped(self):
        mark = b'\xef\xbb\xbf'
        self.one_row(mark + b'{"text":"abcde"}\n', [*b'abcde', EOS])
        path = self.write('data.jsonl', mark + b'{"text": 5}\n')
        self.refuse(run('text', 'eval', '--data', path), 3, 'row 1, column 10:')
        # Only there: later ones are content that is no JSON.
        path = self.write('data.jsonl', b'{"text":"a"}\n' + mark +
                          b'{"text":"b"}\n')
        self.refuse(run('text', 'eval', '--data', path), 3, 'row 2, column 1:')
        path = self.write('data.jsonl', mark)
        self.refuse(run('text', 'eval', '--data', path), 3, 'no rows')
        path = self.write('data.jsonl', mark[:2])
        self.refuse(run('text', 'eval', '--data', path), 3, 'row 1, column 1:')

    def test_rows_of_all_kinds(self):
        rows = [{'text': f'row {i}'} for i in range(7)]
        rows[3] = {'prompt': 'x', 'completion': 'y'}
        losses = self.losses(rows)
        pairs = [toy.targets_of(ids, labels) for ids, labels in
                 [([*row['text'].encode(), EOS],) * 2 if 'text' in row else
                  ([*b'xy', EOS], [-100, *b'y', EOS]) for row in rows]]
        windows = [sum(pairs[i:i + 2], []) for i in range(0, 7, 2)]
        expected, _, _, _ = toy.train([0.0] * toy.ELEMENTS, windows,
                                      [0.01] * 4)
        self.close(losses, expected, 2e-6)

    def test_blank_lines_are_no_rows(self):
        self.losses('\n{"text":"ab"}\n  \n\n{"text":"cd"}\n\n', 'text',
                    '--steps', '1')
        self.assertEqual(self.events()[0]['rows'], 2)

    def bad(self, line, column, *parts):
        path = self.write('data.jsonl', b'{"text":"fine"}\n\n' + (
            line if isinstance(line, bytes) else line.encode())
            + b'\n{"text":"fine"}\n')
        result = run('text', 'train', '--data', path, '--out',
                     self.path('bad'))
        self.refuse(result, 3, path, f'row 3, column {column}:', *parts)
        self.assertFalse(os.path.exists(self.path('bad')))
        self.train('text', '--data', path, '--skip-bad-rows', '--steps', '1')
        self.assertEqual(self.events()[0]['rows'], 2)

    def test_malformed_rows(self):
        self.bad('{"text": 5}', 10, 'string')
        self.bad('{"text": "a" "b": 1}', 14)
        self.bad('{"text": "a",}', 14)
        self.bad('{"text": "a"} x', 15, 'after the row')
        self.bad('["text"]', 1, 'object')
        self.bad('{"text": "abc', 14, 'without end')
        self.bad('{"text": "a\tb"}', 12, 'control')
        self.bad(r'{"text": "a\x"}', 13, 'escape')
        self.bad(r'{"text": "\ud83d!"}', 13, 'surrogate')
        self.bad(r'{"text": "\ude00"}', 13, 'surrogate')
        self.bad(r'{"text": "\u12g4"}', 15, 'hex')
        self.bad('{"text": "a", "n": 01}', 21)
        self.bad('{"text": "a", "n": 1.}', 22, 'number')
        self.bad('{"text": "a", "n": nul}', 23)
        self.bad('{"text": "a", "text": "b"}', 22, 'twice')
        self.bad('{"other": "a"}', 15, "'text'")
        self.bad('{"prompt": "a"}', 16, 'together')
        self.bad('{"prompt": [{"role": "user"}], "completion": "x"}', 12,
                 'messages')
        self.bad('{"messages": []}', 13, "'messages'")
        self.bad('{"a": ' + '[' * 70 + ']' * 70 + '}', 71, 'deeply')

    def test_invalid_utf8(self):
        for raw in [b'\xff', b'\xc0\xaf', b'\xed\xa0\x80', b'\xe2\x82',
                    b'\xf5\x80\x80\x80', b'\x80', b'\xf0\x80\x80\x80']:
            lead = {b'\xff', b'\xc0\xaf', b'\xf5\x80\x80\x80', b'\x80'}
            column = 10 if raw in lead else 12 if raw == b'\xe2\x82' else 11
            self.bad(b'{"text":"' + raw + b'"}', column, 'UTF-8')

    def test_keys_with_a_zero_byte_are_other_keys(self):
        self.bad(r'{"text\u0000": "a"}', 20, "'text'")
        self.one_row(r'{"text\u0000":1,"text":"abcde"}', [*b'abcde', EOS])

    def cut(self, rows, warned):
        """Trains on the rows; `warned` rows have all targets cut off."""
        lines = ''.join(json.dumps(row) + '\n' for row in rows)
        path = self.write('data.jsonl', lines)
        result = self.train('text', '--data', path)
        self.assertEqual(self.events()[0]['rows'], len(rows))
        self.assertEqual(self.events()[0]['untrained_rows'], warned)
        have, contribute = (('has', 'contributes') if warned == 1 else
                            ('have', 'contribute'))
        expected = (f'warning: {path}: {warned} of {len(rows)} rows {have} no '
                    f'trained token within max_length 16 and {contribute} '
                    'nothing\n')
        text = result.stderr.decode()
        self.assertEqual(text.count('max_length'), warned > 0, text)
        if warned:
            self.assertTrue(text.startswith(expected), text)
            evaluated = run('text', 'eval', '--data', path)
            self.assertIn(expected.encode(), evaluated.stderr)
        return text

    def test_rows_that_lose_all_targets_are_counted(self):
        def pair(prompt):
            return {'prompt': 'p' * prompt, 'completion': 'done'}
        good = {'text': 'abc'}
        self.cut([good, pair(15)], 0)  # one byte of the completion is left
        self.cut([good, pair(16)], 1)
        self.cut([pair(16), good, pair(99), pair(3)], 2)
        # Rows without content have a note of their own.
        text = self.cut([good, {'text': ''}, pair(16)], 1)
        self.assertIn('1 row has no content and contributes nothing', text)

    def test_all_rows_lose_all_targets(self):
        path = self.write('data.jsonl', json.dumps(
            {'prompt': 'p' * 16, 'completion': 'c'}) + '\n{"text": ""}\n')
        result = run('text', 'train', '--data', path, '--out', self.path('out'))
        self.refuse(result, 3, path, 'no row has a target within max_length 16')

    def test_skipped_rows_are_counted(self):
        path = self.write('data.jsonl', '{"text":"ab"}\nbad\n{"text":""}\n'
                          '{}\n{"text":"cd"}\n')
        result = self.train('text', '--data', path, '--skip-bad-rows')
        self.assertIn(b'skipped 2 malformed rows', result.stderr)
        self.assertIn(b'1 row has no content and contributes nothing', result.stderr)
        self.assertEqual(self.events()[0]['rows'], 3)

    def test_vocabulary(self):
        path = self.write('data.jsonl', '{"text":"abcdefg"}\n')
        result = run('plain', 'train', '--data', path, '--out',
                     self.path('out'))
        self.refuse(result, 2, '--data', 'tokenizer')

    def test_no_rows(self):
        path = self.write('data.jsonl', '\n \n')
        self.refuse(run('text', 'eval', '--data', path), 3, path, 'no rows')
        path = self.write('data.jsonl', 'bad\n{}\n')
        self.refuse(run('text', 'eval', '--data', path, '--skip-bad-rows'), 3,
                    path, 'no rows besides 2 malformed ones')

    def test_more_rows_than_the_index_holds(self):
        rows = [f'row {i:05}' for i in range(9001)]
        lines = ''.join(json.dumps({'text': row}) + '\n' for row in rows)
        lines = 'bad\n' + lines.replace('\n', '\nbad\n', 50)
        path = self.write('data.jsonl', lines)
        self.zero()
        self.train('text', '--data', path, '--skip-bad-rows', '--steps', 4501)
        # The toy's loss tells rows apart; the last windows must be the last
        # rows, after the index was thinned out twice.
        self.assertEqual(self.events()[0]['rows'], 9001)
        self.assertEqual(self.steps()[-1]['epoch'], 1.0)
        self.assertEqual(self.steps()[-1]['tokens'], 10)
        self.assertEqual(self.steps()[-2]['tokens'], 20)

    def test_index_finds_the_right_rows(self):
        # Lengths identify rows: windows of two rows, in order, then shuffled.
        lengths = [2 + i * 7 % 13 for i in range(8200)]
        path = self.write('data.jsonl', ''.join(
            json.dumps({'text': 'a' * n}) + '\n' for n in lengths))
        self.train('alltext', '--data', path, '--steps', 4100)
        self.assertEqual([s['tokens'] for s in self.steps()],
                         [lengths[i] + lengths[i + 1] + 2
                          for i in range(0, 8200, 2)])
        self.train('shuffle', '--data', path, '--steps', 4100)
        tokens = [s['tokens'] for s in self.steps()]
        self.assertEqual(sum(tokens), sum(lengths))
        order = [int(text) for text in run(
            'probe', 'permute', 42, 0, 8200).stdout.split()]
        self.assertEqual(tokens, [lengths[order[i]] + lengths[order[i + 1]]
                                  for i in range(0, 8200, 2)])

    def test_shuffle_differs_by_epoch_and_seed(self):
        lengths = [2 + i for i in range(14)]
        path = self.write('data.jsonl', ''.join(
            json.dumps({'text': 'a' * n}) + '\n' for n in lengths))
        orders = []
        for seed in [1, 1, 2]:
            self.train('shuffle', '--data', path, '--steps', 14, '--seed',
                       seed)
            orders.append([s['tokens'] for s in self.steps()])
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])
        self.assertNotEqual(orders[0][:7], orders[0][7:])
        self.assertEqual(sum(orders[0][:7]), sum(orders[0][7:]))


if __name__ == '__main__':
    unittest.main()
