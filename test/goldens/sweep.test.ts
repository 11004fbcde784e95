import test from 'ava';
import { datasets, layers, type Sequential, sequential } from '../../lib/index.js';
import { fixtureNames, Golden, isas, placeOf, relativeError } from '../support/goldens_fixtures.js';

function layerOf(golden: Golden): layers.Layer {
  const units = golden.number('units');
  if (golden.name === 'sweep_sequencer') return layers.sequencer({ units, mlpRatio: golden.number('mlpRatio') });
  return layers.renet({ units, windowSize: [golden.number('windowHeight'), golden.number('windowWidth')] });
}

async function modelOf(golden: Golden, isa: string): Promise<Sequential> {
  const layer = layerOf(golden);
  const inputShape = golden.shape('x').slice(1);
  const options = { inputShape, normalization: 'none', ...placeOf(isa) } as const;
  const model = sequential([layer, layers.flatten()], options);
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const weights = golden.names.filter((name) => /(weight|bias)\w*$/.test(name) && !name.startsWith('grad.'));
  await model.setWeights(Object.fromEntries(weights.map((name) => [`${layer.kind}_1.${name}`, golden.f32(name)])));
  return model;
}

for (const name of fixtureNames.filter((file) => file.startsWith('sweep_'))) {
  for (const isa of isas) {
    test(`${name} gives PyTorch's output, loss and gradients: ${isa}`, async (t) => {
      const golden = await Golden.load(name);
      const model = await modelOf(golden, isa);
      const shape = golden.shape('x').slice(1);
      const data = datasets.fromArrays({ inputs: golden.f32('x').data, labels: golden.f32('targets').data, shape });
      t.true(relativeError(await model.predict(data), golden.f64('output')) < 2e-6);
      const { loss } = await model.computeGradients(data);
      t.true(Math.abs(loss - (golden.f64('loss')[0] as number)) < 2e-6);
      const gradients = await model.getGradients();
      const wanted = golden.names.filter((key) => key.startsWith('grad.'));
      t.is(Object.keys(gradients).length, wanted.length);
      for (const key of wanted) {
        const [layer] = model.layers;
        const got = gradients[`${layer?.name}.${key.slice('grad.'.length)}`];
        t.true(relativeError(got?.data ?? [], golden.f64(key)) < 1e-5, key);
      }
      model.dispose();
    });
  }
}
