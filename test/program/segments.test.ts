/** Running: the segments apart, many batches in one call, padding, accumulation, rates, and stopping in between. */
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import {
  type NativeOptimizer,
  native,
  type ProgramHandle,
  type RunRequest,
  type RunResult,
  type StoreHandle,
  segments,
} from '../../lib/native.js';
import {
  Door,
  denseGroup,
  gradientStep,
  graphBuilder,
  gruGroup,
  numbers,
  parameterCount,
  relativeDifference,
  trainStep,
} from '../support/program_door.js';

const [steps, features, units, classes] = [5, 3, 7, 4];
const groups: readonly GroupSpec[] = [gruGroup('gru', features, units), denseGroup('dense', units, classes)];
const count = parameterCount(groups);
const adam: NativeOptimizer = { kind: 'adam', clipNorm: 0.5, weightDecay: 0.01 };

/** Rows of a slab -> GRU -> last state -> dropout -> dense -> cross entropy. */
function classifier(dropout: number): GraphSpec {
  const b = graphBuilder();
  const x = b.input('x', 'slab', { dtype: 'f32', steps: 0, dims: [steps * features] }).tensor;
  const labels = b.input('labels', 'slab', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  const indices = b.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  const sequence = b.tensor('f32', steps, [features]);
  b.node('gather', 'gather', {}, [x, indices], [sequence]);
  const hN = b.tensor('f32', 1, [units]);
  b.node('gru', 'rnn', { cell: 'gru', units }, [sequence], [undefined, hN], 0);
  const [last, dropped, sums] = [
    b.tensor('f32', 0, [units]),
    b.tensor('f32', 0, [units]),
    b.tensor('f32', 0, [classes]),
  ];
  b.node('last', 'lastState', {}, [hN], [last]);
  b.node('dropout', 'dropout', { rate: dropout }, [last], [dropped]);
  b.node('dense', 'dense', { units: classes }, [dropped], [sums], 1);
  b.node('loss', 'softmaxCrossEntropy', {}, [sums, labels, indices], []);
  b.output('sums', sums);
  return b.build();
}

/** A training program over 24 rows of data that never change. */
class Trainer {
  private constructor(
    readonly door: Door,
    readonly store: StoreHandle,
    readonly program: ProgramHandle,
    readonly slabs: NonNullable<RunRequest['slabs']>,
  ) {}

  static async make(
    t: ExecutionContext,
    options: { readonly batch: number; readonly dropout?: number; readonly optimizer?: NativeOptimizer },
  ): Promise<Trainer> {
    const door = new Door(t);
    const store = await door.store(groups, 7, options.optimizer ?? adam);
    const program = await door.compile(store, classifier(options.dropout ?? 0), 'train', options.batch);
    const labels = Int32Array.from({ length: 24 }, (_, i) => (i * 7) % classes);
    return new Trainer(door, store, program, [
      { index: 0, slab: await door.slab(numbers(24 * steps * features, 11), 'f32') },
      { index: 1, slab: await door.slab(labels, 'i32') },
    ]);
  }

  run(request: Partial<RunRequest> & { readonly rows: number }): Promise<RunResult> {
    return this.door.run(this.program, { segments: trainStep, slabs: this.slabs, seed: 3, ...request });
  }

  /** Everything that training changes. */
  async state(): Promise<Record<string, unknown>> {
    return {
      parameters: await this.door.read(this.store, 'parameters', count),
      slot0: await this.door.read(this.store, 'slot0', count),
      slot1: await this.door.read(this.store, 'slot1', count),
      step: (await native().storeInfo(this.store)).step,
    };
  }

  gradients(): Promise<Float32Array> {
    return this.door.read(this.store, 'gradients', count);
  }
}

const rows = (first: number, length: number) => Int32Array.from({ length }, (_, i) => first + i);

test('the four segments one by one do what the fused step does, byte for byte', async (t) => {
  const [fused, apart] = [
    await Trainer.make(t, { batch: 8, dropout: 0.3 }),
    await Trainer.make(t, { batch: 8, dropout: 0.3 }),
  ];
  for (const first of [0, 8, 16]) {
    const request = { rows: 8, indices: rows(first, 8), learningRates: Float32Array.of(0.01) };
    const whole = await fused.run(request);
    await apart.run({ ...request, segments: segments.zeroGradients });
    await apart.run({ ...request, segments: segments.forward });
    const loss = await apart.run({ ...request, segments: segments.loss });
    await apart.run({ ...request, segments: segments.backward });
    const last = await apart.run({ ...request, segments: segments.update });
    t.deepEqual(loss.losses, whole.losses);
    t.is(last.gradientNorm, whole.gradientNorm);
  }
  t.deepEqual(await apart.state(), await fused.state());
});

test('an update sets the gradients to zero, a computation alone keeps them', async (t) => {
  const trainer = await Trainer.make(t, { batch: 8 });
  const request = { rows: 8, learningRates: Float32Array.of(0.01) };
  await trainer.run({ ...request, segments: gradientStep });
  const kept = await trainer.gradients();
  t.true(kept.some((g) => g !== 0));
  await trainer.run({ ...request, segments: segments.update });
  t.true((await trainer.gradients()).every((g) => g === 0));
  await trainer.run({ ...request, segments: segments.forward | segments.loss | segments.backward });
  await trainer.run({ ...request, segments: segments.zeroGradients });
  t.true((await trainer.gradients()).every((g) => g === 0));
});

test('two half batches with half the scale accumulate to the gradients of the whole batch', async (t) => {
  const [whole, halves] = [await Trainer.make(t, { batch: 16 }), await Trainer.make(t, { batch: 8 })];
  await whole.run({ rows: 16, segments: gradientStep });
  await halves.run({ rows: 8, segments: gradientStep, gradientScale: 0.5 });
  const { losses } = await halves.run({
    rows: 8,
    indices: rows(8, 8),
    segments: gradientStep & ~segments.zeroGradients,
    gradientScale: 0.5,
  });
  t.is(losses[0]?.rows, 8);
  t.true(relativeDifference(await halves.gradients(), await whole.gradients()) < 2e-6);
});

test('many accumulated batches in one call are the same as in calls of their own', async (t) => {
  const [together, apart] = [await Trainer.make(t, { batch: 8 }), await Trainer.make(t, { batch: 8 })];
  const accumulate = gradientStep & ~segments.zeroGradients;
  await together.run({ rows: 24, segments: accumulate });
  for (const first of [0, 8, 16]) await apart.run({ rows: 8, indices: rows(first, 8), segments: accumulate });
  t.deepEqual(await together.gradients(), await apart.gradients());
});

test('gradientScale scales the gradients and not the loss', async (t) => {
  const trainer = await Trainer.make(t, { batch: 8 });
  const plain = await trainer.run({ rows: 8, segments: gradientStep });
  const gradients = await trainer.gradients();
  const scaled = await trainer.run({ rows: 8, segments: gradientStep, gradientScale: 4 });
  t.deepEqual(scaled.losses, plain.losses);
  t.deepEqual(
    await trainer.gradients(),
    gradients.map((g) => 4 * g),
  );
});

test('a partial batch is the same as a batch of its size', async (t) => {
  for (const valid of [1, 3, 5, 8]) {
    const [padded, exact] = [await Trainer.make(t, { batch: 8 }), await Trainer.make(t, { batch: valid })];
    // Rows that count must not be touched by those that were there before.
    await padded.run({ rows: 8, indices: rows(16, 8), segments: segments.forward });
    const request = { rows: valid, indices: rows(2, valid), segments: gradientStep };
    const [got, want] = [await padded.run(request), await exact.run(request)];
    t.is(got.losses[0]?.rows, valid);
    t.deepEqual(got.losses, want.losses, `losses of ${valid} rows`);
    t.true(relativeDifference(await padded.gradients(), await exact.gradients()) < 2e-6, `gradients of ${valid} rows`);
  }
});

test('a run of many batches is the same as its batches one by one, byte for byte', async (t) => {
  const [together, apart] = [
    await Trainer.make(t, { batch: 5, dropout: 0.2 }),
    await Trainer.make(t, { batch: 5, dropout: 0.2 }),
  ];
  const order = Int32Array.from({ length: 23 }, (_, i) => (i * 5) % 23);
  const rates = Float32Array.of(0.02, 0.01, 0.005, 0.001, 0.03);
  const all = await together.run({ rows: 23, indices: order, learningRates: rates });
  let [lossSum, correct] = [0, 0];
  for (let batch = 0; batch < 5; batch++) {
    const part = order.slice(batch * 5, batch * 5 + 5);
    const { losses } = await apart.run({
      rows: part.length,
      indices: part,
      learningRates: rates.slice(batch, batch + 1),
    });
    lossSum += losses[0]?.lossSum ?? Number.NaN;
    correct += losses[0]?.correct ?? Number.NaN;
  }
  t.is(all.batches, 5);
  t.is(all.step, 5);
  t.deepEqual(await together.state(), await apart.state());
  t.is(all.losses[0]?.correct, correct);
  t.true(Math.abs((all.losses[0]?.lossSum ?? Number.NaN) - lossSum) < 1e-9);
});

test('each batch takes its own learning rate', async (t) => {
  const trainer = await Trainer.make(t, { batch: 8, optimizer: { kind: 'sgd' } });
  const states: Float32Array[] = [await trainer.door.read(trainer.store, 'parameters', count)];
  for (const learningRates of [Float32Array.of(0, 0, 0), Float32Array.of(0, 0.1, 0)]) {
    await trainer.run({ rows: 24, learningRates });
    states.push(await trainer.door.read(trainer.store, 'parameters', count));
  }
  t.deepEqual(states[1], states[0], 'a rate of 0 changes nothing');
  const alone = await Trainer.make(t, { batch: 8, optimizer: { kind: 'sgd' } });
  await alone.run({ rows: 8, indices: rows(8, 8), learningRates: Float32Array.of(0.1) });
  t.deepEqual(states[2], await alone.door.read(alone.store, 'parameters', count), 'only the second batch had a rate');
});

test('rates that are no rates, or of another number, are refused before anything runs', async (t) => {
  const trainer = await Trainer.make(t, { batch: 8 });
  const before = await trainer.state();
  await t.throwsAsync(trainer.run({ rows: 24, learningRates: Float32Array.of(0.1, 0.1) }), {
    code: 'ERR_SHAPE',
    message: /3 batches, but 2 learning rates/,
  });
  await t.throwsAsync(trainer.run({ rows: 24 }), { code: 'ERR_SHAPE', message: /0 learning rates/ });
  for (const rate of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => trainer.run({ rows: 8, learningRates: Float32Array.of(rate) }), { code: 'ERR_VALUE' });
  }
  t.deepEqual(await trainer.state(), before);
});

