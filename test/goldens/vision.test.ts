/** Convolution, pooling and normalisation against PyTorch. */
import test from 'ava';
import { type Target, TestProgram, targets } from '../support/conformance_program.js';
import type { Activation } from '../support/conformance_reference.js';
import { fixtureNames, Golden, relativeError } from '../support/goldens_fixtures.js';
import { convProgram, normProgram, poolProgram } from '../support/vision_programs.js';
import type { ConvCase, WindowCase } from '../support/vision_reference.js';

const named = (pattern: RegExp) => fixtureNames.filter((name) => pattern.test(name));
const empty = new Float32Array(0);

function numbers(golden: Golden, key: string): readonly number[] {
  return golden.text(key).split(',').map(Number);
}

function pair(golden: Golden, key: string): readonly [number, number] {
  const [y = 0, x = 0] = numbers(golden, key);
  return [y, x];
}

function windowOf(golden: Golden): WindowCase & { readonly batch: number; readonly steps: number } {
  const [batch = 0, height = 0, width = 0, channels = 0] = golden.shape('x');
  const [top = 0, bottom = 0, left = 0, right = 0] = numbers(golden, 'pads');
  const dilation = golden.name.includes('conv') ? pair(golden, 'dilation') : ([1, 1] as const);
  return {
    ...{ batch, steps: 0, height, width, channels, dilation, pads: [top, bottom, left, right] },
    size: pair(golden, 'kernel'),
    strides: pair(golden, 'strides'),
  };
}

interface Check {
  readonly what: string;
  readonly got: Float32Array;
  readonly wanted: Float64Array;
}

function failures(golden: Golden, limit: number, checks: readonly Check[]): string[] {
  return checks
    .map(({ what, got, wanted }) => ({ what, error: relativeError(got, wanted) }))
    .filter(({ error }) => !(error <= limit))
    .map(({ what, error }) => `${golden.name} ${what}: off by ${error}`);
}

async function conv(target: Target, golden: Golden): Promise<string[]> {
  const window = windowOf(golden);
  const useBias = golden.flag('bias');
  const weight = golden.f32('weight');
  const c: ConvCase = {
    ...window,
    filters: weight.shape[0] ?? 0,
    activation: golden.text('activation') as Activation,
    useBias,
  };
  const parameters = Float32Array.of(...weight.data, ...(useBias ? golden.f32('bias').data : []));
  const open = await TestProgram.open(target, convProgram(c, window, parameters));
  const got = await open.run({ inputs: { x: golden.f32('x').data }, seeds: { y: golden.f32('dy').data } });
  open.close();
  const split = weight.data.length;
  return failures(golden, 2e-6, [
    { what: 'y', got: got.outputs['y'] ?? empty, wanted: golden.f64('y') },
    { what: 'dx', got: got.gradients['x'] ?? empty, wanted: golden.f64('dx') },
    { what: 'dweight', got: got.parameterGradients.subarray(0, split), wanted: golden.f64('grad.weight') },
    ...(useBias
      ? [{ what: 'dbias', got: got.parameterGradients.subarray(split), wanted: golden.f64('grad.bias') }]
      : []),
  ]);
}

async function pool(target: Target, golden: Golden): Promise<string[]> {
  const window = windowOf(golden);
  const open = await TestProgram.open(target, poolProgram(golden.text('kind') as 'max' | 'avg', window, window));
  const got = await open.run({ inputs: { x: golden.f32('x').data }, seeds: { y: golden.f32('dy').data } });
  open.close();
  return failures(golden, 1e-6, [
    { what: 'y', got: got.outputs['y'] ?? empty, wanted: golden.f64('y') },
    { what: 'dx', got: got.gradients['x'] ?? empty, wanted: golden.f64('dx') },
  ]);
}

