/** A stream that could not be opened does not stand in the way of the next one. */
import test from 'ava';
import { layers, sequential } from '../../lib/index.js';
import { native } from '../../lib/native.js';

test('a stream that failed to open is tried again by the next call', async (t) => {
  const model = sequential([layers.gru({ units: 3 })], { inputShape: [4, 2], device: 'cpu', seed: 1 });
  const addon = native() as { createStreamer: ReturnType<typeof native>['createStreamer'] };
  const { createStreamer } = addon;
  t.teardown(() => {
    addon.createStreamer = createStreamer;
    model.dispose();
  });
  const failure = new Error('no memory at this moment');
  addon.createStreamer = () => Promise.reject(failure);
  await t.throwsAsync(model.stream(), { is: failure });
  addon.createStreamer = createStreamer;
  using stream = await model.stream();
  t.is(stream.step(new Float32Array(2)).length, 3);
});
