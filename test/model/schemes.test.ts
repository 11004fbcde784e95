import test from 'ava';
import { sequenceMap } from '../../lib/image/index.js';
import { image, layers, type Sequential, sequential } from '../../lib/index.js';
import { noise } from '../support/training_models.js';

type Options = NonNullable<Parameters<typeof image.toSequence>[0]>;
const [height, width, channels] = [7, 5, 3];

const schemes: readonly Options[] = [
  { scheme: 'pixels', order: 'snake' },
  { scheme: 'permutation', seed: 7 },
  { scheme: 'patches', patchSize: [3, 2], order: 'hilbert' },
  { scheme: 'patches', patchSize: 3, stride: 2, order: 'spiralIn', padding: 'reflect' },
  { scheme: 'patches', patchSize: 2, order: 'spiralOut', padding: 'edge' },
  { scheme: 'patches', patchSize: 2, order: 'diagonal', padding: 'wrap' },
  { scheme: 'patches', patchSize: 3, padding: 'none' },
  { scheme: 'multiScale', patchSize: 2, scales: [3, 1] },
];

function model(first: readonly ReturnType<typeof image.toSequence>[], inputShape: readonly number[]): Sequential {
  const rest = [layers.gru({ units: 4, returnSequences: true }), layers.gru({ units: 3 })];
  return sequential([...first, ...rest], { inputShape, device: 'cpu', seed: 5 });
}

for (const options of schemes) {
  test(`the Program reads what the map says: ${JSON.stringify(options)}`, async (t) => {
    const { steps, features, map } = sequenceMap(image.toSequence(options), { height, width, channels });
    const pixels = noise(2 * height * width * channels, 3);
    const row = height * width * channels;
    const sequences = Float32Array.from({ length: 2 * map.length }, (_, i) => {
      const at = map[i % map.length] as number;
      return at < 0 ? 0 : (pixels[Math.floor(i / map.length) * row + at] as number);
    });
    const images = model([image.toSequence({ ...options, normalization: 'none' })], [height, width, channels]);
    const plain = model([], [steps, features]);
    t.deepEqual(await images.predict(pixels), await plain.predict(sequences));
    for (const each of [images, plain]) each.dispose();
  });
}

test('the summary says what a step is, and what the image becomes', async (t) => {
  const lines: readonly [Options, RegExp][] = [
    [{}, /^toSequence +rows +\[7, 15\]/m],
    [
      { scheme: 'patches', patchSize: 3, stride: 2, padding: 'edge' },
      /^toSequence +patches 3x3 by 2x2, padding edge +\[6, 27\]/m,
    ],
    [
      { scheme: 'multiScale', patchSize: 2, order: 'snake' },
      /^toSequence +multiScale 2x2, scales 2\/1, snake +\[16, 12\]/m,
    ],
    [{ scheme: 'permutation', seed: 3 }, /^toSequence +permutation, seed 3 +\[35, 3\]/m],
  ];
  for (const [options, line] of lines) {
    const built = model([image.toSequence(options)], [height, width, channels]);
    t.regex(String(await built.summary()), line);
    built.dispose();
  }
});