async function layerNorm(target: Target, golden: Golden): Promise<string[]> {
  const [batch = 0, ...dims] = golden.shape('x');
  const parameters = Float32Array.of(...golden.f32('weight').data, ...golden.f32('bias').data);
  const c = { op: 'layerNorm', batch, dims, steps: 0, epsilon: golden.number('epsilon') } as const;
  const open = await TestProgram.open(target, normProgram(c, parameters));
  const got = await open.run({ inputs: { x: golden.f32('x').data }, seeds: { y: golden.f32('dy').data } });
  open.close();
  const width = dims.at(-1) ?? 0;
  return failures(golden, 2e-6, [
    { what: 'y', got: got.outputs['y'] ?? empty, wanted: golden.f64('y') },
    { what: 'dx', got: got.gradients['x'] ?? empty, wanted: golden.f64('dx') },
    { what: 'dweight', got: got.parameterGradients.subarray(0, width), wanted: golden.f64('grad.weight') },
    { what: 'dbias', got: got.parameterGradients.subarray(width), wanted: golden.f64('grad.bias') },
  ]);
}

// Three steps of training, then the running statistics in their place.
async function batchNorm(target: Target, golden: Golden): Promise<string[]> {
  const [steps = 0, batch = 0, ...dims] = golden.shape('x');
  const width = dims.at(-1) ?? 0;
  const running = [...new Float32Array(width), ...new Float32Array(width).fill(1)];
  const parameters = Float32Array.of(...golden.f32('weight').data, ...golden.f32('bias').data, ...running);
  const c = {
    ...{ op: 'batchNorm' as const, batch, dims, steps: 0 },
    epsilon: golden.number('epsilon'),
    momentum: golden.number('momentum'),
  };
  const row = dims.reduce((product, dim) => product * dim, batch);
  const of = (name: string, step: number, size: number) => golden.f64(name).subarray(step * size, (step + 1) * size);
  const open = await TestProgram.open(target, normProgram(c, parameters));
  const found: string[] = [];
  let state: Float32Array = parameters;
  for (let step = 0; step < steps; step++) {
    const slice = (name: string) => golden.f32(name).data.slice(step * row, (step + 1) * row);
    const got = await open.run({ inputs: { x: slice('x') }, seeds: { y: slice('dy') } });
    state = await open.read('parameters');
    const checks: readonly Check[] = [
      { what: 'y', got: got.outputs['y'] ?? empty, wanted: of('y', step, row) },
      { what: 'dx', got: got.gradients['x'] ?? empty, wanted: of('dx', step, row) },
      { what: 'dweight', got: got.parameterGradients.subarray(0, width), wanted: of('grad.weight', step, width) },
      { what: 'dbias', got: got.parameterGradients.subarray(width), wanted: of('grad.bias', step, width) },
      { what: 'mean', got: state.subarray(2 * width, 3 * width), wanted: of('running_mean', step, width) },
      { what: 'variance', got: state.subarray(3 * width), wanted: of('running_var', step, width) },
    ];
    found.push(...failures(golden, 4e-6, checks).map((text) => `step ${step}: ${text}`));
  }
  open.close();
  const evaluate = await TestProgram.open(target, normProgram({ ...c, mode: 'predict' }, state));
  const got = await evaluate.run({ inputs: { x: golden.f32('x').data.slice(0, row) } });
  evaluate.close();
  const check = { what: 'evaluated', got: got.outputs['y'] ?? empty, wanted: golden.f64('evaluated') };
  return [...found, ...failures(golden, 4e-6, [check])];
}

for (const target of targets()) {
  for (const [pattern, run] of [
    [/^vision_conv/, conv],
    [/^vision_(max|avg)_pool/, pool],
    [/^vision_layer_norm/, layerNorm],
    [/^vision_batch_norm/, batchNorm],
  ] as const) {
    for (const name of named(pattern)) {
      test(`${name} on ${target.name}`, async (t) => t.deepEqual(await run(target, await Golden.load(name)), []));
    }
  }
}
