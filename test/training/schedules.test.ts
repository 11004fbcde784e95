import test from 'ava';
import { optimizers, schedules } from '../../lib/index.js';
import { learningRateAt, resolveSchedule } from '../../lib/training/schedules.js';
import { classifier, refuses, waves } from '../support/training_models.js';

/** `torch.optim.lr_scheduler.CosineAnnealingLR(T_max, eta_min)`, in its recursive form, as PyTorch steps it. */
function torchCosine(base: number, steps: number, min: number): number[] {
  const rates = [base];
  for (let t = 1; t <= steps; t++) {
    const last = rates.at(-1) as number;
    const factor = (1 + Math.cos((Math.PI * t) / steps)) / (1 + Math.cos((Math.PI * (t - 1)) / steps));
    rates.push(factor * (last - min) + min);
  }
  return rates;
}

/** The factor of `transformers.get_cosine_schedule_with_warmup`, whose warm-up counts from 0. */
function transformersCosine(step: number, warmup: number, total: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  return Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / Math.max(1, total - warmup))));
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12;

test('constant', (t) => {
  const schedule = schedules.constant({ learningRate: 0.3 });
  for (const step of [0, 1, 1000]) t.is(learningRateAt(schedule, step, 10), 0.3);
  t.deepEqual(resolveSchedule(0.3), schedule, 'a number is a constant rate');
});

test("cosine is PyTorch's CosineAnnealingLR", (t) => {
  const schedule = schedules.cosine({ learningRate: 0.1, minLearningRate: 0.01 });
  for (const [step, rate] of torchCosine(0.1, 50, 0.01).entries()) {
    t.true(near(learningRateAt(schedule, step, 50), rate), `step ${step}`);
  }
});

test('cosine after a warm-up is that of transformers', (t) => {
  const schedule = schedules.cosine({ learningRate: 0.2, warmupSteps: 10 });
  for (let step = 10; step <= 60; step++) {
    t.true(near(learningRateAt(schedule, step, 60), 0.2 * transformersCosine(step, 10, 60)), `${step}`);
  }
});

test('a warm-up rises in a straight line from its first share to the full rate', (t) => {
  for (const schedule of [
    schedules.constant({ learningRate: 0.4, warmupSteps: 4 }),
    schedules.cosine({ learningRate: 0.4, warmupSteps: 4 }),
  ]) {
    const rates = [0, 1, 2, 3, 4].map((step) => learningRateAt(schedule, step, 100));
    t.deepEqual(rates, [0.1, 0.2, 0.30000000000000004, 0.4, 0.4], schedule.kind);
  }
});

test('a cosine ends at its least rate and stays there', (t) => {
  const schedule = schedules.cosine({ learningRate: 1, minLearningRate: 0.25, decaySteps: 8 });
  t.is(learningRateAt(schedule, 4, 1000), 0.625);
  t.is(learningRateAt(schedule, 8, 1000), 0.25);
  t.is(learningRateAt(schedule, 900, 1000), 0.25);
});

test('a warm-up that is longer than the fit never leaves it', (t) => {
  const schedule = schedules.cosine({ learningRate: 1, warmupSteps: 100 });
  t.is(learningRateAt(schedule, 9, 10), 0.1);
  t.is(learningRateAt(schedule, 100, 10), 1);
});

test('a fit uses the rate of each step, over all of its epochs', async (t) => {
  const learningRate = schedules.cosine({ learningRate: 0.05, minLearningRate: 0.001, warmupSteps: 3 });
  const model = classifier({ optimizer: optimizers.adam({ learningRate }) });
  const rates: number[] = [];
  await model.fit(waves(40), {
    epochs: 3,
    batchSize: 10,
    onBatchEnd: (event) => {
      rates.push(event.learningRate);
    },
  });
  t.deepEqual(
    rates,
    Array.from({ length: 12 }, (_, step) => Math.fround(learningRateAt(learningRate, step, 12))),
  );
});

test('a continued fit goes on where the schedule stands', async (t) => {
  const learningRate = schedules.cosine({ learningRate: 0.05 });
  const model = classifier({ optimizer: optimizers.adam({ learningRate }) });
  const { epochs } = await model.fit(waves(40), { epochs: 3, initialEpoch: 2, batchSize: 10 });
  t.is(epochs[0]?.learningRate, Math.fround(learningRateAt(learningRate, 11, 12)));
});

test('the rate that is reported is the one that moves the weights', async (t) => {
  const learningRate = schedules.constant({ learningRate: 0.4, warmupSteps: 4 });
  const model = classifier({ optimizer: optimizers.sgd({ learningRate }) });
  const start = await model.getWeights();
  await model.computeGradients(waves(6));
  const gradients = await model.getGradients();
  await model.fit(waves(6), { batchSize: 6, shuffle: false });
  const end = await model.getWeights();
  const moved = (start['dense_1.bias']?.data[0] ?? 0) - (end['dense_1.bias']?.data[0] ?? 0);
  t.true(Math.abs(moved / (gradients['dense_1.bias']?.data[0] ?? 1) - 0.1) < 1e-4);
});

test('figures of schedules are checked', async (t) => {
  const learningRate = 0.1;
  await refuses(t, [
    ['no rate', () => schedules.constant({} as never), 'ERR_TYPE', /^learningRate must be a number/],
    ['negative', () => schedules.cosine({ learningRate: -1 }), 'ERR_VALUE', /^learningRate must be/],
    [
      'least',
      () => schedules.cosine({ learningRate, minLearningRate: Number.NaN }),
      'ERR_VALUE',
      /^minLearningRate must be/,
    ],
    [
      'warm-up',
      () => schedules.constant({ learningRate, warmupSteps: 1.5 }),
      'ERR_VALUE',
      /^warmupSteps must be an integer/,
    ],
    [
      'no steps',
      () => schedules.cosine({ learningRate, decaySteps: 0 }),
      'ERR_VALUE',
      /^decaySteps must be an integer from 1/,
    ],
    [
      'kind',
      () => resolveSchedule({ kind: 'step', learningRate } as never),
      'ERR_TYPE',
      /schedules\.constant\(\.\.\.\) or schedules\.cosine/,
    ],
  ]);
});
