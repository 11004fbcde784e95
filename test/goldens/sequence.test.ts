/** Activations, and attention over steps, against PyTorch in float64. */
import test from 'ava';
import { GraphBuilder, GroupTable } from '../../lib/layers/builder.js';
import { activation, attention, type Layer } from '../../lib/layers/index.js';
import { runOnce, type Target } from '../support/conformance_program.js';
import { Golden, isas, placeOf, relativeError } from '../support/goldens_fixtures.js';

// The layer by itself, as a graph whose gradients can be read.
function graphOf(layer: Layer, [, ...axes]: readonly number[], hasLengths: boolean) {
  const groups = new GroupTable();
  const builder = new GraphBuilder({ groups });
  const [steps, features] = axes.length === 2 ? axes : [0, axes[0]];
  const spec = { dtype: 'f32', steps: steps as number, dims: [features as number] } as const;
  const x = builder.input('x', 'value', spec, { gradient: true }).tensor;
  if (hasLengths) builder.setLengths(x, builder.input('lengths', 'value', { dtype: 'i32', steps: 0, dims: [] }).tensor);
  const [y] = builder.withLengths([x], () => layer.lowerMany(builder, layer.kind, [x]));
  if (y === undefined) throw new Error(`${layer.kind} gives nothing`);
  builder.output('y', y, { seeded: true });
  return { graph: builder.build(), groups: groups.groups };
}

const weights = ['projection.weight', 'projection.bias', 'score.weight'];

for (const isa of isas) {
  const target: Target = { name: isa, ...placeOf(isa) };

  for (const kind of ['gelu', 'silu'] as const) {
    test(`${kind} on ${isa} is PyTorch's`, async (t) => {
      const golden = await Golden.load(`seq_${kind}`);
      const { data: x, shape } = golden.f32('x');
      const { graph } = graphOf(activation({ kind }), shape, false);
      const options = { graph, batch: shape[0] as number };
      const got = await runOnce(target, options, { inputs: { x }, seeds: { y: golden.f32('dy').data } });
      t.true(relativeError(got.outputs['y'] ?? [], golden.f64('y')) < 1e-6);
      t.true(relativeError(got.gradients['x'] ?? [], golden.f64('grad.x')) < 1e-6);
    });
  }

  for (const name of ['seq_attention', 'seq_attention_len']) {
    test(`${name} on ${isa} is PyTorch's, with all gradients`, async (t) => {
      const golden = await Golden.load(name);
      const { data: x, shape } = golden.f32('x');
      const hasLengths = golden.flag('hasLengths');
      const units = golden.shape('projection.bias')[0] as number;
      const made = graphOf(attention({ units }), shape, hasLengths);
      const parameters = Float32Array.from(weights.flatMap((weight) => [...golden.f32(weight).data]));
      const got = await runOnce(
        target,
        { ...made, batch: shape[0] as number, parameters },
        {
          inputs: { x, ...(hasLengths ? { lengths: golden.i32('lengths') } : {}) },
          seeds: { y: golden.f32('dy').data },
        },
      );
      const gradients = weights.flatMap((weight) => [...golden.f64(`grad.${weight}`)]);
      t.true(relativeError(got.outputs['y'] ?? [], golden.f64('y')) < 1e-6);
      t.true(relativeError(got.gradients['x'] ?? [], golden.f64('grad.x')) < 2e-6);
      t.true(relativeError(got.parameterGradients, gradients) < 2e-6);
    });
  }
}
