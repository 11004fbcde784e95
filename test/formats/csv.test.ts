import test from 'ava';
import { parseCsv } from '../../lib/formats/index.js';
import fc from '../support/edges_fc.js';

const rows = (text: string, delimiter = ','): (readonly string[])[] =>
  [...parseCsv(text, 'f.csv', { delimiter })].map(({ fields }) => fields);

test('fields and lines, with every line ending, with and without one at the end', (t) => {
  const expected = [
    ['a', 'b'],
    ['1', ''],
  ];
  for (const end of ['\n', '\r\n', '\r']) {
    t.deepEqual(rows(`a,b${end}1,`), expected);
    t.deepEqual(rows(`a,b${end}1,${end}`), expected);
    t.deepEqual(rows(`\ufeffa,b${end}${end}1,${end}${end}`), expected, 'a byte order mark, empty lines');
  }
  t.deepEqual(rows(''), []);
  t.deepEqual(rows('a;b,c', ';'), [['a', 'b,c']]);
});

test('quotes hold delimiters, line breaks and quotes', (t) => {
  t.deepEqual(rows('"a,b","c""d","e\r\nf"\n"",x'), [
    ['a,b', 'c"d', 'e\r\nf'],
    ['', 'x'],
  ]);
  t.deepEqual(rows('a"b,c'), [['a"b', 'c']], 'a quote within a plain field is one');
});

test('what is written comes back', (t) => {
  const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é') });
  const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(table, (cells) => {
      const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
      t.deepEqual(rows(cells.map((row) => row.map(quoted).join(',')).join('\r\n')), cells);
    }),
  );
});

test('lines are counted as an editor does', (t) => {
  const lines = [...parseCsv('a,b\n\n"x\ny",2\n3,4\n', 'f.csv')].map(({ line }) => line);
  t.deepEqual(lines, [1, 3, 5]);
});

test('a quote that is never closed, and text behind one, are refused with their line', (t) => {
  t.throws(() => rows('a,b\n1,"2\n3'), {
    code: 'ERR_DATASET_CORRUPT',
    message: /^f\.csv:2: a quote is opened and never/,
  });
  t.throws(() => rows('a,b\n"1"2,3'), {
    code: 'ERR_DATASET_CORRUPT',
    message: /^f\.csv:2: text follows a closed quote/,
  });
});
