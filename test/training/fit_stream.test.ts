import test from 'ava';
import { datasets, image, layers, optimizers, type Sequential, schedules, sequential } from '../../lib/index.js';
import { shades, writeTree } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';
import { weightHash } from '../support/training_models.js';

const small = { size: [4, 6], channels: 1 } as const;

function build(): Sequential {
  const head = layers.dense({ units: 2, activation: 'softmax' });
  const first = image.toSequence({ normalization: { mean: [0.5], std: [0.25] } });
  const model = sequential([first, layers.gru({ units: 4 }), head], { inputShape: [4, 6, 1], device: 'cpu', seed: 2 });
  const learningRate = schedules.cosine({ learningRate: 0.02 });
  model.compile({ optimizer: optimizers.adam({ learningRate }), loss: 'categoricalCrossentropy' });
  return model;
}

test('fitting a stream gives the bytes of fitting its rows in memory, schedule included, however it is cut', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(22));
  const { train } = await datasets.imageFolder(dir, small);
  const options = { epochs: 3, batchSize: 4, shuffle: false };
  const wanted = build();
  const history = await wanted.fit(train, options);
  for (const slabRows of [3, 8, 100]) {
    const model = build();
    const streamed = await model.fit(await datasets.stream(dir, { ...small, shuffle: false, slabRows }), options);
    t.is(await weightHash(model), await weightHash(wanted), `slabs of ${slabRows}`);
    t.is(streamed.epochs.at(-1)?.loss, history.epochs.at(-1)?.loss);
    t.deepEqual([model.classNames, model.decoding], [wanted.classNames, wanted.decoding]);
  }
});

test('a stream whose size nobody knows is refused, and the model stays free', async (t) => {
  const rows = () => [{ input: new Uint8Array(24), label: 0 }];
  const model = build();
  const stream = datasets.streamRows(rows, { shape: [4, 6, 1], classes: 2 });
  await t.throwsAsync(model.fit(stream), { code: 'ERR_VALUE', message: /needs a size/ });
  await model.fit(datasets.streamRows(rows, { shape: [4, 6, 1], classes: 2, size: 1 }));
  t.pass();
});
