// The main job, MNIST by rows through two GRUs, on one device. Prints JSON. node mnist.mjs <device>
// CUGRU_GPU_MNIST_ROWS, _EPOCHS, _UNITS make it smaller, for a device that is slow.
import { readyModel } from '../../dist/lib/cli/models.js';
import { recipe } from '../../dist/lib/cli/recipe.js';
import { datasets } from '../../dist/lib/index.js';

const device = process.argv[2];
const setting = (name, fallback) => Number(process.env[`CUGRU_GPU_MNIST_${name}`] || fallback);
const mnist = await datasets.mnist();
const rows = Math.min(setting('ROWS', mnist.train.size), mnist.train.size);
const train = mnist.train.take(rows);
const test = mnist.test.take(
  Math.min(mnist.test.size, Math.max(1, Math.round((rows * mnist.test.size) / mnist.train.size))),
);
const { learningRate, seed } = recipe;
const [epochs, units] = [setting('EPOCHS', 3), setting('UNITS', recipe.units)];
const batchSize = Math.min(recipe.batchSize, Math.max(1, Math.floor(rows / 8)));
const model = readyModel(train, { units }, { learningRate, seed, device });
const simulated = /simulated/i.test(model.runtime.description);
const history = await model.fit(train, { epochs, batchSize });
const { accuracy, loss } = await model.evaluate(test, { batchSize: 500 });
console.log(
  JSON.stringify({
    device: model.runtime.description,
    ...(simulated ? { note: 'a simulated device: its times mean nothing and are left out' } : {}),
    precision: process.env.CUGRU_CUDA_PRECISION ?? 'default',
    ...{ rows, testRows: test.size, epochs, units, batchSize, learningRate, seed },
    losses: history.epochs.map((epoch) => epoch.loss),
    test: { accuracy, loss },
    ...(simulated
      ? {}
      : {
          seconds: history.seconds,
          imagesPerSecond: history.epochs.map((epoch) => Math.round(epoch.imagesPerSecond)),
        }),
  }),
);
model.dispose();
