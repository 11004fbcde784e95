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
  [{ scheme: 'row' }, 'ERR_VALUE', /scheme must be one of 'rows', 'columns', 'patches', got 'row'/],
  [{ scheme: 'toString' }, 'ERR_VALUE', /scheme must be one of/],
  [{ scheme: 'patches' }, 'ERR_VALUE', /needs a patchSize/],
  [{ patchSize: 7 }, 'ERR_VALUE', /are for the scheme 'patches', got scheme 'rows'/],
  [{ scheme: 'columns', stride: 1 }, 'ERR_VALUE', /are for the scheme 'patches'/],
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
