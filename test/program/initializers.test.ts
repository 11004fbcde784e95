import test, { type ExecutionContext } from 'ava';
import type { InitializerSpec, ParamSpec } from '../../lib/graph_spec.js';
import { native } from '../../lib/native.js';
import { Door, denseGroup, groupElements, gruGroup, initializedBy, parameterCount } from '../support/program_door.js';

/** First values of one parameter. */
async function values(
  t: ExecutionContext,
  shape: readonly number[],
  initializer: InitializerSpec,
  seed = 1,
): Promise<Float32Array> {
  const door = new Door(t);
  const params: ParamSpec[] = [{ name: 'weight', shape }];
  const store = await native().createStore(door.session, [
    { name: 'g', op: 'gather', params, initializers: [initializer] },
  ]);
  await native().storeInitialize(store, seed);
  return door.read(
    store,
    'parameters',
    shape.reduce((product, dim) => product * dim, 1),
  );
}

const mean = (list: ArrayLike<number>) => Array.from(list).reduce((sum, value) => sum + value, 0) / list.length;
const variance = (list: ArrayLike<number>) => mean(Array.from(list, (value) => value * value)) - mean(list) ** 2;
const largest = (list: ArrayLike<number>) =>
  Array.from(list).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

test('zeros and constants', async (t) => {
  t.deepEqual(await values(t, [3, 5], { kind: 'zeros' }), new Float32Array(15));
  t.deepEqual(await values(t, [3, 5], { kind: 'constant', value: 0.1 }), new Float32Array(15).fill(0.1));
});

test('uniform fills its limits evenly and stays inside', async (t) => {
  const list = await values(t, [200, 150], { kind: 'uniform', value: 0.25 });
  t.true(largest(list) <= 0.25);
  t.true(largest(list) > 0.2499);
  t.true(Math.abs(mean(list)) < 0.25 / 100);
  t.true(Math.abs(variance(list) / (0.25 ** 2 / 3) - 1) < 0.02);
  const eighths = new Array<number>(8).fill(0);
  for (const value of list)
    eighths[Math.min(7, Math.floor((value + 0.25) * 16))] =
      (eighths[Math.min(7, Math.floor((value + 0.25) * 16))] as number) + 1;
  for (const count of eighths) t.true(Math.abs(count / (30_000 / 8) - 1) < 0.05, eighths.join());
});

test('glorotUniform has the limit and variance of rows and columns', async (t) => {
  const [rows, columns] = [120, 250];
  const limit = Math.sqrt(6 / (rows + columns));
  const list = await values(t, [rows, columns], { kind: 'glorotUniform' });
  t.true(largest(list) <= limit * (1 + 1e-7));
  t.true(largest(list) > 0.999 * limit);
  t.true(Math.abs(mean(list)) < limit / 100);
  t.true(Math.abs(variance(list) / (2 / (rows + columns)) - 1) < 0.02);
});

test('normal has its deviation, and the tails of a normal distribution', async (t) => {
  const list = await values(t, [200, 200], { kind: 'normal', value: 0.5 });
  t.true(Math.abs(mean(list)) < 0.01);
  t.true(Math.abs(Math.sqrt(variance(list)) / 0.5 - 1) < 0.02);
  const share = (sigmas: number) => list.filter((value) => Math.abs(value) <= 0.5 * sigmas).length / list.length;
  t.true(Math.abs(share(1) - 0.6827) < 0.01);
  t.true(Math.abs(share(2) - 0.9545) < 0.005);
  t.true(list.every(Number.isFinite));
});

for (const [rows, columns, blocks] of [
  [24, 8, 3],
  [21, 7, 3],
  [192, 64, 3],
  [5, 9, 1],
  [9, 5, 1],
  [12, 7, 3],
  [1, 1, 1],
] as const) {
  test(`orthogonal [${rows}, ${columns}] in ${blocks} block(s): rows, or columns of tall blocks, are orthonormal`, async (t) => {
    const list = await values(t, [rows, columns], { kind: 'orthogonal', value: 1, blocks });
    const height = rows / blocks;
    const [count, length] = [Math.min(height, columns), Math.max(height, columns)];
    for (let block = 0; block < blocks; block++) {
      const at = (vector: number, i: number) => {
        const [r, c] = height <= columns ? [vector, i] : [i, vector];
        return list[(block * height + r) * columns + c] as number;
      };
      let worst = 0;
      for (let a = 0; a < count; a++) {
        for (let b = 0; b <= a; b++) {
          let product = 0;
          for (let i = 0; i < length; i++) product += at(a, i) * at(b, i);
          worst = Math.max(worst, Math.abs(product - (a === b ? 1 : 0)));
        }
      }
      t.true(worst < 1e-5, `block ${block}: off by ${worst}`);
    }
  });
}

test('the gain scales an orthogonal matrix, and its blocks differ', async (t) => {
  const [plain, doubled] = [
    await values(t, [24, 8], { kind: 'orthogonal', value: 1, blocks: 3 }),
    await values(t, [24, 8], { kind: 'orthogonal', value: 2, blocks: 3 }),
  ];
  t.deepEqual(
    doubled,
    plain.map((value) => 2 * value),
  );
  t.notDeepEqual(plain.slice(0, 64), plain.slice(64, 128));
});

