import test from 'ava';
import { type EpochLogs, type FitEvent, optimizers, type ProgressEvent } from '../../lib/index.js';
import { classifier, trainingState, waves } from '../support/training_models.js';

test('a fit learns', async (t) => {
  const model = classifier();
  const before = await model.evaluate(waves(60, { seed: 2 }));
  const history = await model.fit(waves(240), { epochs: 8, batchSize: 16 });
  const after = await model.evaluate(waves(60, { seed: 2 }));
  t.true((after.accuracy ?? 0) > 0.95, `after: ${after.accuracy}`);
  t.true(after.loss < before.loss / 4, `loss before: ${before.loss}, after: ${after.loss}`);
  t.true((history.epochs[7]?.loss ?? 9) < (history.epochs[0]?.loss ?? 0) / 2);
});

test('the history has every epoch with its figures', async (t) => {
  const model = classifier();
  const { epochs, device, seconds } = await model.fit(waves(50), { epochs: 3, batchSize: 20 });
  t.is(device, 'cpu');
  t.deepEqual(
    epochs.map(({ epoch }) => epoch),
    [0, 1, 2],
  );
  for (const logs of epochs) {
    t.true(Number.isFinite(logs.loss) && logs.loss > 0);
    t.true((logs.accuracy ?? -1) >= 0 && (logs.accuracy ?? 2) <= 1);
    t.is(logs.learningRate, Math.fround(0.01));
    t.true(logs.gradientNorm > 0);
    t.true(logs.computeSeconds > 0 && logs.computeSeconds <= logs.seconds);
    t.true(Math.abs(logs.imagesPerSecond * logs.seconds - 50) < 1e-6);
    t.false('valLoss' in logs);
  }
  t.true(seconds >= epochs.reduce((sum, logs) => sum + logs.seconds, 0));
});

test('validation data are evaluated after each epoch', async (t) => {
  const model = classifier();
  const validationData = waves(30, { seed: 9 });
  const { epochs } = await model.fit(waves(50), { epochs: 2, validationData });
  const { loss, accuracy } = await model.evaluate(validationData);
  t.is(epochs[1]?.valLoss, loss);
  t.is(epochs[1]?.valAccuracy, accuracy);
  t.not(epochs[0]?.valLoss, loss);
});

test('validation data change nothing about the weights', async (t) => {
  const [plain, validated] = [classifier({ dropout: 0.3 }), classifier({ dropout: 0.3 })];
  await plain.fit(waves(40), { epochs: 2 });
  await validated.fit(waves(40), { epochs: 2, validationData: waves(20) });
  t.deepEqual(await trainingState(validated), await trainingState(plain));
});

test('events come in order: progress to the last batch, the end of the epoch, the end', async (t) => {
  const model = classifier();
  const events: FitEvent[] = [];
  for await (const event of model.fitEvents(waves(70), { epochs: 2, batchSize: 16 })) events.push(event);
  t.is(events.at(-1)?.type, 'end');
  const [end] = events.filter((event) => event.type === 'end');
  const ends = events.filter((event) => event.type === 'epochEnd');
  t.deepEqual(end?.history.epochs, ends.map(({ logs }) => logs) as EpochLogs[]);
  let epoch = 0;
  let batch = 0;
  for (const event of events.slice(0, -1)) {
    if (event.type === 'progress') {
      t.is(event.epoch, epoch);
      t.is(event.epochs, 2);
      t.is(event.batches, 5);
      t.true(event.batch > batch && event.batch <= 5);
      batch = event.batch;
    } else if (event.type === 'epochEnd') {
      t.is(batch, 5, 'all batches were reported');
      t.is(event.logs.epoch, epoch);
      epoch++;
      batch = 0;
    }
  }
  t.is(epoch, 2);
});

test('batch by batch: each batch is reported once, and the mean is that of the batches', async (t) => {
  const model = classifier();
  const seen: ProgressEvent[] = [];
  const { epochs } = await model.fit(waves(50), {
    batchSize: 16,
    onBatchEnd: (event) => {
      seen.push(event);
    },
  });
  t.deepEqual(
    seen.map(({ batch }) => batch),
    [1, 2, 3, 4],
  );
  const rows = [16, 16, 16, 2];
  const mean = seen.reduce((sum, { batchLoss }, i) => sum + batchLoss * (rows[i] as number), 0) / 50;
  t.true(Math.abs(mean - (epochs[0]?.loss ?? 0)) < 1e-9);
  t.is(seen.at(-1)?.loss, epochs[0]?.loss);
});

