import test from 'ava';
import { layers, type Sequential, sequential } from '../../lib/index.js';
import { classes, classifier, refuses, shape, trainingState, waves, weightHash } from '../support/training_models.js';

/** The state of a run of exactly `steps` steps. */
async function replay(build: () => Sequential, steps: number, fit: Parameters<Sequential['fit']>): Promise<unknown> {
  const model = build();
  const stop = new AbortController();
  let done = 0;
  const [data, options] = fit;
  const onBatchEnd = (): void => {
    if (++done === steps) stop.abort();
  };
  await model.fit(data, { ...options, signal: stop.signal, onBatchEnd }).catch(() => {});
  return trainingState(model);
}

test('a signal that is aborted already: nothing happens, and its reason comes back', async (t) => {
  const model = classifier();
  const before = await trainingState(model);
  const reason = new Error('changed my mind');
  await t.throwsAsync(model.fit(waves(8), { signal: AbortSignal.abort(reason) }), { is: reason });
  await t.throwsAsync(model.evaluate(waves(8), { signal: AbortSignal.abort(reason) }), { is: reason });
  t.deepEqual(await trainingState(model), before);
  await t.notThrowsAsync(model.fit(waves(8)));
});

test('an abort without a reason is an AbortError', async (t) => {
  const signal = AbortSignal.abort();
  // A DOMException, which is no Error to the runner.
  const error: unknown = await classifier()
    .fit(waves(8), { signal })
    .catch((thrown: unknown) => thrown);
  t.is(error, signal.reason);
  t.is((error as DOMException).name, 'AbortError');
});

test('an abort in the middle ends with the reason, after a whole step', async (t) => {
  const build = (): Sequential => classifier({ units: 24, dropout: 0.2 });
  const fit: Parameters<Sequential['fit']> = [waves(2000), { epochs: 50, batchSize: 4 }];
  for (const delay of [1, 4, 9]) {
    const model = build();
    const stop = new AbortController();
    const reason = new Error(`after ${delay} events`);
    let events = 0;
    const onProgress = (): void => {
      // From outside of a callback, so that a chunk is in flight.
      if (++events === delay) setTimeout(() => stop.abort(reason), 3);
    };
    await t.throwsAsync(model.fit(fit[0], { ...fit[1], signal: stop.signal, onProgress }), { is: reason });
    const state = await trainingState(model);
    t.true(state.step > 0 && state.step < 25_000, `${state.step} steps`);
    t.deepEqual(state, await replay(build, state.step, fit));
    await t.notThrowsAsync(model.fit(waves(8)), 'the model can be used');
    t.is((await model.predict(waves(2))).length, 2 * classes);
  }
});

test('an abort during the validation ends the fit with the reason', async (t) => {
  const model = classifier();
  const stop = new AbortController();
  const reason = new Error('stop');
  const fit = model.fit(waves(4), {
    signal: stop.signal,
    validationData: waves(30_000),
    onProgress: () => void setImmediate(() => setImmediate(() => stop.abort(reason))),
  });
  await t.throwsAsync(fit, { is: reason });
  t.is((await trainingState(model)).step, 1);
});

test('an abort after the end changes nothing', async (t) => {
  const model = classifier();
  const stop = new AbortController();
  await model.fit(waves(8), { signal: stop.signal });
  const state = await trainingState(model);
  stop.abort();
  t.deepEqual(await trainingState(model), state);
});

