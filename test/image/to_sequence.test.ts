import test from 'ava';
import { isToSequence } from '../../lib/image/index.js';
import { image } from '../../lib/index.js';

type Options = NonNullable<Parameters<typeof image.toSequence>[0]>;

test('rows of the normalised data set, unless something else is wanted', (t) => {
  t.deepEqual(image.toSequence(), { kind: 'toSequence', scheme: 'rows', normalization: 'dataset' });
  t.deepEqual(image.toSequence({ scheme: 'columns', normalization: 'none' }), {
    kind: 'toSequence',
    scheme: 'columns',
    normalization: 'none',
  });
});

test('one number is both sides of a patch, and the stride is the patch when it is left out', (t) => {
  const patches = image.toSequence({ scheme: 'patches', patchSize: 7 });
  t.deepEqual(
    [patches.patchSize, patches.stride],
    [
      [7, 7],
      [7, 7],
    ],
  );
  const strided = image.toSequence({ scheme: 'patches', patchSize: [4, 6], stride: 2 });
  t.deepEqual(
    [strided.patchSize, strided.stride],
    [
      [4, 6],
      [2, 2],
    ],
  );
});

test('each scheme fills in the defaults of its own options, and of no others', (t) => {
  const filled = (options: Options) => {
    const { kind: _, normalization: __, ...rest } = image.toSequence(options);
    return rest;
  };
  t.deepEqual(filled({ scheme: 'pixels' }), { scheme: 'pixels', order: 'raster' });
  t.deepEqual(filled({ scheme: 'permutation' }), { scheme: 'permutation', seed: 0 });
  const patches = { patchSize: [2, 2], stride: [2, 2], order: 'raster', padding: 'zeros' } as const;
  t.deepEqual(filled({ scheme: 'patches', patchSize: 2 }), { scheme: 'patches', ...patches });
  t.deepEqual(filled({ scheme: 'multiScale', patchSize: 2 }), { scheme: 'multiScale', ...patches, scales: [2, 1] });
});

test('the result is frozen data of its own, that JSON keeps', (t) => {
  const mean = [0.5];
  const config = image.toSequence({ scheme: 'patches', patchSize: [2, 3], normalization: { mean, std: [0.25] } });
  mean[0] = 9;
  t.deepEqual(config.normalization, { mean: [0.5], std: [0.25] });
  t.true([config, config.patchSize, config.stride, config.normalization].every(Object.isFrozen));
  t.deepEqual(JSON.parse(JSON.stringify(config)), config);
  t.true(isToSequence(config));
  for (const other of [null, undefined, 'toSequence', { kind: 'gru' }, []]) t.false(isToSequence(other));
});

const wrong: readonly [unknown, string, RegExp][] = [
  [{ schema: 'rows' }, 'ERR_VALUE', /did you mean 'scheme'\?/],
  [
    { scheme: 'row' },
    'ERR_VALUE',
    /scheme must be one of 'rows', 'columns', 'pixels', 'permutation', 'patches', 'multiScale', got 'row'/,
  ],
  [{ scheme: 'toString' }, 'ERR_VALUE', /scheme must be one of/],
  [{ scheme: 'patches' }, 'ERR_VALUE', /needs a patchSize/],
  [{ patchSize: 7 }, 'ERR_VALUE', /patchSize is for the scheme 'patches' or 'multiScale', got scheme 'rows'/],
  [{ scheme: 'columns', stride: 1 }, 'ERR_VALUE', /stride is for the scheme 'patches'/],
  [{ scheme: 'patches', patchSize: 0 }, 'ERR_VALUE', /patchSize\[0\] must be an integer from 1/],
  [{ scheme: 'patches', patchSize: 1.5 }, 'ERR_VALUE', /patchSize\[0\]/],
  [{ scheme: 'patches', patchSize: [7] }, 'ERR_TYPE', /must be a number or \[height, width\]/],
  [{ scheme: 'patches', patchSize: [7, '7'] }, 'ERR_TYPE', /patchSize\[1\]/],
  [{ scheme: 'patches', patchSize: '7' }, 'ERR_TYPE', /must be a number or/],
  [
    { scheme: 'patches', patchSize: 2, stride: 3 },
    'ERR_VALUE',
    /stride must be at most the patchSize \[2, 2\].*\[3, 3\]/,
  ],
  [{ scheme: 'multiScale' }, 'ERR_VALUE', /'multiScale' needs a patchSize/],
  [{ scheme: 'rows', order: 'snake' }, 'ERR_VALUE', /order is for the scheme 'pixels' or 'patches' or 'multiScale'/],
  [{ scheme: 'pixels', order: 'spiral' }, 'ERR_VALUE', /order must be one of 'raster', 'snake', 'hilbert', 'spiralIn'/],
  [{ scheme: 'pixels', padding: 'edge' }, 'ERR_VALUE', /padding is for the scheme 'patches'/],
  [{ scheme: 'patches', patchSize: 2, padding: 'mirror' }, 'ERR_VALUE', /padding must be one of 'zeros', 'edge'/],
  [{ scheme: 'patches', patchSize: 2, scales: [2, 1] }, 'ERR_VALUE', /scales is for the scheme 'multiScale'/],
  [{ scheme: 'multiScale', patchSize: 2, scales: [] }, 'ERR_TYPE', /scales must be an array of 1 to 16/],
  [{ scheme: 'multiScale', patchSize: 2, scales: [1, 2] }, 'ERR_VALUE', /from coarse to fine, .* got \[1, 2\]/],
  [{ scheme: 'multiScale', patchSize: 2, scales: [2, 0] }, 'ERR_VALUE', /scales\[1\] must be an integer from 1/],
  [{ scheme: 'permutation', seed: -1 }, 'ERR_VALUE', /seed must be an integer from 0/],
  [{ scheme: 'pixels', seed: 1 }, 'ERR_VALUE', /seed is for the scheme 'permutation'/],
  [{ normalization: 'batch' }, 'ERR_VALUE', /one of 'dataset', 'none'/],
  [{ normalization: { mean: [0] } }, 'ERR_TYPE', /normalization\.std must be an array/],
  [{ normalization: { mean: 0, std: 1 } }, 'ERR_TYPE', /normalization\.mean must be an array/],
  [{ normalization: { mean: [], std: [] } }, 'ERR_TYPE', /one number for each channel/],
  [{ normalization: { mean: [0, 0], std: [1] } }, 'ERR_SHAPE', /got 2 and 1/],
  [{ normalization: { mean: [0], std: [0] } }, 'ERR_VALUE', /std\[0\] must be a number above 0/],
  [{ normalization: { mean: [Number.NaN], std: [1] } }, 'ERR_VALUE', /mean\[0\]/],
  [{ normalization: { mean: [0], std: [1], eps: 1 } }, 'ERR_VALUE', /no option 'eps'/],
  ['rows', 'ERR_TYPE', /options object/],
];

test('options that are none are refused', (t) => {
  for (const [options, code, message] of wrong) {
    t.throws(() => image.toSequence(options as Options), { code, message }, JSON.stringify(options));
  }
});
