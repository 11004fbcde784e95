import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { datasets } from '../../lib/index.js';
import { shades, writeTree } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';

type Options = Parameters<typeof datasets.manifest>[1];
const small = { size: 2, channels: 1 } as const;

async function write(t: ExecutionContext, text: string, name = 'list.csv'): Promise<string> {
  const dir = scratch(t);
  await writeTree(dir, { ...shades(4, 'images/'), [name]: text });
  return join(dir, name);
}

async function load(t: ExecutionContext, text: string, name = 'list.csv', options: Partial<Options> = {}) {
  const loaded = await datasets.manifest(await write(t, text, name), { ...small, ...options });
  const rows = Array.from({ length: loaded.train.size }, (_, i) => [loaded.train.input(i)[0], loaded.train.labelOf(i)]);
  return { ...loaded, rows };
}

const [dark, light, dark2] = ['images/dark/0.png', 'images/light/1.png', 'images/dark/2.png'] as const;

test('the same rows from CSV, TSV, JSON and JSON lines, in their order', async (t) => {
  const entries = [
    { path: light, label: 'day' },
    { path: dark, label: 'night' },
  ];
  const csv = `path,label\n${light},day\n${dark},night\n`;
  const texts: readonly [string, string][] = [
    ['list.csv', csv],
    ['list.csv', `\ufeff${csv.replaceAll('\n', '\r\n')}`],
    ['list.tsv', csv.replaceAll(',', '\t')],
    ['list.json', JSON.stringify(entries)],
    ['list.jsonl', `\ufeff${entries.map((entry) => JSON.stringify(entry)).join('\r\n')}\n\n`],
    ['list.ndjson', entries.map((entry) => JSON.stringify(entry)).join('\n')],
  ];
  for (const [name, text] of texts) {
    const { rows, classNames } = await load(t, text, name);
    t.deepEqual(classNames, ['day', 'night'], name);
    t.deepEqual(
      rows,
      [
        [201, 0],
        [10, 1],
      ],
      name,
    );
  }
});

test('columns by other names and in any place, other delimiters, and more columns than are needed', async (t) => {
  const text = `id;species;file\n1;day;${light}\n2;"night";${dark}\n`;
  const { rows } = await load(t, text, 'list.csv', { pathColumn: 'file', labelColumn: 'species', delimiter: ';' });
  t.deepEqual(rows, [
    [201, 0],
    [10, 1],
  ]);
});

test('paths begin at the folder of the manifest, or at root; whole paths stay', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  const text = `path,label\ndark/0.png,a\n${join(dir, 'light/1.png')},b\n`;
  t.deepEqual((await load(t, text, 'list.csv', { root: dir })).rows, [
    [10, 0],
    [201, 1],
  ]);
});

test('labels that are numbers are classes in their order as numbers', async (t) => {
  const { classNames, rows } = await load(t, `path,label\n${light},10\n${dark},9\n`);
  t.deepEqual(
    [classNames, rows],
    [
      ['9', '10'],
      [
        [201, 1],
        [10, 0],
      ],
    ],
  );
  const json = JSON.stringify([
    { path: light, label: 10 },
    { path: dark, label: 9 },
  ]);
  t.deepEqual((await load(t, json, 'list.json')).classNames, ['9', '10']);
});

test('names that are given fix the classes; labels are then names or numbers', async (t) => {
  const classNames = ['night', 'dusk', 'day'];
  const { rows } = await load(t, `path,label\n${light},day\n${dark},night\n`, 'list.csv', { classNames });
  t.deepEqual(rows, [
    [201, 2],
    [10, 0],
  ]);
  t.deepEqual((await load(t, `path,label\n${light},2\n${dark},0\n`, 'list.csv', { classNames })).rows, rows);
  await t.throwsAsync(load(t, `path,label\n${light},noon\n`, 'list.csv', { classNames }), {
    code: 'ERR_DATASET_CORRUPT',
    message: /the class "noon" of .*1\.png is none of the 3 classes/,
  });
});

test('a column says which part a row belongs to; rows that say nothing are for training', async (t) => {
  const text = `path,label,split\n${light},a,\n${dark},b,train\n${dark2},a,val\n${dark},b,TEST\n`;
  const { train, validation, test: held } = await load(t, text);
  t.deepEqual([train.size, validation?.size, held?.size], [2, 1, 1]);
  t.deepEqual([validation?.input(0)[0], held?.labelOf(0)], [12, 1]);
});

test('a file that is not there is broken: it stops the call, or is skipped', async (t) => {
  const text = `path,label\n${light},a\n${dark},b\nimages/none.png,a\n`;
  await t.throwsAsync(load(t, text), { code: 'ERR_IMAGE', message: /images\/none\.png: there is no such file/ });
  const { skipped, rows } = await load(t, text, 'list.csv', { onError: 'skip' });
  t.deepEqual([skipped.length, rows.length], [1, 2]);
});

