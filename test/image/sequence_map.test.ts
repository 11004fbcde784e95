import test from 'ava';
import { type ImageSize, sequenceMap } from '../../lib/image/index.js';
import fc from '../support/edges_fc.js';

const sizes = fc.record({
  height: fc.integer({ min: 1, max: 12 }),
  width: fc.integer({ min: 1, max: 12 }),
  channels: fc.integer({ min: 1, max: 4 }),
});
const pairUpTo = (a: number, b: number) => fc.tuple(fc.integer({ min: 1, max: a }), fc.integer({ min: 1, max: b }));
const patchCases = sizes.chain((size) =>
  pairUpTo(size.height, size.width).chain((patchSize) =>
    fc.record({ size: fc.constant(size), patchSize: fc.constant(patchSize), stride: pairUpTo(...patchSize) }),
  ),
);
const valuesOf = ({ height, width, channels }: ImageSize): number => height * width * channels;
const offsets = (size: ImageSize): number[] => Array.from({ length: valuesOf(size) }, (_, i) => i);
const sorted = (map: Int32Array): number[] => [...map].sort((a, b) => a - b);

/** The map whose (step, feature) is a value of the pixel that `pixel` names. */
function expectedMap(
  { height, width, channels }: ImageSize,
  { steps, features }: { readonly steps: number; readonly features: number },
  pixel: (step: number, place: number) => readonly [y: number, x: number],
): Int32Array {
  return Int32Array.from({ length: steps * features }, (_, i) => {
    const feature = i % features;
    const [y, x] = pixel(Math.floor(i / features), Math.floor(feature / channels));
    return y < height && x < width ? (y * width + x) * channels + (feature % channels) : -1;
  });
}

test('rows: every value once, in the order of memory', (t) => {
  fc.assert(
    fc.property(sizes, (size) => {
      const sequence = sequenceMap({ scheme: 'rows' }, size);
      t.is(sequence.steps, size.height);
      t.is(sequence.features, size.width * size.channels);
      t.deepEqual([...sequence.map], offsets(size));
    }),
    { numRuns: 40 },
  );
});

test('columns: every value once, from the left, each column from the top', (t) => {
  fc.assert(
    fc.property(sizes, (size) => {
      const sequence = sequenceMap({ scheme: 'columns' }, size);
      t.is(sequence.steps, size.width);
      t.is(sequence.features, size.height * size.channels);
      t.deepEqual(
        sequence.map,
        expectedMap(size, sequence, (step, y) => [y, step]),
      );
      t.deepEqual(sorted(sequence.map), offsets(size));
    }),
    { numRuns: 40 },
  );
});

test('patches: raster order, each patch row by row, -1 beyond the image', (t) => {
  fc.assert(
    fc.property(patchCases, ({ size, patchSize: [height, width], stride }) => {
      const sequence = sequenceMap({ scheme: 'patches', patchSize: [height, width], stride }, size);
      // As many as are needed to reach the last pixel: by counting up, not by a formula.
      const count = (length: number, patch: number, step: number): number => {
        let n = 1;
        while ((n - 1) * step + patch < length) n++;
        return n;
      };
      const across = count(size.width, width, stride[1]);
      t.is(sequence.steps, count(size.height, height, stride[0]) * across);
      t.is(sequence.features, height * width * size.channels);
      const expected = expectedMap(size, sequence, (step, place) => [
        Math.floor(step / across) * stride[0] + Math.floor(place / width),
        (step % across) * stride[1] + (place % width),
      ]);
      t.deepEqual(sequence.map, expected);
    }),
    { numRuns: 60 },
  );
});

test('patches lose no value; without overlap, none is there twice, and the image can be put together again', (t) => {
  fc.assert(
    fc.property(patchCases, ({ size, patchSize, stride }) => {
      const overlapping = sequenceMap({ scheme: 'patches', patchSize, stride }, size);
      t.deepEqual([...new Set(sorted(overlapping.map).filter((i) => i >= 0))], offsets(size));
      const { map } = sequenceMap({ scheme: 'patches', patchSize }, size);
      t.deepEqual(
        sorted(map).filter((i) => i >= 0),
        offsets(size),
      );
      const picture = offsets(size).map((i) => i * 7 + 1);
      const sequence = [...map].map((i) => (i < 0 ? 0 : (picture[i] as number)));
      const again = new Array<number>(picture.length);
      map.forEach((offset, at) => {
        if (offset >= 0) again[offset] = sequence[at] as number;
      });
      t.deepEqual(again, picture);
    }),
    { numRuns: 60 },
  );
});

test('rows and columns are patches of one row and one column', (t) => {
  fc.assert(
    fc.property(sizes, (size) => {
      const { height, width } = size;
      const patches = (patchSize: readonly [number, number]) => sequenceMap({ scheme: 'patches', patchSize }, size);
      t.deepEqual(patches([1, width]), sequenceMap({ scheme: 'rows' }, size));
      t.deepEqual(patches([height, 1]), sequenceMap({ scheme: 'columns' }, size));
    }),
    { numRuns: 20 },
  );
});

test('the sizes of the documentation', (t) => {
  const mnist = { height: 28, width: 28, channels: 1 };
  const shape = (config: Parameters<typeof sequenceMap>[0]) => {
    const { steps, features } = sequenceMap(config, mnist);
    return [steps, features];
  };
  t.deepEqual(shape({ scheme: 'rows' }), [28, 28]);
  t.deepEqual(shape({ scheme: 'columns' }), [28, 28]);
  t.deepEqual(shape({ scheme: 'patches', patchSize: [7, 7] }), [16, 49]);
});

test('patches that do not fit, and images and sequences without bounds, are refused', (t) => {
  const size = { height: 4, width: 6, channels: 1 };
  const refuse = (config: object, code: string, message: RegExp, of: ImageSize = size) =>
    t.throws(() => sequenceMap({ scheme: 'patches', ...config }, of), { code, message });
  refuse({}, 'ERR_VALUE', /needs a patchSize/);
  refuse({ patchSize: [5, 1] }, 'ERR_SHAPE', /patch height must be at most the image's, 4, got 5/);
  refuse({ patchSize: [1, 7] }, 'ERR_SHAPE', /patch width must be at most the image's, 6, got 7/);
  refuse({ patchSize: [2, 2], stride: [2, 3] }, 'ERR_VALUE', /pixels between patches are lost; got 3/);
  const large = { height: 2 ** 12, width: 2 ** 12, channels: 1 };
  refuse({ patchSize: [64, 64], stride: [1, 1] }, 'ERR_SHAPE', /choose a larger stride/, large);
  refuse({ scheme: 'rows' }, 'ERR_SHAPE', /too large for a sequence/, { ...large, channels: 5 });
  refuse({ scheme: 'rows' }, 'ERR_VALUE', /height must be an integer/, { ...size, height: 0 });
});