test('two trainings at once: the second is refused, the first is not disturbed', async (t) => {
  const [model, alone] = [classifier(), classifier()];
  const fit = model.fit(waves(200), { epochs: 3 });
  await refuses(t, [
    ['fit', () => model.fit(waves(8)), 'ERR_BUSY', /fit cannot run while fit does; wait for it, or use another model/],
    ['events', () => model.fitEvents(waves(8)).next(), 'ERR_BUSY', /fit cannot run while fit does/],
    ['trainOnBatch', () => model.trainOnBatch(waves(8)), 'ERR_BUSY', /trainOnBatch cannot run while fit does/],
    ['computeGradients', () => model.computeGradients(waves(8)), 'ERR_BUSY', /computeGradients cannot run/],
    ['applyGradients', () => model.applyGradients(), 'ERR_BUSY', /applyGradients cannot run/],
    [
      'compile',
      () => model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' }),
      'ERR_BUSY',
      /compile cannot run/,
    ],
  ]);
  await fit;
  await alone.fit(waves(200), { epochs: 3 });
  t.deepEqual(await trainingState(model), await trainingState(alone));
});

test('two models train at once without disturbing one another', async (t) => {
  const [a, b, alone] = [classifier(), classifier(), classifier()];
  await Promise.all([a.fit(waves(100), { epochs: 2 }), b.fit(waves(100), { epochs: 2 })]);
  await alone.fit(waves(100), { epochs: 2 });
  t.deepEqual(await trainingState(a), await trainingState(alone));
  t.deepEqual(await trainingState(b), await trainingState(alone));
});

test('a training step that fails leaves the model idle', async (t) => {
  const model = classifier();
  await t.throwsAsync(model.trainOnBatch({ inputs: new Float32Array(18), labels: [7] }), { code: 'ERR_RANGE' });
  await t.notThrowsAsync(model.trainOnBatch(waves(4)));
});

test('every call on a disposed model is refused', async (t) => {
  const model = classifier();
  await model.fit(waves(8));
  model.dispose();
  model.dispose();
  const message = /this model was disposed/;
  await refuses(t, [
    ['fit', () => model.fit(waves(8)), 'ERR_DISPOSED', message],
    ['events', () => model.fitEvents(waves(8)).next(), 'ERR_DISPOSED', message],
    ['evaluate', () => model.evaluate(waves(8)), 'ERR_DISPOSED', message],
    ['predict', () => model.predict(waves(8)), 'ERR_DISPOSED', message],
    ['trainOnBatch', () => model.trainOnBatch(waves(8)), 'ERR_DISPOSED', message],
    ['computeGradients', () => model.computeGradients(waves(8)), 'ERR_DISPOSED', message],
    ['applyGradients', () => model.applyGradients(), 'ERR_DISPOSED', message],
    ['getGradients', () => model.getGradients(), 'ERR_DISPOSED', message],
    ['getWeights', () => model.getWeights(), 'ERR_DISPOSED', message],
    ['setWeights', () => model.setWeights({}), 'ERR_DISPOSED', message],
    ['compile', () => model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' }), 'ERR_DISPOSED', message],
    ['stream', () => model.stream(), 'ERR_DISPOSED', message],
    ['summary', () => model.summary(), 'ERR_DISPOSED', message],
    ['estimateMemory', () => model.estimateMemory(), 'ERR_DISPOSED', message],
    ['save', () => model.save('/tmp/never'), 'ERR_DISPOSED', message],
  ]);
  t.is(model.parameterCount, classifier().parameterCount, 'its description is still there');
});

test('dispose during a fit, an evaluation and a prediction ends them', async (t) => {
  const model = classifier({ units: 32 });
  const calls = [
    model.fit(waves(5000), { epochs: 100, batchSize: 4, onProgress: () => void setTimeout(() => model.dispose(), 5) }),
    model.evaluate(waves(200_000, { labels: 'soft' }), { batchSize: 1 }),
    model.predict(waves(200_000), { batchSize: 1 }),
  ];
  for (const call of calls) await t.throwsAsync(call, { code: 'ERR_DISPOSED' });
});

test('a model disposes of itself at the end of its block', async (t) => {
  const model = sequential([layers.gru({ units: 2 })], { inputShape: shape });
  const hash = await weightHash(model);
  t.is(hash.length, 64);
  model[Symbol.dispose]();
  await t.throwsAsync(model.predict(waves(1)), { code: 'ERR_DISPOSED' });
});
