import test, { type ExecutionContext } from 'ava';
import { datasets, input, type LayerTensor, layers, losses, type Model, model } from '../../lib/index.js';
import { fixtureNames, Golden, isas, maxError, placeOf, relativeError } from '../support/goldens_fixtures.js';

type Options = layers.RecurrentOptions;
type MakeStates = (options: Options & layers.ReturningState) => layers.RecurrentLayer<layers.SeveralTensors>;

const plain: Readonly<Record<string, (options: Options) => layers.RecurrentLayer>> = {
  gru: layers.gru,
  lstm: (options) => layers.lstm({ ...options, unitForgetBias: false }),
};
const withStates: Readonly<Record<string, MakeStates>> = { gru: layers.gru, lstm: layers.lstm };

/** The read-out under the Linear layer, as make_graph_goldens.py has it. */
function readOut(golden: Golden, x: LayerTensor): LayerTensor {
  const cell = golden.text('cell');
  const [make, makeStates] = [plain[cell] ?? layers.gru, withStates[cell] ?? layers.gru];
  const stack = {
    units: golden.number('hiddenSize'),
    numLayers: golden.number('layers'),
    bidirectional: golden.flag('bidirectional'),
  };
  switch (golden.text('kind')) {
    case 'seq2seq': {
      const [sequence, ...states] = makeStates({ ...stack, returnSequences: true, returnState: true }).apply(x);
      return make(stack).apply(sequence, { initialState: states });
    }
    case 'merge':
      return make({ ...stack, mergeMode: golden.text('mergeMode') as layers.MergeMode }).apply(x);
    default:
      return make(stack).apply(make({ ...stack, goBackwards: true, returnSequences: true }).apply(x));
  }
}

async function modelOf(t: ExecutionContext, golden: Golden, isa: string): Promise<Model> {
  const x = input({ shape: [golden.number('steps'), golden.number('inputSize')] });
  const outputs = layers.dense({ units: golden.number('outputSize') }).apply(readOut(golden, x));
  const made = model({ inputs: x, outputs }, placeOf(isa));
  t.teardown(() => made.dispose());
  made.compile({ optimizer: 'sgd', loss: losses.categoricalCrossentropy({ fromLogits: true }) });
  const names = Object.keys(await made.getWeights());
  await made.setWeights(Object.fromEntries(names.map((name) => [name, golden.f32(name)])));
  return made;
}

function batchOf(golden: Golden) {
  return datasets.fromArrays({
    inputs: golden.f32('x').data,
    labels: golden.i32('labels'),
    shape: [golden.number('steps'), golden.number('inputSize')],
    classes: golden.number('outputSize'),
    ...(golden.flag('hasLengths') ? { lengths: golden.i32('lengths') } : {}),
  });
}

for (const isa of isas) {
  for (const name of fixtureNames.filter((fixture) => fixture.startsWith('graph_'))) {
    test(`${name} on ${isa}: outputs, loss and gradients are PyTorch's`, async (t) => {
      const golden = await Golden.load(name);
      const made = await modelOf(t, golden, isa);
      const batch = batchOf(golden);
      const error = maxError(await made.predict(batch), golden.f64('outputs'));
      t.true(error <= 2e-6, `outputs: off by ${error}`);
      const { loss } = await made.computeGradients(batch);
      t.true(maxError([loss], golden.f64('losses')) <= 1e-6, `loss ${loss}`);
      for (const [weight, { data, shape }] of Object.entries(await made.getGradients())) {
        t.deepEqual(shape, golden.shape(`grad.${weight}`));
        const off = relativeError(data, golden.f64(`grad.${weight}`));
        t.true(off <= 2e-5, `gradient of ${weight}: off by ${off} of its largest`);
      }
    });
  }
}
