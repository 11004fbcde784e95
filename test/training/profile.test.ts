import test from 'ava';
import { classifier, waves } from '../support/training_models.js';

test('a profile has every operation, and leaves the weights alone', async (t) => {
  const model = classifier({ dropout: 0.25 });
  const before = await model.getWeights();
  const profile = await model.profile(waves(40), { batchSize: 8, batches: 3 });
  t.deepEqual(await model.getWeights(), before);
  const names = profile.operations.map(({ name }) => name.split('.')[0]);
  for (const { name } of model.layers) t.true(names.includes(name), `${name} of ${names.join()}`);
  t.true(profile.operations.every(({ forwardMilliseconds: ms }) => ms >= 0));
  t.true(profile.operations.some(({ operation, backwardMilliseconds: ms }) => operation === 'rnn' && ms > 0));
  const sum = profile.operations.reduce((s, o) => s + o.forwardMilliseconds + o.backwardMilliseconds, 0);
  t.true(Math.abs(sum - profile.milliseconds) < 1e-9);
  t.regex(String(profile), /^layer +operation +forward ms[\s\S]* ms for a batch of 8$/);
});

test('a profile is refused where a fit would be', async (t) => {
  const model = classifier();
  await t.throwsAsync(model.profile(waves(8), { batches: 0 }), { code: 'ERR_VALUE' });
  await t.throwsAsync(model.profile(waves(8), { batch: 3 } as never), { code: 'ERR_VALUE' });
  const fit = model.fit(waves(40));
  await t.throwsAsync(model.profile(waves(8)), { code: 'ERR_BUSY' });
  await fit;
});

test('the output of an inner layer', async (t) => {
  const model = classifier();
  const rows = waves(10);
  const [gru, dropout, dense] = model.layers;
  const features = await model.predict(rows, { layer: gru?.name as string });
  t.is(features.length, 10 * 8);
  t.deepEqual(await model.predict(rows, { layer: dropout?.name as string }), features, 'dropout is for training');
  t.deepEqual(await model.predict(rows, { layer: dense?.name as string }), await model.predict(rows));
  t.deepEqual(await model.predict(rows.storage.inputs, { layer: gru?.name as string, batchSize: 3 }), features);
  await t.throwsAsync(model.predict(rows, { layer: 'gru_9' }), {
    code: 'ERR_VALUE',
    message: /known are gru_1, dropout_1, dense_1/,
  });
});
