import test from 'ava';
import {
  type Augmentation,
  augment,
  type Dataset,
  datasets,
  type EpochLogs,
  getNumThreads,
  image,
  layers,
  loadModel,
  losses,
  type Sequential,
  sequential,
  setNumThreads,
} from '../../lib/index.js';
import { shades, writeTree } from '../support/data_files.js';
import { scratch as folderOf } from '../support/edges_files.js';
import { classifier, random, refuses, scratch, trainingState, waves, weightHash } from '../support/training_models.js';

// The number of threads belongs to the process.
const threads = getNumThreads();
test.afterEach.always(() => setNumThreads(threads));

const inputShape = [8, 9, 3] as const;
const everything = [
  augment.shift({ height: 0.2, width: 2, fill: 0.1 }),
  augment.flip({ horizontal: true, vertical: true }),
  augment.rotate({ degrees: 15, fill: 0.1 }),
  augment.scale({ min: 0.9, max: 1.1, fill: 0.1 }),
  augment.crop({ padding: 1, fill: 0.1 }),
  augment.erase(),
  augment.brightness({ min: 0.8, max: 1.2 }),
  augment.contrast({ min: 0.5, max: 1.5 }),
  augment.mixup(),
  augment.cutmix(),
];

function pictures(rows: number, seed = 1): Dataset {
  const next = random(seed);
  const inputs = Uint8Array.from({ length: rows * 8 * 9 * 3 }, () => 256 * next());
  return datasets.fromArrays({ inputs, labels: Array.from({ length: rows }, (_, i) => i % 3), shape: inputShape });
}

