/** Layers on images and normalisation: what they lower to, without a model around them. */
import test from 'ava';
import { layers } from '../../lib/index.js';
import { GraphBuilder, GroupTable } from '../../lib/layers/builder.js';
import type { Layer } from '../../lib/layers/layer.js';
import { type Refusal, refuses } from '../support/training_models.js';

// A layer on images (or anything else) by itself.
function lowered(layer: Layer, dims: readonly number[], steps = 0, rows = 1) {
  const groups = new GroupTable();
  const builder = new GraphBuilder({ groups });
  const { tensor } = builder.input('x', 'value', { dtype: 'f32', steps, dims, rows });
  const output = layer.lower(builder, 'it', tensor);
  const [node] = builder.build().nodes;
  return { output, groups: groups.groups, node, attrs: node?.attrs ?? {} };
}

const dimsOf = (layer: Layer, dims: readonly number[]) => lowered(layer, dims).output.dims;

test("valid windows fit whole, 'same' makes a pixel for each stride: Keras's rules", (t) => {
  const conv = (size: number, strides: number, padding: 'valid' | 'same', dilation = 1) =>
    dimsOf(layers.conv2d({ filters: 5, kernelSize: size, strides, padding, dilation }), [28, 13, 3]);
  t.deepEqual(conv(3, 1, 'valid'), [26, 11, 5]);
  t.deepEqual(conv(3, 2, 'valid'), [13, 6, 5]);
  t.deepEqual(conv(3, 1, 'valid', 3), [22, 7, 5]);
  t.deepEqual(conv(3, 1, 'same'), [28, 13, 5]);
  t.deepEqual(conv(3, 2, 'same'), [14, 7, 5]);
  t.deepEqual(conv(1, 3, 'same'), [10, 5, 5]);
  const pool = layers.maxPool2d({ poolSize: 2 });
  t.deepEqual(dimsOf(pool, [28, 13, 3]), [14, 6, 3]);
  t.deepEqual(dimsOf(layers.avgPool2d({ poolSize: [3, 2], strides: 1 }), [28, 13, 3]), [26, 12, 3]);
  t.deepEqual(dimsOf(layers.avgPool2d({ poolSize: 2, padding: 'same' }), [28, 13, 3]), [14, 7, 3]);
});

test("the odd pixel of 'same' padding lies below and to the right", (t) => {
  const pads = ({ attrs }: ReturnType<typeof lowered>) =>
    ['padTop', 'padBottom', 'padLeft', 'padRight'].map((name) => attrs[name]);
  const conv = layers.conv2d({ filters: 1, kernelSize: [3, 4], strides: [2, 1], padding: 'same' });
  t.deepEqual(pads(lowered(conv, [28, 28, 1])), [0, 1, 1, 2]);
  t.deepEqual(pads(lowered(conv, [27, 28, 1])), [1, 1, 1, 2]);
  const dilated = layers.conv2d({ filters: 1, kernelSize: 3, dilation: 2, padding: 'same' });
  t.deepEqual(pads(lowered(dilated, [9, 9, 1])), [2, 2, 2, 2]);
});

test('steps and rows are taken one by one', (t) => {
  for (const layer of [
    layers.conv2d({ filters: 4, kernelSize: 3 }),
    layers.maxPool2d({ poolSize: 2 }),
    layers.layerNorm(),
    layers.batchNorm(),
  ]) {
    const { output } = lowered(layer, [8, 8, 2], 5, 3);
    t.is(output.steps, 5);
    t.is(output.rows, 3);
  }
  t.deepEqual(lowered(layers.layerNorm(), [7], 5).output.dims, [7]);
});

test("weights have PyTorch's names, order and shapes; running statistics are buffers beside them", (t) => {
  const params = (layer: Layer, dims: readonly number[]) =>
    lowered(layer, dims).groups.flatMap((group) =>
      group.params.map(({ name, shape }) => `${group.buffer === true ? '(kept) ' : ''}${name} ${shape.join('x')}`),
    );
  t.deepEqual(params(layers.conv2d({ filters: 6, kernelSize: [3, 5] }), [9, 9, 2]), ['weight 6x2x3x5', 'bias 6']);
  t.deepEqual(params(layers.conv2d({ filters: 6, kernelSize: 1, useBias: false }), [9, 9, 2]), ['weight 6x2x1x1']);
  t.deepEqual(params(layers.maxPool2d({ poolSize: 2 }), [9, 9, 2]), []);
  t.deepEqual(params(layers.layerNorm(), [9, 9, 2]), ['weight 2', 'bias 2']);
  t.deepEqual(params(layers.batchNorm(), [9, 9, 2]), [
    'weight 2',
    'bias 2',
    '(kept) running_mean 2',
    '(kept) running_var 2',
  ]);
});

