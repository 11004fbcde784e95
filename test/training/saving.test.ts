import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { readSafetensors } from '../../lib/formats/index.js';
import { image, layers, loadModel, optimizers, type Sequential, schedules, sequential } from '../../lib/index.js';
import { classifier, noise, refuses, scratch, trainingState, waves, weightHash } from '../support/training_models.js';

test('a model is saved as four files', async (t) => {
  const folder = join(await scratch(t), 'deep', 'model');
  const model = classifier();
  await model.fit(waves(20));
  await model.save(folder);
  t.deepEqual((await readdir(folder)).sort(), [
    'README.md',
    'config.json',
    'model.safetensors',
    'optimizer.safetensors',
  ]);
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  t.is(config.format, 'cugru');
  t.is(config.version, 3);
  t.deepEqual(config.inputShape, [6, 3]);
  t.deepEqual(
    config.nodes.map(({ name, inputs }: { name: string; inputs: unknown }) => [name, inputs]),
    [
      ['input', []],
      ['gru_1', [[0, 0]]],
      ['dropout_1', [[1, 0]]],
      ['dense_1', [[2, 0]]],
    ],
  );
  t.deepEqual(config.outputs, [3, 0]);
  const { tensors } = await readSafetensors(join(folder, 'model.safetensors'));
  t.deepEqual(tensors.map(({ name }) => name).sort(), Object.keys(await model.getWeights()).sort());
  const card = await readFile(join(folder, 'README.md'), 'utf8');
  t.regex(card, /^---\nlibrary_name: cugru\n/);
  t.regex(card, new RegExp(`Takes rows of \\[6, 3\\], gives \\[3\\]; ${model.parameterCount} parameters`));
});

test('an untrained model has no optimiser to save', async (t) => {
  const folder = join(await scratch(t), 'model');
  for (const model of [classifier(), sequential([layers.dense({ units: 2 })], { inputShape: [3] })]) {
    await model.save(folder);
    t.deepEqual((await readdir(folder)).sort(), ['README.md', 'config.json', 'model.safetensors']);
    const loaded = await loadModel(folder);
    t.is(await weightHash(loaded), await weightHash(model));
    t.deepEqual(loaded.compileOptions, model.compileOptions);
  }
});

test('a loaded model is the saved one: weights, optimiser, predictions, names', async (t) => {
  const folder = join(await scratch(t), 'model');
  const learningRate = schedules.cosine({ learningRate: 0.02, warmupSteps: 2, decaySteps: 50 });
  const model = classifier({
    dropout: 0.25,
    seed: 9,
    bidirectional: true,
    optimizer: optimizers.adamw({ learningRate, clipNorm: 2 }),
  });
  const [gru] = model.layers;
  if (gru !== undefined) gru.layer.trainable = false;
  model.classNames = ['slow', 'medium', 'fast'];
  await model.fit(waves(30), { epochs: 2 });
  await model.save(folder);
  const loaded = await loadModel(folder);
  t.deepEqual(await trainingState(loaded), await trainingState(model));
  t.deepEqual(await loaded.predict(waves(9)), await model.predict(waves(9)));
  t.deepEqual(loaded.compileOptions, model.compileOptions);
  t.deepEqual(loaded.classNames, model.classNames);
  t.deepEqual(
    loaded.layers.map(({ name, layer }) => [name, layer.kind, layer.config, layer.trainable]),
    model.layers.map(({ name, layer }) => [name, layer.kind, layer.config, layer.trainable]),
  );
  t.is(loaded.seed, 9);
  t.deepEqual(loaded.inputShape, model.inputShape);
  t.is(String(await loaded.summary()), String(await model.summary()));
});

test('images, patches, shared layers and all kinds of layers come back', async (t) => {
  const folder = join(await scratch(t), 'model');
  const shared = layers.dense({ units: 4, activation: 'tanh', name: 'mix' });
  const model = sequential(
    [
      image.toSequence({
        scheme: 'patches',
        patchSize: [2, 3],
        stride: [1, 3],
        normalization: { mean: [0.5, 0.4], std: [0.2, 0.3] },
      }),
      layers.gru({ units: 4, returnSequences: true, kernelInitializer: 'uniform' }),
      shared,
      layers.dropout({ rate: 0.1 }),
      shared,
      layers.gru({ units: 3, bidirectional: true }),
      layers.softmax(),
    ],
    { inputShape: [4, 6, 2] },
  );
  await model.save(folder);
  const loaded = await loadModel(folder);
  const x = noise(3 * 48);
  t.deepEqual(await loaded.predict(x), await model.predict(x));
  t.is(loaded.parameterCount, model.parameterCount);
  t.is(loaded.layers[1]?.layer, loaded.layers[3]?.layer, 'shared layers are one again');
});