function build(seed = 3, dropout = 0): Sequential {
  const model = sequential(
    [
      image.toSequence({ normalization: { mean: [0.5, 0.5, 0.5], std: [0.3, 0.3, 0.3] } }),
      layers.gru({ units: 6 }),
      layers.dropout({ rate: dropout }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    { inputShape, seed, device: 'cpu' },
  );
  model.compile({ optimizer: 'adam', loss: losses.categoricalCrossentropy({ labelSmoothing: 0.1 }) });
  return model;
}

async function fitted(list: readonly Augmentation[], options: object = {}, seed = 3): Promise<string> {
  const model = build(seed);
  await model.fit(pictures(70), { epochs: 2, batchSize: 16, augment: list, ...options });
  return weightHash(model);
}

test.serial('augmented training gives the same bytes for 1, 2 and 7 threads, and in every run', async (t) => {
  const hashes: string[] = [];
  for (const count of [1, 2, 7, 7]) {
    setNumThreads(count);
    hashes.push(await fitted(everything));
  }
  t.is(new Set(hashes).size, 1);
});

test('each augmentation changes the training; none at all changes nothing', async (t) => {
  const plain = await fitted([]);
  t.is(await fitted([], { augment: undefined }), plain);
  for (const one of everything) t.not(await fitted([one]), plain, one.kind);
});

test('the model never sees augmented images but in training: predict and evaluate give the same before and after', async (t) => {
  const [model, data] = [build(), pictures(40)];
  const before = [await model.predict(data), (await model.evaluate(data)).loss];
  const start = await model.getWeights();
  await model.fit(data, { augment: everything, validationData: data });
  await model.setWeights(start);
  t.deepEqual([await model.predict(data), (await model.evaluate(data)).loss], before);
});

test('validation of a fit is that of plain images', async (t) => {
  const [model, data] = [build(), pictures(40)];
  const { epochs } = await model.fit(data, { augment: everything, validationData: data });
  t.is(epochs[0]?.valLoss, (await model.evaluate(data)).loss);
});

test('the draws belong to the rows: the order of training does not matter to them', async (t) => {
  // One batch holds all: shuffled or not, the loss over it is the same but for rounding.
  const loss = async (shuffle: boolean, epochs = 1) => {
    const model = build();
    const list = everything.filter(({ kind }) => kind !== 'mixup' && kind !== 'cutmix');
    const { epochs: logs } = await model.fit(pictures(64), { epochs, batchSize: 64, shuffle, augment: list });
    return logs[0]?.loss ?? Number.NaN;
  };
  t.true(Math.abs((await loss(true)) - (await loss(false))) < 1e-6);
});

test('saved, loaded and continued with initialEpoch is the same as never stopped', async (t) => {
  const folder = `${await scratch(t)}/model`;
  const [data, options] = [pictures(50), { epochs: 4, batchSize: 16, augment: everything }];
  const whole = build(3, 0.2);
  await whole.fit(data, options);
  const first = build(3, 0.2);
  const stop = new AbortController();
  const reason = new Error('half of it');
  const onEpochEnd = ({ epoch }: EpochLogs): void => (epoch === 1 ? stop.abort(reason) : undefined);
  await t.throwsAsync(first.fit(data, { ...options, signal: stop.signal, onEpochEnd }), { is: reason });
  await first.save(folder);
  const loaded = await loadModel(folder, { device: 'cpu' });
  await loaded.fit(data, { ...options, initialEpoch: 2 });
  t.deepEqual(await trainingState(loaded), await trainingState(whole));
});

test('fitting a stream gives the bytes of fitting its rows in memory, however it is cut', async (t) => {
  const dir = folderOf(t);
  await writeTree(dir, shades(22));
  const small = { size: [8, 9], channels: 3 } as const;
  const { train } = await datasets.imageFolder(dir, small);
  const options = { epochs: 2, batchSize: 4, shuffle: false, augment: everything };
  const streamed = (dropout: number): Sequential => {
    const head = layers.dense({ units: 2, activation: 'softmax' });
    const first = image.toSequence({ normalization: 'none' });
    const model = sequential([first, layers.gru({ units: 4 }), layers.dropout({ rate: dropout }), head], {
      inputShape,
    });
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    return model;
  };
  const wanted = streamed(0.2);
  await wanted.fit(train, options);
  for (const slabRows of [3, 8, 100]) {
    const model = streamed(0.2);
    await model.fit(await datasets.stream(dir, { ...small, shuffle: false, slabRows }), options);
    t.is(await weightHash(model), await weightHash(wanted), `slabs of ${slabRows}`);
  }
});

test('floats and distributions as labels are augmented and mixed as well', async (t) => {
  const next = random(2);
  const inputs = Float32Array.from({ length: 20 * 8 * 9 * 3 }, () => next());
  const labels = Float32Array.from({ length: 60 }, (_, i) => (Math.floor(i / 3) % 3 === i % 3 ? 0.8 : 0.1));
  const data = datasets.fromArrays({ inputs, labels, shape: inputShape });
  const { epochs } = await build().fit(data, { augment: everything });
  t.true(Number.isFinite(epochs[0]?.loss));
});

test('what does not fit is refused, and the model stays free', async (t) => {
  const regression = sequential([image.toSequence(), layers.gru({ units: 2 })], { inputShape, device: 'cpu' });
  regression.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const targets = datasets.fromArrays({
    inputs: new Uint8Array(2 * 8 * 9 * 3),
    labels: new Float32Array(4),
    shape: inputShape,
  });
  const fitWith = (list: unknown) => () => build().fit(pictures(4), { augment: list as Augmentation[] });
  await refuses(t, [
    ['sequences', () => classifier().fit(waves(6), { augment: [augment.flip()] }), 'ERR_VALUE', /for images/],
    ['a regression', () => regression.fit(targets, { augment: [augment.mixup()] }), 'ERR_VALUE', /categoricalCross/],
    ['no list', fitWith(augment.flip()), 'ERR_TYPE', /must be a list/],
    ['no augmentation', fitWith(['flip']), 'ERR_TYPE', /augment\[0\] must come from/],
    ['another kind', fitWith([{ kind: 'blur' }]), 'ERR_VALUE', /augment\[0\]\.kind must be one of 'brightness'/],
    ['another option', fitWith([{ kind: 'flip', up: true }]), 'ERR_VALUE', /no option 'up'/],
    ['too many', fitWith(Array.from({ length: 17 }, () => augment.flip())), 'ERR_TYPE', /at most 16/],
    [
      'two fills',
      fitWith([augment.shift({ width: 1, fill: 1 }), augment.rotate({ degrees: 5 })]),
      'ERR_VALUE',
      /one fill.*1 and 0/,
    ],
    ['no shift', () => augment.shift({}), 'ERR_VALUE', /height or a width/],
    ['half pixels', () => augment.shift({ width: 1.5 }), 'ERR_VALUE', /width must be an integer/],
    ['no flip', () => augment.flip({ horizontal: false }), 'ERR_VALUE', /horizontal or vertical/],
    ['rotate', () => augment.rotate({ degrees: 181 }), 'ERR_VALUE', /degrees/],
    ['scale', () => augment.scale({ min: 0, max: 1 }), 'ERR_VALUE', /min/],
    ['range', () => augment.contrast({ min: 2, max: 1 }), 'ERR_VALUE', /max/],
    ['crop', () => augment.crop({ padding: 0 }), 'ERR_VALUE', /padding/],
    ['erase', () => augment.erase({ area: [0.5, 0.2] }), 'ERR_VALUE', /area\[1\]/],
    ['erase', () => augment.erase({ aspect: 1 as unknown as [number, number] }), 'ERR_TYPE', /aspect must be/],
    ['mixup', () => augment.mixup({ alpha: 0 }), 'ERR_VALUE', /alpha/],
    ['fill', () => augment.shift({ width: 1, fill: 128 }), 'ERR_VALUE', /fill must be a number from 0 to 1/],
  ]);
  const model = build();
  await t.throwsAsync(
    model.fit(pictures(4), { augment: [augment.shift({ width: 1, fill: 1 }), augment.crop({ padding: 1 })] }),
  );
  await model.fit(pictures(4));
  t.pass();
});

// Digits moved by up to four pixels.
function moved(dataset: Dataset): Dataset {
  const next = random(9);
  const inputs = new Uint8Array(dataset.size * 784);
  const labels = Array.from({ length: dataset.size }, (_, row) => {
    const pixels = dataset.input(row) as Uint8Array;
    const [dx, dy] = [Math.floor(9 * next()) - 4, Math.floor(9 * next()) - 4];
    for (let y = Math.max(0, dy); y < Math.min(28, 28 + dy); y++) {
      for (let x = Math.max(0, dx); x < Math.min(28, 28 + dx); x++) {
        inputs[row * 784 + y * 28 + x] = pixels[(y - dy) * 28 + x - dx] as number;
      }
    }
    return dataset.labelOf(row) as number;
  });
  return datasets.fromArrays({ inputs, labels, shape: [28, 28, 1], classes: 10 });
}

test('a model that is trained on shifted digits knows shifted digits better', async (t) => {
  const { train, test: unseen } = await datasets.mnist();
  const data = moved(unseen.take(1000));
  const accuracy = async (list: readonly Augmentation[]): Promise<number> => {
    const head = layers.dense({ units: 10, activation: 'softmax' });
    const model = sequential([image.toSequence(), layers.gru({ units: 48 }), head], {
      inputShape: [28, 28, 1],
      seed: 1,
      device: 'cpu',
    });
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    await model.fit(train.take(4000), { epochs: 6, batchSize: 32, augment: list });
    const result = await model.evaluate(data);
    model.dispose();
    return result.accuracy ?? 0;
  };
  const [plain, shifted] = [await accuracy([]), await accuracy([augment.shift({ height: 4, width: 4 })])];
  t.log(`accuracy on shifted digits: ${plain} without, ${shifted} with`);
  t.true(shifted > plain + 0.1);
});