test('a manifest has a cache, which a changed label makes stale', async (t) => {
  const file = await write(t, `path,label\n${light},a\n${dark},b\n`);
  const cache = join(scratch(t), 'cache');
  const run = async () => (await datasets.manifest(file, { ...small, cache })).fromCache;
  t.deepEqual([await run(), await run()], [false, true]);
  await writeTree(join(file, '..'), { 'list.csv': `path,label\n${light},b\n${dark},a\n` });
  t.deepEqual([await run(), await run()], [false, true]);
});

const wrong: readonly [string, string, RegExp][] = [
  ['list.csv', '', /list\.csv: it names no images/],
  ['list.csv', 'path,label\n', /it names no images/],
  ['list.csv', 'path,label,path\nx,y,z\n', /there are two columns named 'path'/],
  ['list.csv', `path,class\n${light},a\n`, /there is no column 'label' among path, class; name others by/],
  ['list.csv', `a,b\n${light},a\n`, /there is no column 'path', 'label' among a, b/],
  [
    'list.csv',
    `path,label\n${light},a\n${dark},\n`,
    /list\.csv:3: the label \(column 'label'\) must be a name .*got none/,
  ],
  ['list.csv', `path,label\n${light}\n`, /list\.csv:2: expected 2 fields, got 1/],
  ['list.csv', `path,label\n${light},a,b\n`, /list\.csv:2: expected 2 fields, got 3/],
  ['list.csv', 'path,label\n,a\n', /list\.csv:2: the path \(column 'path'\) must be that of an image, got none/],
  ['list.csv', `path,label\n"${light},a\n`, /list\.csv:2: a quote is opened and never closed/],
  [
    'list.csv',
    `path,label,split\n${light},a,holdout\n`,
    /list\.csv:2: the part .* must be one of train, validation, test/,
  ],
  ['list.csv', `path,label\n${light},a\n`, /at least two classes to tell apart, got one, "a"/],
  ['list.csv', `path,label,split\n${light},a,test\n`, /at least two classes to tell apart, got none/],
  ['list.json', '{"path":', /list\.json: it is not JSON/],
  ['list.json', '{}', /expected an array of objects, got an object/],
  ['list.json', '[3]', /list\.json, entry 0: expected an object with a path and a label, got 3/],
  ['list.json', `[{"path":"${light}","label":1.5}]`, /entry 0: the label .* got 1\.5/],
  ['list.json', `[{"path":"${light}","label":-1}]`, /entry 0: the label .* got -1/],
  ['list.json', `[{"path":"${light}","label":null}]`, /entry 0: the label/],
  ['list.json', `[{"path":"${light}"}]`, /entry 0: the label .*got none/],
  ['list.json', '[{"path":7,"label":"a"}]', /entry 0: the path .* got 7/],
  ['list.json', '[{"path":"a\\u0000b","label":"a"}]', /entry 0: the path/],
  ['list.jsonl', `{"path":"${light}","label":"a"}\n{`, /list\.jsonl:2: it is not JSON/],
];

test('a manifest that is wrong is refused, with the line', async (t) => {
  for (const [name, text, message] of wrong) {
    await t.throwsAsync(load(t, text, name), { code: 'ERR_DATASET_CORRUPT', message }, text);
  }
  await t.throwsAsync(load(t, `path,label\n${light},a\n`, 'list.csv', { splitColumn: 'part' }), {
    message: /there is no column 'part'/,
  });
});

test('options that are none, and files that are no manifest, are refused', async (t) => {
  const text = `path,label\n${light},a\n${dark},b\n`;
  const refused: readonly [unknown, string, RegExp][] = [
    [{ pathCol: 'x' }, 'ERR_VALUE', /did you mean 'pathColumn'\?/],
    [{ pathColumn: '' }, 'ERR_VALUE', /pathColumn must not be empty/],
    [{ delimiter: '|' }, 'ERR_VALUE', /delimiter must be one of/],
    [{ classNames: 'a' }, 'ERR_TYPE', /classNames must be an array/],
    [{ classNames: ['a', 'a'] }, 'ERR_VALUE', /classNames has 'a' twice/],
    [{ root: 3 }, 'ERR_TYPE', /root must be a string/],
  ];
  for (const [options, code, message] of refused) {
    await t.throwsAsync(load(t, text, 'list.csv', options as Partial<Options>), { code, message });
  }
  await t.throwsAsync(load(t, text, 'list.txt'), {
    code: 'ERR_VALUE',
    message: /ending of a manifest must be one of '\.csv'/,
  });
  await t.throwsAsync(datasets.manifest(join(scratch(t), 'none.csv'), small), {
    code: 'ERR_DATASET_MISSING',
    message: /none\.csv cannot be read/,
  });
});
