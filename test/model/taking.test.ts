/** Weights that one model takes over from another. */
import test from 'ava';
import { image, layers, sequential } from '../../lib/index.js';
import { noise, refuses, shape } from '../support/training_models.js';

const made = (seed: number, ...list: readonly layers.Layer[]) =>
  sequential(list, { inputShape: shape, seed, device: 'cpu' });
const reader = (units = 4) => layers.gru({ units, name: 'reader', returnSequences: true });

test('layers of the same name and shapes are taken; the rest and the other model stay as they are', async (t) => {
  const from = made(1, reader(), layers.dense({ units: 3, name: 'decoder' }));
  const to = made(2, reader(), layers.lastStep(), layers.dense({ units: 2, name: 'head' }));
  const [there, here] = [await from.getWeights(), await to.getWeights()];
  t.deepEqual(await to.takeWeights(from), ['reader']);
  for (const [name, { data }] of Object.entries(await to.getWeights())) {
    t.deepEqual(data, (name.startsWith('reader.') ? there : here)[name]?.data, name);
  }
  t.deepEqual(await from.getWeights(), there);
  const x = noise(18, 3);
  t.deepEqual(await to.predict(x, { layer: 'reader' }), await from.predict(x, { layer: 'reader' }));
});

test('the normalisation is taken along', async (t) => {
  const rows = (seed: number, normalization: { mean: number[]; std: number[] }) =>
    sequential([image.toSequence({ normalization }), reader(2)], { inputShape: [4, 4, 1], seed, device: 'cpu' });
  const [from, to] = [rows(1, { mean: [0.25], std: [2] }), rows(2, { mean: [0], std: [1] })];
  await to.takeWeights(from);
  const { 'normalization.mean': mean, 'normalization.std': std } = await to.getWeights();
  t.deepEqual([...(mean?.data ?? []), ...(std?.data ?? [])], [0.25, 2]);
});

test('what cannot be taken is refused, and nothing changes', async (t) => {
  const [from, to] = [made(1, reader(5)), made(2, reader(4), layers.dense({ units: 2, name: 'head' }))];
  const before = await to.getWeights();
  const take = (list: readonly string[]) => () => to.takeWeights(from, { layers: list });
  await refuses(t, [
    ['nothing fits', () => to.takeWeights(from), 'ERR_VALUE', /no layer has the same name and shapes/],
    ['other shapes', take(['reader']), 'ERR_SHAPE', /reader\.weight_ih_l0 is \[12, 3\] here and \[15, 3\] there/],
    ['not there', take(['head']), 'ERR_SHAPE', /the other model has no head\.weight/],
    ['unknown', take(['heads']), 'ERR_VALUE', /no layer 'heads' with weights; known are reader, head/],
    ['none', take([]), 'ERR_VALUE', /layers names no layer/],
    ['text', () => to.takeWeights(from, { layers: 'head' as never }), 'ERR_TYPE', /layers must be a list of names/],
    ['no model', () => to.takeWeights({} as never), 'ERR_TYPE', /from must be a model/],
  ]);
  t.deepEqual(await to.getWeights(), before);
});
