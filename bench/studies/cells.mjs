// The article's comparison: every cell on the rows of MNIST, with as many parameters each as the article's GRU of 2 x 128 units.
import { compileRecipe } from '../../dist/lib/cli/recipe.js';
import { models } from '../../dist/lib/index.js';

const cells = [
  ['GRU', 'gru'],
  ['GRU, reset before', 'gruResetBefore'],
  ['LSTM', 'lstm'],
  ['CIFG-LSTM', 'cifgLstm'],
  ["article's cell", 'article'],
  ['RNN, tanh', 'rnn'],
];

function build(cell, units, train, seed) {
  return models.gruRows({ inputShape: train.inputShape, classes: train.classes, cell, units, seed });
}

function parametersAt(cell, units, train) {
  const model = build(cell, units, train, 0);
  const { parameterCount } = model;
  model.dispose();
  return parameterCount;
}

// The units whose model comes nearest to `wanted` parameters.
function unitsFor(cell, wanted, train) {
  let best = { units: 1, distance: Number.POSITIVE_INFINITY };
  for (let units = 96; units <= 288; units++) {
    const distance = Math.abs(parametersAt(cell, units, train) - wanted);
    if (distance < best.distance) best = { units, distance };
  }
  return best.units;
}

export const study = {
  name: 'cells',
  title: 'Recurrent cells at equal parameters, rows of MNIST',
  epochs: 3,
  seeds: [1, 2, 3],
  latency: true,
  entries(train) {
    const wanted = parametersAt(cells[0][1], 128, train);
    return cells.map(([name, cell]) => {
      const units = unitsFor(cell, wanted, train);
      return {
        name,
        note: `2 × ${units} units`,
        build: (seed) => compileRecipe(build(cell, units, train, seed)),
        fit: { batchSize: 128 },
      };
    });
  },
};