test('asking for every batch does not change a byte', async (t) => {
  const [chunks, batches] = [classifier(), classifier()];
  await chunks.fit(waves(200), { epochs: 2, batchSize: 8 });
  await batches.fit(waves(200), { epochs: 2, batchSize: 8, onBatchEnd: () => {} });
  t.deepEqual(await trainingState(batches), await trainingState(chunks));
});

test('callbacks are awaited before the fit goes on', async (t) => {
  const model = classifier();
  const order: string[] = [];
  await model.fit(waves(8), {
    epochs: 2,
    batchSize: 8,
    onBatchEnd: async ({ epoch }) => {
      order.push(`batch ${epoch}`);
      await model.predict(waves(2));
      order.push(`batch ${epoch} done`);
    },
    onEpochEnd: async ({ epoch }) => {
      order.push(`epoch ${epoch}`);
      await model.evaluate(waves(6));
      order.push(`epoch ${epoch} done`);
    },
  });
  t.deepEqual(
    order,
    [0, 1].flatMap((e) => [`batch ${e}`, `batch ${e} done`, `epoch ${e}`, `epoch ${e} done`]),
  );
});

for (const name of ['onProgress', 'onBatchEnd', 'onEpochEnd'] as const) {
  test(`what ${name} throws ends the fit, and the model can be used`, async (t) => {
    const model = classifier();
    const wrong = new Error('enough');
    let calls = 0;
    const fit = model.fit(waves(40), {
      epochs: 3,
      [name]: async () => {
        calls++;
        throw wrong;
      },
    });
    t.is(await t.throwsAsync(fit), wrong);
    t.is(calls, 1);
    await t.notThrowsAsync(model.fit(waves(40)));
  });
}

test('leaving the loop of events ends the fit after the batch in flight', async (t) => {
  const model = classifier();
  for await (const event of model.fitEvents(waves(64), { epochs: 100, batchSize: 8 })) {
    if (event.type === 'epochEnd') break;
  }
  const { step } = await trainingState(model);
  t.is(step, 8);
  await t.notThrowsAsync(model.fit(waves(8)));
});

test('rows are in another order in each epoch, unless they are not to be', async (t) => {
  const data = waves(64);
  const firstLosses = async (shuffle: boolean): Promise<number[]> => {
    const model = classifier({ optimizer: optimizers.sgd({ learningRate: 0 }) });
    const found: number[] = [];
    await model.fit(data, {
      epochs: 2,
      batchSize: 8,
      shuffle,
      onBatchEnd: ({ batch, batchLoss }) => {
        if (batch === 1) found.push(batchLoss);
      },
    });
    return found;
  };
  const model = classifier({ optimizer: 'sgd' });
  const { loss } = await model.evaluate(data.take(8));
  const [first, second] = await firstLosses(false);
  t.is(first, second);
  t.true(Math.abs((first ?? 0) - loss) < 1e-7, 'the first rows come first');
  const [one, two] = await firstLosses(true);
  t.not(one, two);
  t.not(one, first);
});

test('a fit without shuffling is the same as training on one batch after the other', async (t) => {
  for (const { rows, dropout } of [
    { rows: 24, dropout: 0.2 },
    { rows: 22, dropout: 0 },
  ]) {
    const data = waves(rows);
    const [fitted, stepped] = [classifier({ dropout }), classifier({ dropout })];
    await fitted.fit(data, { epochs: 2, batchSize: 8, shuffle: false });
    for (const start of [0, 8, 16, 0, 8, 16]) {
      await stepped.trainOnBatch(data.subset({ start, end: Math.min(rows, start + 8) }));
    }
    t.deepEqual(await trainingState(stepped), await trainingState(fitted), `${rows} rows`);
  }
});

test('a batch larger than the dataset is the whole dataset', async (t) => {
  const [large, exact] = [classifier(), classifier()];
  await large.fit(waves(10), { batchSize: 4096 });
  await exact.fit(waves(10), { batchSize: 10 });
  t.deepEqual(await trainingState(large), await trainingState(exact));
  t.is((await trainingState(large)).step, 1);
});

test('initialEpoch goes on with order and epoch numbers', async (t) => {
  const model = classifier();
  const { epochs } = await model.fit(waves(10), { epochs: 5, initialEpoch: 3 });
  t.deepEqual(
    epochs.map(({ epoch }) => epoch),
    [3, 4],
  );
});
