import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readSafetensors, writeSafetensors } from '../../lib/formats/index.js';
import { GRU, type GRUForwardOptions, type GRUOptions, type StateDict } from '../../lib/index.js';
import {
  type F32Tensor,
  fixtureNames,
  Golden,
  isas,
  maxError,
  placeOf,
  relativeError,
} from '../support/goldens_fixtures.js';

const cases = fixtureNames.filter((name) => name.startsWith('gru_'));

// Weights up to 4 amplify rounding from step to step: PyTorch's own float32 is off by 4e-6 there (see the fixtures' README).
// That each of its steps alone is exact is a test of its own, below.
const forwardTolerance = (name: string): number => (name.endsWith('_saturated') ? 2e-5 : 2e-6);
const gradientTolerance = (name: string): number => (name.endsWith('_saturated') ? 2e-5 : 1e-5);

function optionsOf(golden: Golden): GRUOptions {
  return {
    inputSize: golden.number('inputSize'),
    hiddenSize: golden.number('hiddenSize'),
    numLayers: golden.number('layers'),
    bidirectional: golden.flag('bidirectional'),
  };
}

function weightsOf(golden: Golden): StateDict {
  const names = golden.names.filter((name) => /^(weight|bias)_/.test(name));
  return Object.fromEntries(names.map((name) => [name, golden.f32(name)]));
}

async function gruOf(t: ExecutionContext, golden: Golden, isa: string): Promise<GRU> {
  const gru = new GRU({ ...optionsOf(golden), ...placeOf(isa) });
  t.teardown(() => gru.dispose());
  await gru.loadStateDict(weightsOf(golden));
  return gru;
}

function forwardOptions(golden: Golden): GRUForwardOptions {
  return {
    ...(golden.flag('hasState') ? { h0: golden.f32('h0') } : {}),
    ...(golden.flag('hasLengths') ? { lengths: golden.i32('lengths') } : {}),
  };
}

function expectForward(t: ExecutionContext, golden: Golden, what: string, got: F32Tensor): void {
  t.deepEqual(got.shape, golden.shape(what));
  const error = maxError(got.data, golden.f64(what));
  t.true(error <= forwardTolerance(golden.name), `${golden.name} ${what}: off by ${error}`);
}

function expectGradient(t: ExecutionContext, golden: Golden, what: string, got: F32Tensor | undefined): void {
  if (got === undefined) {
    t.fail(`${golden.name} ${what}: no gradient`);
    return;
  }
  t.deepEqual(got.shape, golden.shape(what));
  const error = relativeError(got.data, golden.f64(what));
  t.true(error <= gradientTolerance(golden.name), `${golden.name} ${what}: off by ${error} of its largest value`);
}

for (const isa of isas) {
  for (const name of cases) {
    test(`${name} on ${isa}: forward and backward are PyTorch's`, async (t) => {
      const golden = await Golden.load(name);
      const gru = await gruOf(t, golden, isa);
      const { output, hN } = await gru.forward(golden.f32('x'), { ...forwardOptions(golden), training: true });
      expectForward(t, golden, 'y', output);
      expectForward(t, golden, 'hN', hN);
      const gradients = await gru.backward({ output: golden.f32('dy'), hN: golden.f32('dhN') });
      expectGradient(t, golden, 'dx', gradients.input);
      if (golden.flag('hasState')) expectGradient(t, golden, 'dh0', gradients.h0);
      else t.is(gradients.h0, undefined);
      t.deepEqual(Object.keys(gradients.parameters).sort(), Object.keys(weightsOf(golden)).sort());
      for (const [key, gradient] of Object.entries(gradients.parameters)) {
        expectGradient(t, golden, `grad.${key}`, gradient);
      }
    });

    test(`${name} on ${isa}: a forward that is no training gives PyTorch's results as well`, async (t) => {
      const golden = await Golden.load(name);
      const gru = await gruOf(t, golden, isa);
      const { output, hN } = await gru.forward(golden.f32('x'), forwardOptions(golden));
      expectForward(t, golden, 'y', output);
      expectForward(t, golden, 'hN', hN);
    });
  }
}

// The sequence of one step of a batch-first tensor.
function stepOf({ data, shape }: F32Tensor, step: number): F32Tensor {
  const [batch, steps, width] = shape as [number, number, number];
  const out = new Float32Array(batch * width);
  for (let row = 0; row < batch; row++) {
    const from = (row * steps + step) * width;
    out.set(data.subarray(from, from + width), row * width);
  }
  return { data: out, shape: [batch, width] };
}

for (const name of cases.filter((n) => n.startsWith('gru_uni') && !n.includes('len'))) {
  test(`${name}: single steps arrive at PyTorch's final state`, async (t) => {
    const golden = await Golden.load(name);
    const gru = await gruOf(t, golden, isas.at(-1) as string);
    let state = golden.flag('hasState') ? golden.f32('h0') : undefined;
    for (let step = 0; step < golden.number('steps'); step++) {
      state = await gru.step(stepOf(golden.f32('x'), step), state);
    }
    if (state === undefined) return t.fail('no step was made');
    expectForward(t, golden, 'hN', state);
  });
}

for (const isa of isas) {
  test(`gru_uni_l1_h0_saturated on ${isa}: each step from PyTorch's own state is within 3e-6`, async (t) => {
    const golden = await Golden.load('gru_uni_l1_h0_saturated');
    const gru = await gruOf(t, golden, isa);
    const y = { data: Float32Array.from(golden.f64('y')), shape: golden.shape('y') };
    let [state, worst] = [golden.f32('h0'), 0];
    for (let step = 0; step < golden.number('steps'); step++) {
      const after = await gru.step(stepOf(golden.f32('x'), step), state);
      const want = stepOf(y, step);
      worst = Math.max(worst, maxError(after.data, want.data));
      state = { data: want.data, shape: after.shape };
    }
    t.true(worst <= 3e-6, `off by ${worst}`);
  });
}

for (const name of ['gru_uni_l1_wide', 'gru_bi_l3_h0_len']) {
  test(`${name}: weights survive a safetensors file and another GRU to the last bit`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'cugru-goldens-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const golden = await Golden.load(name);
    const gru = await gruOf(t, golden, isas[0] as string);
    const saved = await gru.stateDict();
    t.deepEqual(saved, weightsOf(golden));

    const path = join(folder, 'gru.safetensors');
    await writeSafetensors(
      path,
      Object.entries(saved).map(([key, { data, shape }]) => ({ name: key, data, shape })),
    );
    const { tensors } = await readSafetensors(path);
    const other = new GRU({ ...optionsOf(golden), seed: 99, ...placeOf(isas[0] as string) });
    t.teardown(() => other.dispose());
    t.notDeepEqual(await other.stateDict(), saved, 'another seed starts with other weights');
    await other.loadStateDict(
      Object.fromEntries(
        tensors.map((tensor) => [tensor.name, { data: tensor.data as Float32Array, shape: tensor.shape }]),
      ),
    );
    t.deepEqual(await other.stateDict(), saved);
    const options = forwardOptions(golden);
    t.deepEqual(await other.forward(golden.f32('x'), options), await gru.forward(golden.f32('x'), options));
  });
}