test('weights of a convolution start by the fans of its window', (t) => {
  const limit = (kernelInitializer: 'glorotUniform' | 'uniform') =>
    lowered(layers.conv2d({ filters: 6, kernelSize: [3, 5], kernelInitializer }), [9, 9, 2]).groups[0]?.initializers;
  t.deepEqual(limit('glorotUniform'), [{ kind: 'uniform', value: Math.sqrt(6 / (15 * (2 + 6))) }, { kind: 'zeros' }]);
  t.deepEqual(limit('uniform'), [{ kind: 'uniform', value: 1 / Math.sqrt(30) }, { kind: 'zeros' }]);
});

test('a layer that is used twice has its parameters and statistics once', (t) => {
  const groups = new GroupTable();
  const builder = new GraphBuilder({ groups });
  const { tensor } = builder.input('x', 'value', { dtype: 'f32', steps: 0, dims: [4] });
  const norm = layers.batchNorm();
  norm.lower(builder, 'norm', norm.lower(builder, 'norm', tensor));
  t.is(groups.groups.length, 2);
});

test('a layer keeps all of its options, with defaults filled in', (t) => {
  t.deepEqual(layers.conv2d({ filters: 2, kernelSize: 3 }).config, {
    filters: 2,
    kernelSize: [3, 3],
    strides: [1, 1],
    dilation: [1, 1],
    padding: 'valid',
    activation: 'linear',
    useBias: true,
    kernelInitializer: 'glorotUniform',
    biasInitializer: 'zeros',
  });
  t.deepEqual(layers.maxPool2d({ poolSize: [2, 3] }).config, { poolSize: [2, 3], strides: [2, 3], padding: 'valid' });
  t.deepEqual(layers.layerNorm().config, { epsilon: 1e-5 });
  t.deepEqual(layers.batchNorm({ momentum: 0.5 }).config, { momentum: 0.5, epsilon: 1e-5 });
});

test('options are checked', async (t) => {
  const conv = (options: object) => () => layers.conv2d({ filters: 1, kernelSize: 3, ...options } as never);
  const cases: readonly Refusal[] = [
    ['filters', conv({ filters: 0 }), 'ERR_VALUE', /^filters must be an integer from 1 to/],
    ['kernelSize', conv({ kernelSize: [3, 0] }), 'ERR_VALUE', /^kernelSize\[1\] must be an integer from 1 to 4096/],
    ['no kernelSize', conv({ kernelSize: undefined }), 'ERR_TYPE', /^kernelSize must be an integer/],
    [
      'three',
      conv({ strides: [1, 1, 1] }),
      'ERR_VALUE',
      /^strides must be a number or \[vertical, horizontal\], got 3/,
    ],
    ['dilation', conv({ dilation: 1.5 }), 'ERR_VALUE', /^dilation must be an integer/],
    ['padding', conv({ padding: 'full' }), 'ERR_VALUE', /^padding must be one of 'valid', 'same', got 'full'/],
    ['activation', conv({ activation: 'softmax' }), 'ERR_VALUE', /^activation must be one of 'linear', 'relu'/],
    ['unknown', conv({ kernel: 3 }), 'ERR_VALUE', /layers\.conv2d has no option 'kernel'/],
    ['poolSize', () => layers.maxPool2d({} as never), 'ERR_TYPE', /^poolSize must be an integer/],
    ['pool', () => layers.avgPool2d({ poolsize: 2 } as never), 'ERR_VALUE', /did you mean 'poolSize'/],
    ['epsilon', () => layers.layerNorm({ epsilon: 0 }), 'ERR_VALUE', /^epsilon must be a number from/],
    ['momentum', () => layers.batchNorm({ momentum: 1.1 }), 'ERR_VALUE', /^momentum must be a number from 0 to 1/],
  ];
  await refuses(t, cases);
});

test('what is no image, and a window larger than the image, is refused with both shapes', async (t) => {
  const conv = layers.conv2d({ filters: 1, kernelSize: [5, 3] });
  await refuses(t, [
    [
      'vector',
      () => lowered(conv, [28], 28),
      'ERR_SHAPE',
      /^it \(conv2d\) expects images \[batch, height, width, channels\], got \[batch, 28 steps, 28\]/,
    ],
    [
      'small',
      () => lowered(conv, [4, 9, 1]),
      'ERR_SHAPE',
      /a window of 5 x 3 pixels is larger than the image of 4 x 9; use a smaller one, or padding: 'same'/,
    ],
    [
      'pool',
      () => lowered(layers.maxPool2d({ poolSize: 3 }), [2, 9, 1]),
      'ERR_SHAPE',
      /a window of 3 x 3 pixels is larger than the image of 2 x 9/,
    ],
  ]);
});
