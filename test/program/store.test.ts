/** The ParameterStore through the door: what is read is what was written, in canonical order, and refusals change nothing. */
import test from 'ava';
import type { GroupSpec } from '../../lib/graph_spec.js';
import { type NativeOptimizer, native, type StoreContent } from '../../lib/native.js';
import {
  bufferOf,
  Door,
  denseGroup,
  differences,
  gradientStep,
  groupElements,
  gruGroup,
  numbers,
  parameterCount,
  relativeDifference,
  roomFor,
  trainStep,
} from '../support/program_door.js';
import { batch, gradientsOfRun, model, modelGroups, reference } from '../support/program_model.js';

const adam: NativeOptimizer = { kind: 'adam', weightDecay: 0.1 };
// Sizes that no vector width divides.
const odd: readonly GroupSpec[] = [
  gruGroup('gru', 5, 7, { layers: 2, bidirectional: true }),
  {
    name: 'scale',
    op: 'gather',
    params: [
      { name: 'mean', shape: [3] },
      { name: 'std', shape: [3] },
    ],
    buffer: true,
  },
  denseGroup('dense', 14, 3),
];

for (const isa of native().processInfo().isas) {
  test(`${isa}: parameters, gradients and slots of odd sizes come back as they were written`, async (t) => {
    const door = new Door(t, isa);
    const store = await door.store(odd, 1, adam);
    const contents: readonly [StoreContent, number][] = [
      ['parameters', parameterCount(odd)],
      ['gradients', parameterCount(odd, true)],
      ['slot0', parameterCount(odd, true)],
      ['slot1', parameterCount(odd, true)],
    ];
    for (const [i, [content, length]] of contents.entries()) await door.write(store, content, numbers(length, i + 1));
    for (const [i, [content, length]] of contents.entries()) {
      t.deepEqual(await door.read(store, content, length), numbers(length, i + 1), content);
    }
  });
}

test('a new store is zero, and so are gradients and slots once there is an optimiser', async (t) => {
  const door = new Door(t);
  const store = await native().createStore(door.session, odd);
  t.true((await door.read(store, 'parameters', parameterCount(odd))).every((value) => value === 0));
  for (const content of ['gradients', 'slot0', 'slot1'] as const) {
    await t.throwsAsync(native().storeRead(store, content), { code: 'ERR_STATE' }, content);
    const values = bufferOf(numbers(parameterCount(odd, true), 1));
    await t.throwsAsync(native().storeWrite(store, content, values), { code: 'ERR_STATE' }, content);
  }
  await native().storeConfigure(store, adam);
  for (const content of ['gradients', 'slot0', 'slot1'] as const) {
    t.true(
      (await door.read(store, content, parameterCount(odd, true))).every((value) => value === 0),
      content,
    );
  }
});

test('an optimiser has the slots that it needs, and a new one starts anew', async (t) => {
  const door = new Door(t);
  const groups = [denseGroup('dense', 3, 2)];
  const store = await door.store(groups, 1, { kind: 'sgd' });
  await t.throwsAsync(native().storeRead(store, 'slot0'), { code: 'ERR_STATE' });
  await native().storeConfigure(store, { kind: 'sgd', momentum: 0.9 });
  await door.write(store, 'slot0', numbers(8, 1));
  await t.throwsAsync(native().storeRead(store, 'slot1'), { code: 'ERR_STATE' });
  await native().storeSetStep(store, 5);
  await native().storeConfigure(store, { kind: 'sgd', momentum: 0.9 });
  t.true((await door.read(store, 'slot0', 8)).every((value) => value === 0));
  t.is((await native().storeInfo(store)).step, 0);
});

for (const [what, value] of [
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
] as const) {
  test(`a write with ${what} is refused by name, and changes nothing`, async (t) => {
    const door = new Door(t);
    const store = await door.store(odd, 1, adam);
    const { version } = await native().storeInfo(store);
    for (const content of ['parameters', 'gradients', 'slot0', 'slot1'] as const) {
      const length = parameterCount(odd, content !== 'parameters');
      const before = await door.read(store, content, length);
      const values = numbers(length, 9);
      values[length - 2] = value;
      await t.throwsAsync(door.write(store, content, values), {
        code: 'ERR_NOT_FINITE',
        message: /^dense\.bias has -?(nan|inf) at index 1; weights must be finite/,
      });
      t.deepEqual(await door.read(store, content, length), before, content);
    }
    t.is((await native().storeInfo(store)).version, version);
  });
}

test('a write of another size is refused', async (t) => {
  const door = new Door(t);
  const store = await door.store(odd, 1, adam);
  for (const length of [parameterCount(odd) - 1, parameterCount(odd) + 1, parameterCount(odd, true)]) {
    t.throws(() => native().storeWrite(store, 'parameters', roomFor(length)), { code: 'ERR_SHAPE' });
  }
});

test('every change of parameters is a new version, reading is none', async (t) => {
  const door = new Door(t);
  const store = await door.store(odd, 1, adam);
  const version = async () => (await native().storeInfo(store)).version;
  const first = await version();
  await door.read(store, 'parameters', parameterCount(odd));
  await door.write(store, 'slot0', numbers(parameterCount(odd, true), 1));
  t.is(await version(), first);
  await door.write(store, 'parameters', numbers(parameterCount(odd), 2));
  const second = await version();
  t.true(second > first);
  await native().storeInitialize(store, 1);
  t.true((await version()) > second);
});

