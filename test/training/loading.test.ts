import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../../lib/formats/index.js';
import { CugruError, loadModel } from '../../lib/index.js';
import { classifier, refuses, scratch, waves, weightHash } from '../support/training_models.js';

async function savedModel(t: ExecutionContext): Promise<string> {
  const folder = join(await scratch(t), 'model');
  const model = classifier({ units: 3 });
  await model.fit(waves(12));
  await model.save(folder);
  model.dispose();
  return folder;
}

type Config = Record<string, unknown> & { nodes: { config: Record<string, unknown> }[] };

/** With another first layer; the model's input is before it. */
function firstLayer(config: Config, change: Record<string, unknown>): unknown {
  const nodes = config.nodes.map((node, i) => (i === 1 ? { ...node, ...change } : node));
  return { ...config, nodes };
}

async function changeConfig(folder: string, change: (config: Config) => unknown): Promise<void> {
  const path = join(folder, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as Config;
  await writeFile(path, JSON.stringify(change(config) ?? config));
}

async function changeTensors(
  folder: string,
  file: string,
  change: (tensors: NamedTensor[]) => NamedTensor[],
  metadata?: Record<string, string>,
): Promise<void> {
  const path = join(folder, file);
  const read = decodeSafetensors(await readFile(path), path);
  await writeFile(path, encodeSafetensors(change([...read.tensors]), metadata ?? read.metadata));
}

async function isCorrupt(t: ExecutionContext, folder: string, message: RegExp, name: string): Promise<void> {
  await refuses(t, [[name, () => loadModel(folder), 'ERR_CHECKPOINT_CORRUPT', message]]);
}

for (const file of ['config.json', 'model.safetensors', 'optimizer.safetensors'] as const) {
  test(`${file}, truncated anywhere, is corrupt`, async (t) => {
    const folder = await savedModel(t);
    const path = join(folder, file);
    const whole = await readFile(path);
    const end = file === 'config.json' ? whole.length - 2 : whole.length - 1;
    const lengths = new Set([0, 1, 7, 8, 9, 100, whole.length >> 1, end - 1, end]);
    for (let i = 0; i < 40; i++) lengths.add(Math.floor((i * end) / 40));
    for (const length of lengths) {
      await writeFile(path, whole.subarray(0, length));
      await isCorrupt(t, folder, new RegExp(file.replace('.', '\\.')), `${length} of ${whole.length} bytes`);
    }
    await writeFile(path, Buffer.concat([whole, Buffer.from('x')]));
    await isCorrupt(t, folder, /./, 'a byte too many');
    await writeFile(path, whole);
    await t.notThrowsAsync(loadModel(folder));
  });
}

test('folders that are no model', async (t) => {
  const parent = await scratch(t);
  const folder = join(parent, 'model');
  await isCorrupt(t, folder, /model\/config\.json is no cugru model: the file cannot be read/, 'no folder');
  await mkdir(folder);
  await isCorrupt(t, folder, /the file cannot be read/, 'empty folder');
  await mkdir(join(folder, 'config.json'));
  await isCorrupt(t, folder, /the file cannot be read/, 'a folder in place of a file');
  await rm(join(folder, 'config.json'), { recursive: true });
  const texts = [
    '',
    'hello',
    '[]',
    'null',
    '3',
    '"cugru"',
    '{}',
    '{"model_type":"bert"}',
    '{"format":"other","version":1}',
  ];
  for (const text of texts) {
    await writeFile(join(folder, 'config.json'), text);
    await isCorrupt(t, folder, /config\.json is no cugru model: (it is not JSON|"format" is not "cugru")/, text);
  }
  await refuses(t, [
    ['no name', () => loadModel(undefined as never), 'ERR_TYPE', /^folder must be a string, got undefined/],
    ['option', () => loadModel(folder, { devise: 'cpu' } as never), 'ERR_VALUE', /did you mean 'device'/],
  ]);
});

test('a newer version asks for a newer cugru', async (t) => {
  const folder = await savedModel(t);
  for (const version of [4, 1000, 1.5, 'one', null]) {
    await changeConfig(folder, (config) => ({ ...config, version }));
    await refuses(t, [
      [
        `${version}`,
        () => loadModel(folder),
        'ERR_CHECKPOINT_VERSION',
        /this cugru reads up to 3; install a newer cugru/,
      ],
    ]);
  }
});

test('a config that says something else than it should', async (t) => {
  const folder = await savedModel(t);
  const good = await readFile(join(folder, 'config.json'), 'utf8');
  const cases: readonly (readonly [string, (config: Config) => unknown, RegExp])[] = [
    ['no nodes', (c) => ({ ...c, nodes: undefined }), /"nodes", "outputs" or "inputShape" is missing/],
    ['nodes', (c) => ({ ...c, nodes: {} }), /"nodes", "outputs" or "inputShape" is missing/],
    ['outputs', (c) => ({ ...c, outputs: 3 }), /"nodes", "outputs" or "inputShape" is missing/],
    ['no outputs', (c) => ({ ...c, outputs: [] }), /is no output of an earlier node/],
    ['empty nodes', (c) => ({ ...c, nodes: [] }), /\[3,0\] is no output of an earlier node/],
    ['another output', (c) => ({ ...c, outputs: [3, 1] }), /\[3,1\] is no output of an earlier node/],
    ['the input alone', (c) => ({ ...c, outputs: [0, 0] }), /at least one layer/],
    ['a cycle', (c) => firstLayer(c, { inputs: [[3, 0]] }), /\[3,0\] is no output of an earlier node/],
    ['inputs', (c) => firstLayer(c, { inputs: 'input' }), /inputs of 'gru_1' are missing/],
    ['an input', (c) => firstLayer(c, { inputs: [null] }), /null is no output/],
    ['no inputs', (c) => firstLayer(c, { inputs: [] }), /'gru_1' was applied to no tensor/],
    ['a node', (c) => ({ ...c, nodes: [null] }), /a node is no object/],
    ['kind', (c) => firstLayer(c, { kind: 'gruu' }), /unknown layer kind 'gruu'/],
    ['inherited kind', (c) => firstLayer(c, { kind: 'constructor' }), /unknown layer kind 'constructor'/],
    ['units', (c) => firstLayer(c, { config: { units: -1 } }), /units must be/],
    ['layer option', (c) => firstLayer(c, { config: { units: 3, evil: 1 } }), /no option 'evil'/],
    ['name', (c) => firstLayer(c, { name: '../../x' }), /cannot name a layer/],
    ['name 3', (c) => firstLayer(c, { name: 3 }), /name must be a string/],
    ['inputShape', (c) => ({ ...c, inputShape: [6, 2 ** 40] }), /inputShape\[1\] must be/],
    ['other width', (c) => ({ ...c, inputShape: [6, 4] }), /weight_ih_l0 must be \[dim0=9, dim1=4\], got \[9, 3\]/],
    ['seed', (c) => ({ ...c, seed: 'x' }), /seed must be/],
    [
      'optimizer',
      (c) => ({ ...c, compile: { optimizer: { kind: 'lion' }, loss: 'meanSquaredError' } }),
      /optimizer\.kind must be one of/,
    ],
    ['compile', (c) => ({ ...c, compile: { optimizer: 'adam', loss: 'hinge' } }), /loss must be one of/],
    ['decoding', (c) => ({ ...c, decoding: { fit: 'crop' } }), /fit must be one of 'fill', 'cover'/],
    ['decoding option', (c) => ({ ...c, decoding: { gamma: 2 } }), /decoding has no option 'gamma'/],
    [
      'toSequence',
      (c) => ({ ...c, nodes: [{ kind: 'image.toSequence', name: 'toSequence', config: { scheme: 'spiral' } }] }),
      /scheme must be one of/,
    ],
    [
      'more layers',
      (c) => ({
        ...c,
        nodes: [
          ...c.nodes,
          { kind: 'dense', name: 'more', inputs: [[3, 0]], config: { units: 3, activation: 'softmax' } },
        ],
        outputs: [4, 0],
      }),
      /missing: more\.weight, more\.bias/,
    ],
    ['an old version without layers', (c) => ({ ...c, version: 2 }), /"layers" or "inputShape" is missing/],
    ['an old version with a bad layer', (c) => ({ ...c, version: 2, layers: [null] }), /unknown layer kind undefined/],
    [
      'polluted',
      () => JSON.parse('{"format":"cugru","version":1,"layers":[],"inputShape":[1],"__proto__":{"x":1}}'),
      /at least one layer/,
    ],
  ];
  for (const [name, change, message] of cases) {
    await writeFile(join(folder, 'config.json'), good);
    await changeConfig(folder, change);
    await isCorrupt(t, folder, message, name);
  }
  t.is(({} as Record<string, unknown>)['x'], undefined);
});

test('weights that do not fit the config', async (t) => {
  const folder = await savedModel(t);
  const path = join(folder, 'model.safetensors');
  const good = await readFile(path);
  const nan = (data: NamedTensor['data']): Float32Array => Float32Array.from({ length: data.length }, () => Number.NaN);
  const cases: readonly (readonly [string, (tensors: NamedTensor[]) => NamedTensor[], RegExp])[] = [
    ['missing', (all) => all.slice(1), /missing: /],
    ['none', () => [], /missing: /],
    [
      'one too many',
      (all) => [...all, { name: 'more', shape: [1], data: new Float32Array(1) }],
      /not of this model: more/,
    ],
    [
      'renamed',
      (all) => all.map((x, i) => (i === 0 ? { ...x, name: 'constructor' } : x)),
      /not of this model: constructor/,
    ],
    ['other shape', (all) => all.map((x) => ({ ...x, shape: [...x.shape].reverse() })), /must be \[dim0=/],
    ['flat', (all) => all.map((x) => ({ ...x, shape: [x.data.length] })), /must be \[dim0=/],
    ['NaN', (all) => all.map((x) => ({ ...x, data: nan(x.data) })), /has nan at index 0/],
    ['doubles', (all) => all.map((x) => ({ ...x, data: Float64Array.from(x.data as Float32Array) })), /is not F32/],
  ];
  for (const [name, change, message] of cases) {
    await writeFile(path, good);
    await changeTensors(folder, 'model.safetensors', change);
    await isCorrupt(t, folder, message, name);
  }
  await rm(path);
  await isCorrupt(t, folder, /model\.safetensors.*ENOENT/, 'no file');
  await symlink('model.safetensors', path);
  await isCorrupt(t, folder, /model\.safetensors.*ELOOP/, 'a link to itself');
  await rm(path);
  await symlink('/dev/zero', path);
  await isCorrupt(t, folder, /model\.safetensors/, 'a link to an endless device');
});

test('an optimiser state that does not fit', async (t) => {
  const folder = await savedModel(t);
  const path = join(folder, 'optimizer.safetensors');
  const good = await readFile(path);
  const same = (tensors: NamedTensor[]): NamedTensor[] => tensors;
  const cases: readonly (readonly [string, typeof same, Record<string, string> | undefined, RegExp])[] = [
    ['missing', (all) => all.slice(1), undefined, /missing: /],
    [
      'unknown',
      (all) => [...all, { name: 'slot0.more', shape: [1], data: new Float32Array(1) }],
      undefined,
      /not of this model: more/,
    ],
    [
      'NaN',
      (all) => all.map((x) => ({ ...x, data: new Float32Array(x.data.length).fill(Number.NaN) })),
      undefined,
      /nan/,
    ],
    [
      'negative squares',
      (all) =>
        all.map((x) => (x.name.startsWith('slot1.') ? { ...x, data: new Float32Array(x.data.length).fill(-1) } : x)),
      undefined,
      /slot1\..* is negative, and no second moment/,
    ],
    ['no step', same, {}, /its "step" is missing/],
    ['step', same, { step: '-3' }, /its "step" is missing/],
    ['half a step', same, { step: '1.5' }, /its "step" is missing/],
  ];
  for (const [name, change, metadata, message] of cases) {
    await writeFile(path, good);
    await changeTensors(folder, 'optimizer.safetensors', change, metadata);
    await isCorrupt(t, folder, message, name);
  }
});

test('without its optimiser file, a model loads and trains from a fresh optimiser', async (t) => {
  const folder = await savedModel(t);
  await rm(join(folder, 'optimizer.safetensors'));
  const loaded = await loadModel(folder);
  const fresh = classifier({ units: 3 });
  await fresh.setWeights(await loaded.getWeights());
  await loaded.trainOnBatch(waves(6));
  await fresh.trainOnBatch(waves(6));
  t.is(await weightHash(loaded), await weightHash(fresh));
});

test('a config that asks for more memory than there is says so', async (t) => {
  const folder = await savedModel(t);
  await changeConfig(folder, (config) => firstLayer(config, { config: { units: 2 ** 20 } }));
  const error = await t.throwsAsync(loadModel(folder), { instanceOf: CugruError });
  t.is((error as CugruError | undefined)?.code, 'ERR_OUT_OF_MEMORY');
});
