import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { datasets, image, layers, loadModel, type Sequential, sequential } from '../../lib/index.js';
import { shades, writeTree } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';

const inputShape = [4, 6, 1] as const;

function build(options: Parameters<typeof image.toSequence>[0]): Sequential {
  const head = layers.dense({ units: 2, activation: 'softmax' });
  const model = sequential([image.toSequence(options), layers.gru({ units: 4 }), head], { inputShape, seed: 2 });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  return model;
}

async function folder(t: Parameters<typeof scratch>[0]) {
  const dir = scratch(t);
  await writeTree(dir, shades(8));
  return datasets.imageFolder(dir, { size: [4, 6], channels: 1, fit: 'cover', background: 'white', kernel: 'linear' });
}

test('a model keeps how its first images were decoded, with their classes, and saves it', async (t) => {
  const model = build({});
  t.is(model.decoding, undefined);
  const { train } = await folder(t);
  await model.fit(train);
  const decoding = { fit: 'cover', kernel: 'linear', invert: false, background: 'white' };
  t.deepEqual(model.decoding, decoding);
  const saved = join(scratch(t), 'model');
  await model.save(saved);
  const loaded = await loadModel(saved);
  t.deepEqual([loaded.decoding, loaded.classNames], [decoding, ['dark', 'light']]);
  t.deepEqual(train.subset([0]).decoding, decoding);
});

const reading = [
  { scheme: 'permutation', seed: 2 ** 40 + 1 },
  { scheme: 'pixels', order: 'diagonal' },
  { scheme: 'patches', patchSize: [2, 3], stride: [1, 2], order: 'hilbert', padding: 'reflect' },
  { scheme: 'multiScale', patchSize: 2, order: 'spiralOut', scales: [2, 1] },
] as const;

for (const options of reading) {
  test(`a loaded model reads as the saved one did: ${JSON.stringify(options)}`, async (t) => {
    const { train } = await folder(t);
    const model = build(options);
    await model.fit(train);
    const saved = join(scratch(t), 'model');
    await model.save(saved);
    const loaded = await loadModel(saved);
    t.deepEqual(loaded.spec.topology.nodes[0]?.reading, model.spec.topology.nodes[0]?.reading);
    t.deepEqual(await loaded.predict(train), await model.predict(train));
    t.true((await readFile(join(saved, 'README.md'), 'utf8')).includes(`**${options.scheme}`));
  });
}

test('a folder of version 1 loads: its patches are in raster order, padded with zeros', async (t) => {
  const { train } = await folder(t);
  const model = build({ scheme: 'patches', patchSize: [3, 4] });
  await model.fit(train);
  const saved = join(scratch(t), 'model');
  await model.save(saved);
  const path = join(saved, 'config.json');
  const { decoding: _, nodes, outputs: __, ...config } = JSON.parse(await readFile(path, 'utf8'));
  const [first, ...rest] = nodes.map(({ inputs: ___, ...node }: { inputs: unknown }) => node);
  const { order: ____, padding: _____, ...toSequence } = first.config;
  await writeFile(path, JSON.stringify({ ...config, version: 1, toSequence, layers: rest }));
  const loaded = await loadModel(saved);
  t.is(loaded.decoding, undefined);
  t.deepEqual(await loaded.predict(train), await model.predict(train));
});
