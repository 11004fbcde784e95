/** Small models and data for the tests of the native door. */
import { type Dataset, datasets, layers, type Sequential, sequential } from '../../lib/index.js';

/** Sequences of 6 steps of 5 features in 3 classes, with lengths. */
export function smallDataset(rows = 64): Dataset {
  return datasets.fromArrays({
    inputs: Float32Array.from({ length: rows * 30 }, (_, i) => Math.sin(i)),
    labels: Int32Array.from({ length: rows }, (_, i) => i % 3),
    lengths: Int32Array.from({ length: rows }, (_, i) => 1 + (i % 6)),
    shape: [6, 5],
    classes: 3,
  });
}

/** Takes {@link smallDataset}: a stack with dropout, compiled. */
export function smallModel(): Sequential {
  const model = sequential(
    [layers.gru({ units: 8, numLayers: 2, dropout: 0.1 }), layers.dense({ units: 3, activation: 'softmax' })],
    { inputShape: [6, 5], device: 'cpu', seed: 1 },
  );
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  return model;
}

/** Takes {@link imageDataset}: wide enough that one batch takes some milliseconds. */
export function imageModel(units = 128): Sequential {
  const model = sequential([layers.gru({ units, numLayers: 2 }), layers.dense({ units: 10, activation: 'softmax' })], {
    inputShape: [28, 28],
    device: 'cpu',
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  return model;
}

/** Bytes in the shape of MNIST, as sequences of rows. */
export function imageDataset(rows: number): Dataset {
  return datasets.fromArrays({
    inputs: Uint8Array.from({ length: rows * 784 }, (_, i) => (i * 2654435761) >>> 24),
    labels: Int32Array.from({ length: rows }, (_, i) => i % 10),
    shape: [28, 28],
    classes: 10,
  });
}
