// The article's comparison: every cell on the rows of MNIST, with as many parameters each as the article's GRU of 2 x 128 units.
import { image, layers, sequential } from '../../dist/lib/index.js';
import { compileRecipe } from './recipe.mjs';

const cells = [
  ['GRU', (options) => layers.gru(options)],
  ['GRU, reset before', (options) => layers.gru({ ...options, resetAfter: false })],
  ['LSTM', (options) => layers.lstm(options)],
  ['CIFG-LSTM', (options) => layers.cifgLstm(options)],
  ["article's cell", (options) => layers.article(options)],
  ['RNN, tanh', (options) => layers.rnn(options)],
];

function build(make, units, train, seed) {
  const stack = [make({ units, returnSequences: true }), make({ units })];
  const head = layers.dense({ units: train.classes, activation: 'softmax' });
  return sequential([image.toSequence({ scheme: 'rows' }), ...stack, head], { inputShape: train.inputShape, seed });
}

function parametersAt(make, units, train) {
  const model = build(make, units, train, 0);
  const { parameterCount } = model;
  model.dispose();
  return parameterCount;
}

// The units whose model comes nearest to `wanted` parameters.
function unitsFor(make, wanted, train) {
  let best = { units: 1, distance: Number.POSITIVE_INFINITY };
  for (let units = 96; units <= 288; units++) {
    const distance = Math.abs(parametersAt(make, units, train) - wanted);
    if (distance < best.distance) best = { units, distance };
  }
  return best.units;
}

export const study = {
  name: 'cells',
  title: 'Recurrent cells at equal parameters, rows of MNIST',
  epochs: 5,
  seeds: [1, 2, 3],
  latency: true,
  entries(train) {
    const wanted = parametersAt(cells[0][1], 128, train);
    return cells.map(([name, make]) => {
      const units = unitsFor(make, wanted, train);
      return {
        name,
        note: `2 × ${units} units`,
        build: (seed) => compileRecipe(build(make, units, train, seed)),
        fit: { batchSize: 128 },
      };
    });
  },
};