test('saving again replaces the older model, and leaves nothing beside it', async (t) => {
  const parent = await scratch(t);
  const folder = join(parent, 'model');
  const model = classifier();
  await model.fit(waves(8));
  await model.save(folder);
  const other = classifier({ units: 3 });
  await other.save(folder);
  t.deepEqual(
    (await readdir(folder)).sort(),
    ['README.md', 'config.json', 'model.safetensors'],
    'no optimiser of the other',
  );
  t.is(await weightHash(await loadModel(folder)), await weightHash(other));
  await other.save(`${folder}/`);
  t.deepEqual(await readdir(parent), ['model']);
});

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Object.fromEntries(
    await Promise.all(
      names.map(async (entry) => [entry.name, await readFile(join(entry.parentPath, entry.name), 'latin1')]),
    ),
  );
}

test('folders that are no model of ours are refused, and nothing is lost', async (t) => {
  const parent = await scratch(t);
  const model = classifier();
  const filled = async (name: string, files: Record<string, string>): Promise<string> => {
    const folder = join(parent, name);
    await mkdir(folder);
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    return folder;
  };
  const foreign = '{ "model_type": "bert" }';
  const cases = [
    [await filled('thesis', { 'thesis.tex': 'x' }), /holds something else \(thesis\.tex\)/],
    [
      await filled('mixed', { 'config.json': '{"format":"cugru"}', 'notes.txt': 'x' }),
      /holds something else \(notes\.txt\)/,
    ],
    [
      await filled('bert', { 'config.json': foreign, 'model.safetensors': 'x', 'README.md': 'x' }),
      /has a config\.json that is not cugru's/,
    ],
    [await filled('half', { 'config.json': '{"format":"cug' }), /has a config\.json that is not cugru's/],
    [await filled('readme', { 'README.md': 'x' }), /has no config\.json/],
  ] as const;
  const file = join(parent, 'file');
  await writeFile(file, 'x');
  const before = await contents(parent);
  for (const [folder, message] of cases) {
    await refuses(t, [[folder, () => model.save(folder), 'ERR_VALUE', message]]);
  }
  await refuses(t, [
    ['a file', () => model.save(file), 'ERR_VALUE', /is a file, not a folder/],
    ['empty', () => model.save(''), 'ERR_VALUE', /folder must not be empty/],
    ['nothing', () => model.save(undefined as never), 'ERR_TYPE', /folder must be a string/],
  ]);
  t.deepEqual(await contents(parent), before);
});

test('where nothing can be written, the error of the file system comes back and the model lives on', async (t) => {
  const parent = await scratch(t);
  const model = classifier();
  await model.save(join(parent, 'model'));
  await writeFile(join(parent, 'file'), 'x');
  const before = await contents(parent);
  await t.throwsAsync(model.save(join(parent, 'file', 'model')), { code: 'ENOTDIR' });
  t.deepEqual(await contents(parent), before);
  await t.notThrowsAsync(model.fit(waves(8)));
});

test('a disk that is full in the middle leaves the older model as it was', async (t) => {
  const parent = await scratch(t);
  const folder = join(parent, 'model');
  const model = classifier();
  await model.save(folder);
  const before = await contents(parent);
  // A limit on the size of files stands for the full disk: the write fails half-way.
  const script = `
    import { layers, sequential } from 'cugru';
    const model = sequential([layers.dense({ units: 300 })], { inputShape: [300] });
    await model.save(${JSON.stringify(folder)}).catch((error) => console.log(error.code));`;
  const command = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, script]);
  t.is(stdout, 'EFBIG\n');
  t.deepEqual(await contents(parent), before);
  t.deepEqual(await readdir(parent), ['model']);
});

test('a link to a model stays a link', async (t) => {
  const parent = await scratch(t);
  const model = classifier();
  await model.save(join(parent, 'v1'));
  await symlink('v1', join(parent, 'latest'));
  await model.fit(waves(8));
  await model.save(join(parent, 'latest'));
  t.is(await weightHash(await loadModel(join(parent, 'v1'))), await weightHash(model));
  t.deepEqual((await readdir(parent)).sort(), ['latest', 'v1']);
});

test('a model saved in the middle of a fit is that of one whole step, optimiser and all', async (t) => {
  const folder = join(await scratch(t), 'model');
  const build = (): Sequential => classifier({ units: 16 });
  const data = waves(1200);
  const options = { epochs: 1000, batchSize: 4 };
  const model = build();
  const end = new AbortController();
  const fit = model.fit(data, { ...options, signal: end.signal });
  const saved: Sequential[] = [];
  while (saved.length < 3) {
    await model.save(folder);
    const loaded = await loadModel(folder);
    if ((await trainingState(loaded)).step > 0) saved.push(loaded);
  }
  end.abort();
  await fit.catch(() => {});
  for (const loaded of saved) {
    const { step } = await trainingState(loaded);
    const replayed = build();
    const stop = new AbortController();
    let count = 0;
    const onBatchEnd = (): void => (++count === step ? stop.abort() : undefined);
    await replayed.fit(data, { ...options, signal: stop.signal, onBatchEnd }).catch(() => {});
    t.deepEqual(await trainingState(loaded), await trainingState(replayed), `step ${step}`);
  }
});
