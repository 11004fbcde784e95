/** Graphs drawn at random, against float64: fan-out, sharing, unread nodes and overlapping lifetimes in all combinations. */

import test from 'ava';
import fc from 'fast-check';
import type { GraphSpec } from '../../lib/graph_spec.js';
import type { ProgramHandle } from '../../lib/native.js';
import {
  bufferOf,
  Door,
  denseGroup,
  denseTanh64,
  differences,
  floatsOf,
  gradientStep,
  graphBuilder,
  numbers,
  parameterCount,
  relativeDifference,
  roomFor,
} from '../support/program_door.js';

const [batch, width, sharedGroups] = [2, 3, 3];
const elements = batch * width;
const groups = Array.from({ length: sharedGroups }, (_, i) => denseGroup(`g${i}`, width, width));
const perGroup = width * width + width;

/** A node reads tensors that are there already: a dense layer one, a sum two or three. */
type Node = { readonly group: number; readonly from: number } | { readonly terms: readonly number[] };

const nodes: fc.Arbitrary<readonly Node[]> = fc
  .array(fc.tuple(fc.boolean(), fc.nat(), fc.array(fc.nat(), { minLength: 2, maxLength: 3 })), {
    minLength: 1,
    maxLength: 14,
  })
  .map((drawn) =>
    drawn.map(([dense, group, reads], i): Node => {
      const tensors = i + 1;
      const [first, ...rest] = reads.map((read) => read % tensors) as [number, ...number[]];
      return dense ? { group: group % sharedGroups, from: first } : { terms: [first, ...rest] };
    }),
  );

function graphOf(list: readonly Node[], outputs: readonly number[]): GraphSpec {
  const b = graphBuilder();
  const tensors = [b.input('x', 'value', { dtype: 'f32', steps: 0, dims: [width] }, { gradient: true }).tensor];
  const at = (i: number) => tensors[i] as (typeof tensors)[number];
  for (const [i, node] of list.entries()) {
    const y = b.tensor('f32', 0, [width]);
    if ('terms' in node) b.node(`add${i}`, 'add', {}, node.terms.map(at), [y]);
    else b.node(`dense${i}`, 'dense', { units: width, activation: 'tanh' }, [at(node.from)], [y], node.group);
    tensors.push(y);
  }
  for (const output of outputs) b.output(`y${output}`, at(output), { seeded: true });
  return b.build();
}

function valuesOf(list: readonly Node[], params: ArrayLike<number>, x: ArrayLike<number>): Float64Array[] {
  const tensors: Float64Array[] = [Float64Array.from(x)];
  for (const node of list) {
    const at = (i: number) => tensors[i] as Float64Array;
    if ('terms' in node)
      tensors.push(at(0).map((_, k) => node.terms.reduce((sum, i) => sum + (at(i)[k] as number), 0)));
    else tensors.push(denseTanh64(params, node.group * perGroup, at(node.from), width));
  }
  return tensors;
}

type Values = ArrayLike<number>;

function expectClose(what: string, got: Values, want: Values, tolerance: number): void {
  const error = relativeDifference(got, want);
  if (error > tolerance) throw new Error(`${what}: off by ${error}`);
}

test('results and gradients of random graphs are those of float64, in predict and in train', async (t) => {
  const door = new Door(t);
  const store = await door.store(groups, 8);
  const count = parameterCount(groups);
  const params = await door.read(store, 'parameters', count);
  const [x, seed] = [numbers(elements, 9), numbers(elements, 10)];
  const inputs = [{ index: 0, buffer: bufferOf(x) }];

  const expectResults = async (program: ProgramHandle, want: readonly Values[]) => {
    const outputs = want.map((_, index) => ({ index, buffer: roomFor(elements) }));
    await door.run(program, { rows: batch, inputs, outputs });
    for (const [i, { buffer }] of outputs.entries()) {
      expectClose(`output ${i}`, floatsOf(buffer, elements), want[i] as Values, 2e-6);
    }
  };
  const expectGradients = async (program: ProgramHandle, loss: (p: Values, at: Values) => number, outputs: number) => {
    const dx = roomFor(elements);
    const seeds = Array.from({ length: outputs }, (_, index) => ({ index, buffer: bufferOf(seed) }));
    const gradients = [{ index: 0, buffer: dx }];
    await door.run(program, { rows: batch, segments: gradientStep, inputs, seeds, gradients });
    const [wantX, wantParams] = [differences((at) => loss(params, at), x), differences((p) => loss(p, x), params)];
    expectClose('gradient of the input', floatsOf(dx, elements), wantX, 5e-6);
    expectClose('gradients of the parameters', await door.read(store, 'gradients', count), wantParams, 5e-6);
  };
  const check = async (list: readonly Node[], picks: readonly number[]) => {
    const outputs = [...new Set([list.length, ...picks.map((pick) => pick % (list.length + 1))])];
    const graph = graphOf(list, outputs);
    const results = (p: Values, at: Values) => {
      const tensors = valuesOf(list, p, at);
      return outputs.map((output) => tensors[output] as Float64Array);
    };
    const loss = (p: Values, at: Values) =>
      results(p, at).reduce((sum, y) => sum + y.reduce((s, value, k) => s + value * (seed[k] as number), 0), 0);
    const train = await door.compile(store, graph, 'train', batch);
    await expectResults(await door.compile(store, graph, 'predict', batch), results(params, x));
    await expectResults(train, results(params, x));
    await expectGradients(train, loss, outputs.length);
  };
  const picks = fc.array(fc.nat(), { maxLength: 2 });
  await t.notThrowsAsync(fc.assert(fc.asyncProperty(nodes, picks, check), { seed: 1, numRuns: 150 }));
});