test('row numbers and labels outside of their range are refused before anything runs', async (t) => {
  const trainer = await Trainer.make(t, { batch: 8 });
  const before = await trainer.state();
  for (const row of [-1, 24, 2 ** 31 - 1]) {
    const run = trainer.run({ rows: 2, indices: Int32Array.of(0, row), learningRates: Float32Array.of(0.1) });
    await t.throwsAsync(run, { code: 'ERR_RANGE', message: /row -?\d+ is outside of input 'x' with 24 rows/ });
  }
  const tooMany = trainer.run({ rows: 25, learningRates: new Float32Array(4) });
  await t.throwsAsync(tooMany, { code: 'ERR_RANGE' });
  for (const label of [-1, classes]) {
    const slab = await trainer.door.slab(new Int32Array(24).fill(label, 3, 4), 'i32');
    const slabs = trainer.slabs.map((binding) => (binding.index === 1 ? { index: 1, slab } : binding));
    await t.throwsAsync(trainer.run({ rows: 8, slabs, learningRates: Float32Array.of(0.1) }), {
      code: 'ERR_RANGE',
      message: /input 'labels' must be from 0 to 3/,
    });
  }
  await t.throwsAsync(trainer.run({ rows: 8, slabs: [], learningRates: Float32Array.of(0.1) }), {
    code: 'ERR_GRAPH',
    message: /input 'x' needs a slab/,
  });
  t.deepEqual(await trainer.state(), before);
});

