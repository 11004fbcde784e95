/** Graphs drawn at random, against float64: fan-out, sharing, unread nodes and overlapping lifetimes in all combinations. */

import test from 'ava';
import fc from 'fast-check';
import type { GraphSpec } from '../../lib/graph_spec.js';
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

test('results and gradients of random graphs are those of float64, in predict and in train', async (t) => {
  const door = new Door(t);
  const store = await door.store(groups, 8);
  const count = parameterCount(groups);
  const params = await door.read(store, 'parameters', count);
  const [x, seed] = [numbers(elements, 9), numbers(elements, 10)];

  const check = async (list: readonly Node[], picks: readonly number[]) => {
    const outputs = [...new Set([list.length, ...picks.map((pick) => pick % (list.length + 1))])];
    const graph = graphOf(list, outputs);
    const want = valuesOf(list, params, x);
    const loss = (p: ArrayLike<number>, at: ArrayLike<number>) => {
      const tensors = valuesOf(list, p, at);
      return outputs.reduce(
        (sum, o) => sum + (tensors[o] as Float64Array).reduce((s, y, k) => s + y * (seed[k] as number), 0),
        0,
      );
    };
    for (const mode of ['predict', 'train'] as const) {
      const program = await door.compile(store, graph, mode, batch);
      const results = outputs.map((_, index) => ({ index, buffer: roomFor(elements) }));
      const inputs = [{ index: 0, buffer: bufferOf(x) }];
      await door.run(program, { rows: batch, inputs, outputs: results });
      for (const [i, output] of outputs.entries()) {
        const got = floatsOf((results[i] as (typeof results)[number]).buffer, elements);
        if (relativeDifference(got, want[output] as Float64Array) > 2e-6)
          throw new Error(`${mode}: tensor ${output} is wrong`);
      }
      if (mode === 'predict') continue;
      const dx = roomFor(elements);
      await door.run(program, {
        rows: batch,
        segments: gradientStep,
        inputs,
        seeds: outputs.map((_, index) => ({ index, buffer: bufferOf(seed) })),
        gradients: [{ index: 0, buffer: dx }],
      });
      if (
        relativeDifference(
          floatsOf(dx, elements),
          differences((at) => loss(params, at), x),
        ) > 5e-6
      ) {
        throw new Error('the gradient of the input is wrong');
      }
      const gradients = await door.read(store, 'gradients', count);
      if (
        relativeDifference(
          gradients,
          differences((at) => loss(at, x), params),
        ) > 5e-6
      ) {
        throw new Error('the gradients of the parameters are wrong');
      }
    }
  };
  await fc.assert(fc.asyncProperty(nodes, fc.array(fc.nat(), { maxLength: 2 }), check), { seed: 1, numRuns: 150 });
  t.pass();
});
