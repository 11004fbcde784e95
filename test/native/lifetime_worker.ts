// A worker of lifetime_child.js: fits once and posts the loss, or fits or predicts until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { imageDataset, imageModel, smallDataset, smallModel } from '../support/door_models.js';

const { task } = workerData as { readonly task: 'once' | 'fit' | 'predict' };

async function once(): Promise<void> {
  const { epochs } = await smallModel().fit(smallDataset(), { epochs: 20 });
  parentPort?.postMessage(epochs.at(-1)?.loss);
}

async function forever(): Promise<void> {
  const model = imageModel(32);
  const data = imageDataset(512);
  if (task === 'fit') {
    await model.fit(data, { epochs: 1e6, onProgress: () => parentPort?.postMessage('running') });
  }
  for (;;) {
    parentPort?.postMessage('running');
    await model.predict(data);
  }
}

await (task === 'once' ? once() : forever());