test('a run that was cancelled before its turn does nothing', async (t) => {
  const trainer = await Trainer.make(t, { batch: 8 });
  const before = await trainer.state();
  const cancel = native().createCancel();
  native().cancel(cancel);
  const result = await trainer.run({ rows: 24, learningRates: new Float32Array(3).fill(0.01), cancel });
  t.true(result.cancelled);
  t.is(result.batches, 0);
  t.deepEqual(await trainer.state(), before);
});

// How a run of very many batches ended that was cancelled after so many turns of the event loop.
async function cancelled(t: ExecutionContext, turns: number) {
  const trainer = await Trainer.make(t, { batch: 1 });
  const total = 200_000;
  const indices = Int32Array.from({ length: total }, (_, i) => i % 24);
  const cancel = native().createCancel();
  const running = trainer.run({ rows: total, indices, learningRates: new Float32Array(total).fill(1e-3), cancel });
  for (let turn = 0; turn < turns; turn++) await setImmediate();
  native().cancel(cancel);
  return { trainer, indices, total, result: await running };
}

test('a cancel between two batches leaves the weights of the last whole step', async (t) => {
  let turns = 1;
  let attempt = await cancelled(t, turns);
  while (attempt.result.batches === 0) {
    turns *= 2;
    attempt = await cancelled(t, turns);
  }
  const { trainer, indices, total, result } = attempt;
  const { batches } = result;
  t.true(result.cancelled);
  t.true(batches < total, `${batches} batches`);
  t.is(result.step, batches);
  t.is(result.losses[0]?.rows, batches);

  const other = await Trainer.make(t, { batch: 1 });
  const learningRates = new Float32Array(batches).fill(1e-3);
  await other.run({ rows: batches, indices: indices.slice(0, batches), learningRates });
  t.deepEqual(await trainer.state(), await other.state());
});

test('update and backward are for training programs with an optimiser', async (t) => {
  const door = new Door(t);
  const store = await door.store(groups);
  const predict = await door.compile(store, classifier(0), 'predict', 8);
  await t.throwsAsync(door.run(predict, { rows: 8, segments: segments.backward }), {
    code: 'ERR_STATE',
    message: /mode 'train'/,
  });
  const train = await door.compile(store, classifier(0), 'train', 8);
  const update = door.run(train, { rows: 8, segments: segments.update, learningRates: Float32Array.of(0.1) });
  await t.throwsAsync(update, { code: 'ERR_STATE', message: /no optimiser/ });
});
