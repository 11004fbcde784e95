/** Recurrent layers over feature maps: shapes, edges, and what they refuse. Values are compared in test/goldens. */
import test from 'ava';
import { input, layers, model } from '../../lib/index.js';
import { refuses } from '../support/training_models.js';

test('renet shrinks a map by its windows; one that they do not divide is filled up with zeros', async (t) => {
  const x = input({ shape: [3, 5, 1], normalization: 'none' });
  t.deepEqual(layers.renet({ units: 2 }).apply(x).shape, [2, 3, 4]);
  t.deepEqual(layers.renet({ units: 2, windowSize: [3, 1] }).apply(x).shape, [1, 5, 4]);
  t.deepEqual(layers.renet({ units: 2, windowSize: 7 }).apply(x).shape, [1, 1, 4]);

  const wide = input({ shape: [4, 6, 1], normalization: 'none' });
  const renet = layers.renet({ units: 2 });
  const run = (from: typeof x, pixels: Float32Array) =>
    model({ inputs: from, outputs: renet.apply(from) }, { seed: 1, device: 'cpu' }).predict(pixels);
  const pixels = Float32Array.from({ length: 15 }, (_, i) => Math.sin(i));
  const filled = new Float32Array(24);
  for (let row = 0; row < 3; row++) filled.set(pixels.subarray(row * 5, row * 5 + 5), row * 6);
  t.deepEqual(await run(x, pixels), await run(wide, filled));
});

test('a sequencer keeps the shape of its map', (t) => {
  const x = input({ shape: [3, 5, 2] });
  t.deepEqual(layers.sequencer({ units: 3, dropPath: 0.1 }).apply(x).shape, [3, 5, 2]);
});

test('both refuse what is no map, and a window beyond all bounds', async (t) => {
  const [sequence, deep] = [input({ shape: [4, 3] }), input({ shape: [3, 3, 1024] })];
  await refuses(t, [
    ['renet', () => layers.renet({ units: 2 }).apply(sequence), 'ERR_SHAPE', /expects feature maps .*4 steps, 3/],
    ['sequencer', () => layers.sequencer({ units: 2 }).apply(sequence), 'ERR_SHAPE', /expects feature maps/],
    ['window', () => layers.renet({ units: 2, windowSize: 0 }), 'ERR_VALUE', /windowSize\[0\] must be/],
    ['pair', () => layers.renet({ units: 2, windowSize: [1] as never }), 'ERR_TYPE', /number or \[height, width\]/],
    [
      'a huge window',
      () => layers.renet({ units: 2, windowSize: 4096 }).apply(deep),
      'ERR_RANGE',
      /a row of 17179869184 elements cannot be rearranged/,
    ],
  ]);
});
