/** Where a step is, as features: exact places, and what a model reads. */
import test from 'ava';
import { describeScheme, type SchemeConfig, sequenceMap } from '../../lib/image/index.js';
import { image, layers, type Sequential, sequential } from '../../lib/index.js';
import { noise } from '../support/training_models.js';

type Place = readonly [row: number, column: number];

const places: readonly [name: string, SchemeConfig, size: readonly [number, number], wanted: readonly Place[]][] = [
  [
    'rows go down the middle',
    { scheme: 'rows' },
    [3, 5],
    [
      [-1, 0],
      [0, 0],
      [1, 0],
    ],
  ],
  [
    'columns go across the middle',
    { scheme: 'columns' },
    [3, 5],
    [
      [0, -1],
      [0, -0.5],
      [0, 0],
      [0, 0.5],
      [0, 1],
    ],
  ],
  [
    'pixels are where they are, in their order',
    { scheme: 'pixels', order: 'snake' },
    [2, 3],
    [
      [-1, -1],
      [-1, 0],
      [-1, 1],
      [1, 1],
      [1, 0],
      [1, -1],
    ],
  ],
  [
    'of patches it is the centre',
    { scheme: 'patches', patchSize: [2, 2] },
    [4, 8],
    [0, 2].flatMap((top) => [0, 2, 4, 6].map((left): Place => [(2 * (top + 0.5)) / 3 - 1, (2 * (left + 0.5)) / 7 - 1])),
  ],
  [
    'what lies beyond the edge does not count',
    { scheme: 'patches', patchSize: [1, 2] },
    [1, 5],
    [
      [0, -0.75],
      [0, 0.25],
      [0, 1],
    ],
  ],
  ['an image of one pixel is its own centre', { scheme: 'pixels' }, [1, 1], [[0, 0]]],
];

for (const [name, config, [height, width], wanted] of places) {
  test(name, (t) => {
    for (const channels of [1, 3]) {
      const { coordinates } = sequenceMap({ ...config, coordinates: true }, { height, width, channels });
      t.deepEqual(coordinates, Float32Array.from(wanted.flat()));
    }
    t.is(sequenceMap(config, { height, width, channels: 1 }).coordinates, undefined);
  });
}

const [height, width, channels] = [4, 5, 2];
const row = height * width * channels;

function model(first: readonly ReturnType<typeof image.toSequence>[], inputShape: readonly number[]): Sequential {
  const rest = [layers.gru({ units: 4, returnSequences: true }), layers.gru({ units: 3 })];
  return sequential([...first, ...rest], { inputShape, device: 'cpu', seed: 5 });
}

for (const scheme of [{ scheme: 'rows' }, { scheme: 'patches', patchSize: 2, order: 'spiralIn' }] as const) {
  test(`a model reads them behind the features, not normalised: ${scheme.scheme}`, async (t) => {
    const reading = image.toSequence({
      ...scheme,
      coordinates: true,
      normalization: { mean: [0, 0], std: [0.5, 0.5] },
    });
    const { steps, features, map, coordinates } = sequenceMap(reading, { height, width, channels });
    const pixels = noise(2 * row, 3);
    const sequences = Float32Array.from({ length: 2 * steps * (features + 2) }, (_, i) => {
      const [image, at] = [Math.floor(i / (steps * (features + 2))), i % (steps * (features + 2))];
      const [step, feature] = [Math.floor(at / (features + 2)), at % (features + 2)];
      if (feature >= features) return coordinates?.[2 * step + feature - features] ?? Number.NaN;
      const from = map[step * features + feature] as number;
      return from < 0 ? 0 : 2 * (pixels[image * row + from] as number);
    });
    const images = model([reading], [height, width, channels]);
    const plain = model([], [steps, features + 2]);
    await plain.takeWeights(images);
    t.deepEqual(await images.predict(pixels), await plain.predict(sequences));
    for (const each of [images, plain]) each.dispose();
  });
}

test('they are part of the description, the summary, and nothing that says false', async (t) => {
  t.is(describeScheme(image.toSequence({ coordinates: true })), 'rows, coordinates');
  t.deepEqual(image.toSequence({ coordinates: false }), image.toSequence());
  const built = model([image.toSequence({ coordinates: true })], [height, width, channels]);
  t.regex(String(await built.summary()), /^toSequence +rows, coordinates +\[4, 12\]/m);
  built.dispose();
  t.throws(() => image.toSequence({ coordinates: 1 as never }), { code: 'ERR_TYPE', message: /coordinates must be a/ });
});

test('a model that reads them cannot stream', async (t) => {
  const built = model([image.toSequence({ coordinates: true })], [height, width, channels]);
  await t.throwsAsync(built.stream(), { code: 'ERR_UNSUPPORTED', message: /a stream does not know which step comes/ });
  built.dispose();
});

test('the way back to an image passes them over', (t) => {
  const reading = image.toSequence({ scheme: 'columns', coordinates: true });
  const sequence = Float32Array.of(1, 3, -9, -9, 2, 4, -9, -9);
  const shape = [2, 2, 1];
  t.deepEqual(image.fromSequence(sequence, reading, { shape }), Float32Array.of(1, 2, 3, 4));
  const short = sequence.subarray(0, 4);
  t.throws(() => image.fromSequence(short, reading, { shape }), { code: 'ERR_SHAPE', message: /must be \[2, 4\]/ });
});
