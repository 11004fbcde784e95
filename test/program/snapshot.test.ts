/** Streams work on a snapshot of the store. */
import test from 'ava';
import type { GraphSpec } from '../../lib/graph_spec.js';
import { native } from '../../lib/native.js';
import {
  Door,
  floatsOf,
  graphBuilder,
  numbers,
  parameterCount,
  relativeDifference,
  roomFor,
} from '../support/program_door.js';
import { batch, inputs, model, modelGroups, steps, units, valuesOfRun, x } from '../support/program_model.js';

/** One step of the same model, for a stream. */
function streamed(extra = false): GraphSpec {
  const b = graphBuilder();
  const row = b.input('x', 'slab', { dtype: 'f32', steps: 0, dims: [inputs] }).tensor;
  const indices = b.input('indices', 'indices', { dtype: 'i32', steps: 0, dims: [] }).tensor;
  const h0 = b.input('h0', 'value', { dtype: 'f32', steps: 1, dims: [units] }).tensor;
  const [sequence, hN, last, y] = [
    b.tensor('f32', 1, [inputs]),
    b.tensor('f32', 1, [units]),
    b.tensor('f32', 0, [units]),
    b.tensor('f32', 0, [2]),
  ];
  b.node('gather', 'gather', {}, [row, indices], [sequence]);
  b.node('gru', 'rnn', { cell: 'gru', units }, [sequence, h0], [undefined, hN], 0);
  b.node('last', 'lastState', {}, [hN], [last]);
  b.node('dense', 'dense', { units: 2 }, [last], [y], 1);
  let output = y;
  if (extra) {
    output = b.tensor('f32', 0, [2]);
    b.node('add', 'add', {}, [y, b.input('offset', 'value', { dtype: 'f32', steps: 0, dims: [2] }).tensor], [output]);
  }
  b.output('y', output);
  b.output('hN', hN);
  return b.build();
}

const streamOptions = { input: 0, output: 0, states: Int32Array.of(2, 1) };

test('a stream has weights of its own: what is trained or written later does not reach it', async (t) => {
  const door = new Door(t);
  const store = await door.store(modelGroups, 5, { kind: 'sgd' });
  const answers = async () => {
    const state = native().createStreamState(await native().createStreamer(store, streamed(), streamOptions));
    return () => {
      native().streamReset(state);
      const y = new Float32Array(2);
      for (let i = 0; i < steps; i++) native().streamStep(state, x.subarray(i * inputs, (i + 1) * inputs), y);
      return y;
    };
  };
  const old = await answers();
  const before = old();
  const program = await door.compile(store, model(), 'predict', batch);
  const y = roomFor(batch * 2);
  await door.run(program, { ...valuesOfRun(), outputs: [{ index: 0, buffer: y }] });
  t.true(relativeDifference(before, floatsOf(y, 2)) < 2e-6, 'it begins with the weights of the store');
  await door.write(store, 'parameters', numbers(parameterCount(modelGroups), 6));
  t.deepEqual(old(), before);
  t.notDeepEqual((await answers())(), before);
  native().dispose(store);
  t.deepEqual(old(), before, 'nor does the store need to live on');
});

test('a stream whose graph reads a value that is no state is refused', async (t) => {
  const door = new Door(t);
  const store = await door.store(modelGroups, 5);
  await t.throwsAsync(native().createStreamer(store, streamed(true), streamOptions), {
    code: 'ERR_GRAPH',
    message: /carries all values that its graph reads; 'offset' is no state/,
  });
});
