import test from 'ava';
import { type ImageSize, type SchemeConfig, sequenceMap } from '../../lib/image/index.js';
import { orderNames } from '../../lib/image/orders.js';
import { image } from '../../lib/index.js';
import fc from '../support/edges_fc.js';

const sizes = fc.record({
  height: fc.integer({ min: 1, max: 11 }),
  width: fc.integer({ min: 1, max: 11 }),
  channels: fc.integer({ min: 1, max: 3 }),
});
const upTo = (max: number) => fc.integer({ min: 1, max });
const order = fc.constantFrom(...orderNames);
const padded = fc.constantFrom('zeros', 'edge', 'reflect', 'wrap', 'none');

/** Sizes with patches that fit, in every order; strides up to the patch, and every padding. */
const patchCases = sizes.chain((size) =>
  fc.tuple(upTo(size.height), upTo(size.width)).chain((patchSize) =>
    fc.record({
      size: fc.constant(size),
      config: fc.record({
        scheme: fc.constant('patches' as const),
        patchSize: fc.constant(patchSize),
        stride: fc.tuple(upTo(patchSize[0]), upTo(patchSize[1])),
        order,
        padding: padded,
      }),
    }),
  ),
);
const valuesOf = ({ height, width, channels }: ImageSize): number => height * width * channels;
const offsets = (size: ImageSize): number[] => Array.from({ length: valuesOf(size) }, (_, i) => i);
const sorted = (map: Int32Array): number[] => [...map].sort((a, b) => a - b);
const shapeOf = ({ height, width, channels }: ImageSize): number[] => [height, width, channels];

/** What the gather of a Program does with one row. */
function gathered(map: Int32Array, values: Float32Array): Float32Array {
  return Float32Array.from(map, (at) => (at < 0 ? 0 : (values[at] as number)));
}

test('pixels and permutations: every value once, a pixel at a time', (t) => {
  fc.assert(
    fc.property(sizes, order, fc.nat(), (size, by, seed) => {
      for (const config of [
        { scheme: 'pixels', order: by },
        { scheme: 'permutation', seed },
      ] as const) {
        const { steps, features, map } = sequenceMap(config, size);
        t.deepEqual([steps, features], [size.height * size.width, size.channels]);
        t.deepEqual(sorted(map), offsets(size));
        t.true(map.every((at, i) => at % size.channels === i % size.channels));
      }
    }),
    { numRuns: 60 },
  );
});

test('patches without overlap: a bijection onto the image padded with zeros, in every order', (t) => {
  fc.assert(
    fc.property(patchCases, ({ size, config: { patchSize, order: by } }) => {
      const { map } = sequenceMap({ scheme: 'patches', patchSize, order: by }, size);
      t.deepEqual(sorted(map.filter((at) => at >= 0)), offsets(size));
      const [tall, wide] = [size.height, size.width].map((side, i) => {
        const patch = patchSize[i] as number;
        return Math.ceil(side / patch) * patch;
      }) as [number, number];
      t.is(map.length, tall * wide * size.channels);
    }),
    { numRuns: 100 },
  );
});

test('the order of the patches changes the order of the steps, and nothing within them', (t) => {
  fc.assert(
    fc.property(patchCases, ({ size, config }) => {
      const { map, features, steps } = sequenceMap(config, size);
      const plain = sequenceMap({ ...config, order: 'raster' }, size);
      const cut = (values: Int32Array) =>
        Array.from({ length: steps }, (_, i) => values.subarray(i * features, (i + 1) * features).join());
      t.deepEqual(cut(map).sort(), cut(plain.map).sort());
    }),
    { numRuns: 60 },
  );
});

test('padding fills what zeros leave empty, from within the image, and changes nothing else', (t) => {
  fc.assert(
    fc.property(patchCases, ({ size, config }) => {
      const zeros = sequenceMap({ ...config, padding: 'zeros' }, size).map;
      for (const padding of ['edge', 'reflect', 'wrap'] as const) {
        const { map } = sequenceMap({ ...config, padding }, size);
        t.is(map.length, zeros.length);
        t.true(map.every((at, i) => (zeros[i] === -1 ? at >= 0 && at < valuesOf(size) : at === zeros[i])));
      }
      t.true(sequenceMap({ ...config, padding: 'none' }, size).map.every((at) => at >= 0));
    }),
    { numRuns: 60 },
  );
});

