// Test accuracy of the main job over several seeds: the article's model on MNIST rows, the recipe of `npm start`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readyModel } from '../dist/lib/cli/models.js';
import { recipe } from '../dist/lib/cli/recipe.js';
import { datasets } from '../dist/lib/index.js';
import { machine } from './machine.mjs';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '3' },
    seeds: { type: 'string', default: '1,2,3,4' },
    out: { type: 'string' },
  },
});
const epochs = Number(values.epochs);
const { train, test } = await datasets.mnist();
const runs = [];
for (const seed of values.seeds.split(',').map(Number)) {
  const model = readyModel(train, { units: recipe.units }, { ...recipe, seed });
  const history = await model.fit(train, { epochs, batchSize: recipe.batchSize });
  const { accuracy, loss } = await model.evaluate(test);
  const seconds = history.epochs.map((epoch) => epoch.seconds);
  const compute =
    history.epochs.reduce((sum, epoch) => sum + epoch.computeSeconds, 0) / seconds.reduce((a, b) => a + b, 0);
  runs.push({ seed, accuracy, loss, secondsPerEpoch: seconds, computeShare: compute });
  model.dispose();
  console.error(`seed ${seed}: ${(accuracy * 100).toFixed(2)} %, ${seconds.map((s) => s.toFixed(1)).join(' ')} s`);
}
const mean = runs.reduce((sum, run) => sum + run.accuracy, 0) / runs.length;
const result = {
  what: 'MNIST test accuracy, rows, main job',
  date: new Date().toISOString().slice(0, 10),
  machine: machine(),
  recipe: { ...recipe, epochs },
  meanAccuracy: mean,
  runs,
};
mkdirSync('bench/results', { recursive: true });
const out = values.out ?? `bench/results/accuracy-${epochs}-epochs.json`;
writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
console.log(`mean of ${runs.length}: ${(mean * 100).toFixed(3)} %, written to ${out}`);