for (const isa of native().processInfo().isas) {
  test(`${isa}: gradients of odd sizes lie in canonical order, as float64 differences have them`, async (t) => {
    const door = new Door(t, isa);
    const store = await door.store(modelGroups, 5);
    const count = parameterCount(modelGroups);
    const params = await door.read(store, 'parameters', count);
    const program = await door.compile(store, model(), 'train', batch);
    await door.run(program, { ...gradientsOfRun(), segments: gradientStep });
    const got = await door.read(store, 'gradients', count);
    t.true(relativeDifference(got, differences(reference, params)) < 2e-6);
  });
}

test('slots lie in canonical order: after one step of momentum they are the gradients', async (t) => {
  const door = new Door(t);
  const store = await door.store(modelGroups, 5, { kind: 'sgd', momentum: 0.9 });
  const count = parameterCount(modelGroups);
  const program = await door.compile(store, model(), 'train', batch);
  await door.run(program, { ...gradientsOfRun(), segments: gradientStep });
  const gradients = await door.read(store, 'gradients', count);
  const update = { rows: batch, segments: 8, learningRates: Float32Array.of(0.1) };
  await door.run(program, update);
  t.deepEqual(await door.read(store, 'slot0', count), gradients);
});

test('a frozen group keeps its bytes, and trains on when it is thawed', async (t) => {
  const door = new Door(t);
  const store = await door.store(modelGroups, 5, { ...adam, clipNorm: 0.1 });
  const [count, gru] = [parameterCount(modelGroups), groupElements(modelGroups[0] as GroupSpec)];
  const program = await door.compile(store, model(), 'train', batch);
  const train = async () => {
    await door.run(program, {
      ...gradientsOfRun(),
      segments: trainStep,
      learningRates: Float32Array.of(0.1),
    });
    return door.read(store, 'parameters', count);
  };
  const before = await door.read(store, 'parameters', count);
  await native().storeSetGroup(store, 0, { frozen: true });
  const frozen = await train();
  t.deepEqual(frozen.slice(0, gru), before.slice(0, gru));
  t.true(frozen.slice(gru).every((value, i) => value !== before[gru + i]));
  t.true((await door.read(store, 'slot0', count)).slice(0, gru).every((value) => value === 0));
  t.true(
    (await door.read(store, 'gradients', count)).every((value) => value === 0),
    'gradients do not pile up',
  );
  await native().storeSetGroup(store, 0, { frozen: false });
  const thawed = await train();
  t.true(thawed.slice(0, gru).some((value, i) => value !== before[i]));
});

test('a factor on a group scales its rate, and what setGroup leaves out stays as it is', async (t) => {
  const count = parameterCount(modelGroups);
  const after = async (change: (door: Door, store: Awaited<ReturnType<Door['store']>>) => Promise<void>) => {
    const door = new Door(t);
    const store = await door.store(modelGroups, 5, { kind: 'sgd' });
    const before = await door.read(store, 'parameters', count);
    const program = await door.compile(store, model(), 'train', batch);
    await change(door, store);
    await door.run(program, {
      ...gradientsOfRun(),
      segments: trainStep,
      learningRates: Float32Array.of(0.5),
    });
    return (await door.read(store, 'parameters', count)).map((value, i) => value - (before[i] as number));
  };
  const plain = await after(async () => {});
  const half = await after(async (_, store) => {
    await native().storeSetGroup(store, 0, { rateFactor: 0.5 });
    await native().storeSetGroup(store, 1, { rateFactor: 0.5 });
    await native().storeSetGroup(store, 0, { frozen: false });
    await native().storeSetGroup(store, 1, { decayFactor: 0 });
  });
  t.true(
    relativeDifference(
      half,
      plain.map((change) => change / 2),
    ) < 1e-6,
  );
});

test('setGroup refuses unknown groups and factors that are none', async (t) => {
  const door = new Door(t);
  const store = await door.store(modelGroups);
  t.throws(() => native().storeSetGroup(store, 2, { frozen: true }), { code: 'ERR_RANGE' });
  for (const factor of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => native().storeSetGroup(store, 0, { rateFactor: factor }), { code: 'ERR_VALUE' });
    t.throws(() => native().storeSetGroup(store, 0, { decayFactor: factor }), { code: 'ERR_VALUE' });
  }
});

test('groups that are not what their operation needs are refused', async (t) => {
  const { session } = new Door(t);
  const create = (group: GroupSpec) => native().createStore(session, [group]);
  const gru = gruGroup('gru', 5, 7);
  await t.throwsAsync(create({ ...gru, params: gru.params.slice(1) }), { code: 'ERR_SHAPE', message: /group 'gru'/ });
  await t.throwsAsync(create({ ...gru, params: [] }), { code: 'ERR_GRAPH', message: /must begin with weight_ih_l0/ });
  await t.throwsAsync(create({ ...gru, params: [...gru.params].reverse() }), { code: 'ERR_GRAPH' });
  await t.throwsAsync(create({ ...denseGroup('dense', 2, 2), params: [] }), { code: 'ERR_GRAPH', message: /weight/ });
  await t.throwsAsync(create({ ...gru, initializers: [{ kind: 'zeros' }] }), {
    code: 'ERR_GRAPH',
    message: /4 parameters, but 1 initializers/,
  });
});

test('a rule for a parameter without rows is refused', async (t) => {
  const door = new Door(t);
  const group: GroupSpec = { name: 'g', op: 'gather', params: [{ name: 'mean', shape: [] }] };
  await t.notThrowsAsync(door.store([{ ...group, rules: [{}] }]));
  const message = /g\.mean is a single number; a rule is for parameters with rows/;
  await t.throwsAsync(door.store([{ ...group, rules: [{ l2: 1 }] }]), { code: 'ERR_SHAPE', message });
});