test('a line of 5 pixels in patches of 3 by 3, padded in each way', (t) => {
  const line = { height: 1, width: 5, channels: 1 };
  const second = (padding: SchemeConfig['padding'] & string) => [
    ...sequenceMap({ scheme: 'patches', patchSize: [1, 3], padding }, line).map.subarray(3),
  ];
  t.deepEqual(second('zeros'), [3, 4, -1]);
  t.deepEqual(second('edge'), [3, 4, 4]);
  t.deepEqual(second('reflect'), [3, 4, 3]);
  t.deepEqual(second('wrap'), [3, 4, 0]);
  t.deepEqual(second('none'), []);
});

test('multi-scale: coarse patches first, each scale a bijection onto every n-th pixel', (t) => {
  fc.assert(
    fc.property(sizes, order, (size, by) => {
      const config = { scheme: 'multiScale', patchSize: [1, 1], order: by, scales: [3, 2, 1] } as const;
      const { map, steps } = sequenceMap(config, size);
      let at = 0;
      for (const scale of config.scales) {
        const kept = (length: number) =>
          Array.from({ length: Math.ceil(length / scale) }, (_, i) =>
            Math.min(length - 1, i * scale + Math.floor((scale - 1) / 2)),
          );
        const expected = kept(size.height).flatMap((y) =>
          kept(size.width).flatMap((x) =>
            Array.from({ length: size.channels }, (_, c) => (y * size.width + x) * size.channels + c),
          ),
        );
        t.deepEqual(sorted(map.subarray(at, at + expected.length)), expected);
        at += expected.length;
      }
      t.is(at, steps * size.channels);
    }),
    { numRuns: 40 },
  );
});

test('multi-scale: a patch must fit in the image at the coarsest scale', (t) => {
  const config = { scheme: 'multiScale', patchSize: [4, 4], scales: [4, 1] } as const;
  t.is(sequenceMap(config, { height: 16, width: 16, channels: 1 }).steps, 1 + 16);
  t.throws(() => sequenceMap(config, { height: 16, width: 12, channels: 1 }), {
    code: 'ERR_SHAPE',
    message: /the patch width must be at most the image's at scale 4, 3, got 4/,
  });
});

test('fromSequence is the inverse wherever every pixel is read', (t) => {
  fc.assert(
    fc.property(patchCases, ({ size, config }) => {
      const { map } = sequenceMap({ ...config, padding: 'zeros' }, size);
      const pixels = Float32Array.from({ length: valuesOf(size) }, (_, i) => (i * 37) % 101);
      const { kind: _, ...read } = image.toSequence({ ...config, padding: 'zeros' });
      const back = image.fromSequence(gathered(map, pixels), { kind: 'toSequence', ...read }, { shape: shapeOf(size) });
      t.deepEqual(back, pixels);
    }),
    { numRuns: 60 },
  );
});

test('the sum of fromSequence is the gradient: <gather(x), g> = <x, sum(g)>', (t) => {
  fc.assert(
    fc.property(patchCases, fc.nat(1000), ({ size, config }, salt) => {
      const { map } = sequenceMap(config, size);
      // Small integers: the sums are exact.
      const x = Float32Array.from({ length: valuesOf(size) }, (_, i) => ((i * 31 + salt) % 17) - 8);
      const g = Float32Array.from({ length: map.length }, (_, i) => ((i * 13 + salt) % 11) - 5);
      const back = image.fromSequence(g, image.toSequence(config), { shape: shapeOf(size), reduce: 'sum' });
      const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
      t.is(dot(gathered(map, x), g), dot(x, back));
    }),
    { numRuns: 100 },
  );
});

test('fromSequence refuses what is no sequence of that image', (t) => {
  const rows = image.toSequence();
  const shape = [2, 3, 1];
  t.throws(() => image.fromSequence(new Float32Array(5), rows, { shape }), {
    code: 'ERR_SHAPE',
    message: /must be \[2, 3\], that is 6 values, got 5/,
  });
  t.throws(() => image.fromSequence(new Float32Array(6), rows, { shape: [2, 3] }), { code: 'ERR_SHAPE' });
  t.throws(() => image.fromSequence(new Float32Array(6), rows, { shape, reduce: 'max' as 'sum' }), {
    code: 'ERR_VALUE',
  });
  t.throws(() => image.fromSequence(new Float64Array(6) as unknown as Float32Array, rows, { shape }), {
    code: 'ERR_TYPE',
  });
  t.throws(() => image.fromSequence(new Float32Array(6), 'rows' as unknown as typeof rows, { shape }), {
    code: 'ERR_TYPE',
  });
});
