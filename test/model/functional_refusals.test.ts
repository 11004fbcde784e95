import test from 'ava';
import { image, input, layers, model, sequential } from '../../lib/index.js';
import { head } from '../support/topology_layers.js';
import { refuses, shape, waves } from '../support/training_models.js';

const options = { seed: 4, device: 'cpu' } as const;

test('graphs that cannot be are refused', async (t) => {
  const [x, other] = [input({ shape }), input({ shape })];
  const state = layers.gru({ units: 2 }).apply(x);
  const dense = layers.dense({ units: 2 });
  await refuses(t, [
    [
      'another input in a layer',
      () => layers.add().apply([state, layers.gru({ units: 2 }).apply(other)]),
      'ERR_GRAPH',
      /'add' was applied to tensors of different inputs/,
    ],
    [
      'another input in a model',
      () => model({ inputs: other, outputs: state }),
      'ERR_GRAPH',
      /outputs comes from another input/,
    ],
    ['two inputs', () => model({ inputs: [x, other] as never, outputs: state }), 'ERR_GRAPH', /one data input, got 2/],
    ['no input', () => model({ inputs: state, outputs: state }), 'ERR_GRAPH', /not the output of 'gru_1'/],
    ['data', () => model({ inputs: waves(2) as never, outputs: state }), 'ERR_TYPE', /inputs must be what input/],
    ['no outputs', () => model({ inputs: x, outputs: [] }), 'ERR_GRAPH', /at least one output/],
    ['a layer as output', () => model({ inputs: x, outputs: dense as never }), 'ERR_TYPE', /outputs must be what/],
    ['the input as output', () => model({ inputs: x, outputs: x }), 'ERR_GRAPH', /at least one layer/],
    ['option', () => model({ inputs: x, outputs: state }, { sed: 1 } as never), 'ERR_VALUE', /did you mean 'seed'/],
    ['end', () => model({ input: x, outputs: state } as never), 'ERR_VALUE', /did you mean 'inputs'/],
    ['numbers', () => dense.apply(new Float32Array(2) as never), 'ERR_TYPE', /input of 'dense' must be what input/],
    ['nothing', () => dense.apply([]), 'ERR_GRAPH', /'dense' was applied to no tensor/],
    ['two for one', () => dense.apply([state, state]), 'ERR_GRAPH', /dense_1 \(dense\) takes 1 input, got 2/],
    [
      'one for two',
      () => layers.add().apply(state),
      'ERR_GRAPH',
      /add_\d \(add\) takes 2 to 8 inputs, got 1; apply it to/,
    ],
    ['a merge in a list', () => sequential([layers.add()], { inputShape: shape }), 'ERR_GRAPH', /takes 2 to 8 inputs/],
    [
      'several outputs in a list',
      () => sequential([layers.gru({ units: 2, returnState: true }), head()], { inputShape: shape }),
      'ERR_GRAPH',
      /layers\.gru gives several outputs here.*model\(\{ inputs, outputs \}\)/,
    ],
    ['shapes', () => layers.gru({ units: 2 }).apply(state), 'ERR_SHAPE', /^gru_\d expects \[batch, steps, features\]/],
    [
      'names',
      () => layers.dense({ units: 2, name: 'gru_1' }).apply(state),
      'ERR_VALUE',
      /two layers are named 'gru_1'/,
    ],
    ['reading a layer', () => image.toSequence().apply(state), 'ERR_GRAPH', /not the output of 'gru_1'/],
    ['reading no image', () => image.toSequence().apply(x), 'ERR_SHAPE', /reads images .* rows of \[6, 3\]/],
    ['reading nothing', () => image.toSequence().apply(undefined as never), 'ERR_TYPE', /takes what input/],
    [
      'normalisation of sequences',
      () => input({ shape, normalization: 'dataset' }),
      'ERR_VALUE',
      /normalization is for images, whose shape/,
    ],
    [
      'two normalisations',
      () => {
        const picture = input({ shape: [3, 3, 1] });
        const read = (mean: number) =>
          layers
            .gru({ units: 2 })
            .apply(image.toSequence({ normalization: { mean: [mean], std: [1] } }).apply(picture));
        return model({ inputs: picture, outputs: layers.add().apply([read(0), read(1)]) });
      },
      'ERR_GRAPH',
      /normalised in different ways/,
    ],
  ]);
});

test('a model that takes whole images, or reads one in several ways, cannot stream', async (t) => {
  const x = input({ shape: [4, 4, 1] });
  const read = (scheme: 'rows' | 'columns') => layers.gru({ units: 2 }).apply(image.toSequence({ scheme }).apply(x));
  const both = model({ inputs: x, outputs: layers.add().apply([read('rows'), read('columns')]) }, options);
  const whole = sequential([layers.toSequence(), layers.gru({ units: 2 })], { inputShape: [4, 4, 1], ...options });
  await refuses(t, [
    ['two readings', () => both.stream(), 'ERR_UNSUPPORTED', /reads its input in several ways, and cannot stream/],
    ['images', () => whole.stream(), 'ERR_UNSUPPORTED', /this model takes whole images/],
  ]);
});