test('a seed gives the same bytes on every instruction set, another seed gives others', async (t) => {
  const normal: InitializerSpec = { kind: 'normal', value: 0.1 };
  const orthogonal: InitializerSpec = { kind: 'orthogonal', value: 1, blocks: 3 };
  const groups = [
    initializedBy(gruGroup('gru', 5, 7), { kind: 'glorotUniform' }, orthogonal, { kind: 'zeros' }, normal),
    initializedBy(denseGroup('dense', 7, 3), { kind: 'uniform', value: 0.3 }, normal),
  ];
  const first = async (isa: string, seed: number) => {
    const door = new Door(t, isa);
    const store = await native().createStore(door.session, groups);
    await native().storeInitialize(store, seed);
    return door.read(store, 'parameters', parameterCount(groups));
  };
  const { isas } = native().processInfo();
  const want = await first(isas[0] as string, 42);
  for (const isa of isas) t.deepEqual(await first(isa, 42), want, isa);
  t.notDeepEqual(await first(isas[0] as string, 43), want);
  t.notDeepEqual(await first(isas[0] as string, 42 + 2 ** 32), want, 'all bits of a seed count');
});

test('parameters alike get different numbers, and initialising anew gives the first ones', async (t) => {
  const door = new Door(t);
  const alike = ['a', 'b'].map((name) =>
    initializedBy(denseGroup(name, 8, 8), { kind: 'glorotUniform' }, { kind: 'uniform', value: 1 }),
  );
  const [count, each] = [parameterCount(alike), groupElements(alike[0] as (typeof alike)[number])];
  const store = await native().createStore(door.session, alike);
  await native().storeInitialize(store, 1);
  const first = await door.read(store, 'parameters', count);
  t.notDeepEqual(first.slice(0, each), first.slice(each));
  t.is(
    new Set(first).size,
    new Set(first.slice(0, each)).size + new Set(first.slice(each)).size,
    'no number is shared',
  );
  await door.write(store, 'parameters', new Float32Array(count));
  await native().storeInitialize(store, 1);
  t.deepEqual(await door.read(store, 'parameters', count), first);
});

test('parts fill blocks of rows each in its own way, and a part can be the negative of another', async (t) => {
  const list = await values(t, [12, 2], {
    kind: 'parts',
    parts: [
      { kind: 'negated', value: 2 },
      { kind: 'constant', value: 0.5 },
      { kind: 'uniform', value: 1 },
      { kind: 'uniform', value: 1 },
    ],
  });
  const [negated, constant, third, fourth] = [0, 6, 12, 18].map((first) => list.slice(first, first + 6));
  t.deepEqual(constant, new Float32Array(6).fill(0.5));
  t.deepEqual(
    negated,
    third?.map((value) => -value),
  );
  t.notDeepEqual(third, fourth, 'parts go on with the random numbers');
});

test('chrono and uniformGate stay finite at their smallest sizes', async (t) => {
  t.deepEqual(await values(t, [5], { kind: 'chrono', value: 2 }), new Float32Array(5));
  for (const units of [1, 2]) {
    t.deepEqual(await values(t, [units], { kind: 'uniformGate' }), new Float32Array(units));
  }
});

test('a group without initializers keeps its values', async (t) => {
  const door = new Door(t);
  const groups = [denseGroup('dense', 3, 2)];
  const store = await door.store(groups, 4);
  const before = await door.read(store, 'parameters', 8);
  await native().storeInitialize(store, 1);
  t.deepEqual(await door.read(store, 'parameters', 8), before);
});

test('initializers that make no sense are refused when the store is made', async (t) => {
  const { session } = new Door(t);
  const create = (initializer: InitializerSpec) =>
    native().createStore(session, [initializedBy(denseGroup('d', 3, 4), initializer, { kind: 'zeros' })]);
  t.throws(() => create({ kind: 'xavier' as 'zeros' }), {
    code: 'ERR_VALUE',
    message: /unknown initializer 'xavier'; known/,
  });
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => create({ kind: 'constant', value }), { code: 'ERR_VALUE', message: /must be finite/ });
  }
  await t.throwsAsync(create({ kind: 'orthogonal', value: 1, blocks: 3 }), {
    code: 'ERR_VALUE',
    message: /weight: 4 rows do not fall into 3 blocks/,
  });
  const zeros = { kind: 'zeros' } as const;
  const cases: readonly (readonly [InitializerSpec, RegExp])[] = [
    [{ kind: 'parts', parts: [zeros, zeros, zeros] }, /weight: 4 rows do not fall into 3 parts/],
    [{ kind: 'parts', parts: [] }, /weight: 4 rows do not fall into 0 parts/],
    [{ kind: 'negated', value: 0 }, /only a part can be the negative of another/],
    [{ kind: 'parts', parts: [zeros, { kind: 'negated', value: 2 }] }, /there is no part 2 to negate/],
    [{ kind: 'parts', parts: [zeros, { kind: 'negated', value: 1 }] }, /there is no part 1 to negate/],
    [{ kind: 'parts', parts: [zeros, { kind: 'negated', value: -0.5 }] }, /there is no part -0.5 to negate/],
    [{ kind: 'chrono', value: 1 }, /chrono takes at least 2 steps, got 1/],
  ];
  for (const [initializer, message] of cases) {
    await t.throwsAsync(async () => create(initializer), { code: 'ERR_VALUE', message });
  }
  const nested = { kind: 'parts', parts: [zeros, { kind: 'parts', parts: [zeros] }] } as const;
  t.throws(() => create(nested), { code: 'ERR_VALUE', message: /a part of an initializer has no parts of its own/ });
});
