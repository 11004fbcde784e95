import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { prefetch } from '../../lib/data/prefetch.js';
import { shuffled } from '../../lib/data/stream_rows.js';
import { type Dataset, datasets, image, layers, sequential } from '../../lib/index.js';
import { PhiloxStream } from '../../lib/philox.js';
import { shades, writeTree } from '../support/data_files.js';
import fc from '../support/edges_fc.js';
import { scratch } from '../support/edges_files.js';

type Stream = ReturnType<typeof datasets.streamRows>;
const small = { size: 2, channels: 1 } as const;

async function collect(stream: Stream, epoch = 0): Promise<{ sizes: number[]; rows: (readonly [number, number])[] }> {
  const [sizes, rows]: [number[], (readonly [number, number])[]] = [[], []];
  for await (const slab of stream.slabs(epoch)) {
    sizes.push(slab.size);
    for (let i = 0; i < slab.size; i++) rows.push([slab.input(i)[0] as number, slab.labelOf(i) as number]);
  }
  return { sizes, rows };
}
const sorted = (rows: readonly (readonly [number, number])[]) => [...rows].sort(([a], [b]) => a - b);

test('files come in slabs, each file once in an epoch, with its class', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(10));
  const stream = await datasets.stream(dir, { ...small, slabRows: 4 });
  t.like(stream, { size: 10, classes: 2, classNames: ['dark', 'light'], inputShape: [2, 2, 1], name: dir });
  const { sizes, rows } = await collect(stream);
  t.deepEqual(sizes, [4, 4, 2]);
  const all = await datasets.imageFolder(dir, small);
  const expected = Array.from({ length: 10 }, (_, i) => [all.train.input(i)[0], all.train.labelOf(i)]);
  t.deepEqual(sorted(rows), sorted(expected as [number, number][]));
  t.deepEqual((await collect(await datasets.stream(dir, { ...small, shuffle: false }))).rows, expected);
});

test('the order depends on seed and epoch alone', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(12));
  const order = async (seed: number, epoch: number, slabRows: number, concurrency = 2) =>
    (await collect(await datasets.stream(dir, { ...small, seed, slabRows, concurrency }), epoch)).rows;
  const first = await order(1, 0, 5);
  t.deepEqual(await order(1, 0, 3, 1), first);
  t.notDeepEqual(await order(1, 1, 5), first);
  t.notDeepEqual(await order(2, 0, 5), first);
});

test('a manifest is streamed as well, and one part of it', async (t) => {
  const dir = scratch(t);
  const text = 'path,label,split\ndark/0.png,a,train\nlight/1.png,b,train\ndark/2.png,b,test\n';
  await writeTree(dir, { ...shades(4), 'list.csv': text });
  const held = await datasets.stream(join(dir, 'list.csv'), { ...small, part: 'test' });
  t.deepEqual((await collect(held)).rows, [[12, 1]]);
  await t.throwsAsync(datasets.stream(join(dir, 'list.csv'), { ...small, part: 'validation' }), {
    code: 'ERR_DATASET_MISSING',
    message: /no images for validation/,
  });
});

test('a broken file stops the stream with its path, or is skipped and listed once', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, { ...shades(6), 'dark/1.png': 'x' });
  await t.throwsAsync(collect(await datasets.stream(dir, small)), { code: 'ERR_IMAGE', message: /dark\/1\.png/ });
  const stream = await datasets.stream(dir, { ...small, onError: 'skip', slabRows: 1 });
  for (const epoch of [0, 1]) t.is((await collect(stream, epoch)).rows.length, 6);
  t.deepEqual(
    stream.skipped.map(({ path }) => path),
    [join(dir, 'dark/1.png')],
  );
});

test('leaving the loop, and an abort, end what is in the making', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(12));
  const stream = await datasets.stream(dir, { ...small, slabRows: 1, concurrency: 1 });
  for await (const slab of stream.slabs()) {
    t.is(slab.size, 1);
    break;
  }
  const controller = new AbortController();
  const reason = new Error('enough');
  const aborted = await datasets.stream(dir, { ...small, slabRows: 1, signal: controller.signal });
  await t.throwsAsync(
    async () => {
      for await (const _ of aborted.slabs()) controller.abort(reason);
    },
    { is: reason },
  );
});

test('as many slabs are made ahead as prefetch says, and no more', async (t) => {
  for (const ahead of [0, 1, 3]) {
    let made = 0;
    async function* source(): AsyncGenerator<number, void> {
      for (; made < 10; ) yield made++;
    }
    let used = 0;
    for await (const _ of prefetch(source(), ahead)) {
      used++;
      for (let i = 0; i < 20; i++) await setImmediate();
      t.is(made, Math.min(10, used + ahead));
    }
    t.is(used, 10);
  }
});

test('a failure ahead is met in its turn', async (t) => {
  async function* source(): AsyncGenerator<number, void> {
    yield 1;
    throw new Error('later');
  }
  const seen: number[] = [];
  const run = async () => {
    for await (const item of prefetch(source(), 3)) {
      seen.push(item);
      for (let i = 0; i < 20; i++) await setImmediate();
    }
  };
  await t.throwsAsync(run, { message: 'later' });
  t.deepEqual(seen, [1]);
});

test('the buffer gives every row once, the same for the same seed, none earlier than its size allows', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.nat(60), fc.integer({ min: 0, max: 20 }), fc.nat(), async (count, size, seed) => {
      const run = async () => {
        const out: number[] = [];
        for await (const row of shuffled(
          Array.from({ length: count }, (_, i) => i),
          size,
          new PhiloxStream(seed, 1, 2),
        )) {
          out.push(row);
        }
        return out;
      };
      const rows = await run();
      t.deepEqual(await run(), rows);
      t.deepEqual(
        [...rows].sort((a, b) => a - b),
        Array.from({ length: count }, (_, i) => i),
      );
      t.true(rows.every((row, position) => row - position <= Math.max(0, size)));
      if (size === 0)
        t.deepEqual(
          rows,
          [...rows].sort((a, b) => a - b),
        );
    }),
    { numRuns: 60 },
  );
});

function* numbers(count: number) {
  // One array for all rows: they are copied.
  const input = new Uint8Array(3);
  for (let i = 0; i < count; i++) yield { input: input.fill(i), label: i % 3 };
}

test('rows from a function, called for each epoch', async (t) => {
  const epochs: number[] = [];
  const stream = datasets.streamRows(
    (epoch) => {
      epochs.push(epoch);
      return numbers(10);
    },
    { shape: [3], classes: 3, slabRows: 4, shuffleBuffer: 5, seed: 3 },
  );
  const [first, second] = [await collect(stream, 0), await collect(stream, 1)];
  t.deepEqual([epochs, first.sizes, stream.size], [[0, 1], [4, 4, 2], undefined]);
  t.notDeepEqual(first.rows, second.rows);
  t.deepEqual(
    sorted(first.rows),
    Array.from({ length: 10 }, (_, i) => [i, i % 3]),
  );
  t.deepEqual((await collect(stream, 0)).rows, first.rows);
});

test('rows that do not fit are refused by their number', async (t) => {
  const options = { shape: [3], classes: 3, shuffleBuffer: 0 } as const;
  const cases: readonly [unknown, string, RegExp][] = [
    [{ input: new Uint8Array(2), label: 0 }, 'ERR_SHAPE', /row 1 must be \[3\], that is 3 numbers, got 2/],
    [{ input: new Uint8Array(3), label: 3 }, 'ERR_RANGE', /label of row 1 must be an integer from 0 to 2, got 3/],
    [{ input: new Uint8Array(3) }, 'ERR_RANGE', /label of row 1 .* got undefined/],
    [{ input: [1, 2, 3], label: 0 }, 'ERR_TYPE', /input of row 1 must be a Uint8Array or Float32Array, got an array/],
    [{ input: new Float32Array(3), label: 0 }, 'ERR_TYPE', /must all be bytes, or all be floats/],
  ];
  for (const [row, code, message] of cases) {
    const stream = datasets.streamRows(() => [{ input: new Uint8Array(3), label: 0 }, row as never], options);
    await t.throwsAsync(collect(stream), { code, message });
  }
});

test('options that are none are refused', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(2));
  await t.throwsAsync(datasets.stream(dir, { ...small, slabRows: 0 }), { message: /slabRows/ });
  await t.throwsAsync(datasets.stream(dir, { ...small, prefetch: -1 }), { message: /prefetch/ });
  await t.throwsAsync(datasets.stream(dir, { ...small, cache: 'x' } as never), { message: /no option 'cache'/ });
  await t.throwsAsync(datasets.stream(dir, { ...small, part: 'dev' as 'test' }), { message: /part must be one of/ });
  const rows = (options: object) => () => datasets.streamRows(() => [], options as never);
  t.throws(rows({ shape: [3] }), { code: 'ERR_VALUE', message: /needs classes, or classNames/ });
  t.throws(rows({ classes: 2 }), { code: 'ERR_SHAPE', message: /shape must be/ });
  t.throws(rows({ shape: [3], classes: 2, classNames: ['a'] }), { code: 'ERR_SHAPE' });
  t.throws(rows({ shape: [3], classes: 2, shuffleBuffer: 1.5 }), { code: 'ERR_VALUE', message: /shuffleBuffer/ });
  t.throws(() => datasets.streamRows([] as never, { shape: [3], classes: 2 }), { code: 'ERR_TYPE' });
  const stream = datasets.streamRows(() => numbers(2), { shape: [3], classes: 3 });
  await t.throwsAsync(collect(stream, -1), { code: 'ERR_VALUE', message: /epoch/ });
});

test('a loop over slabs trains, as the guide has it', async (t) => {
  const dir = scratch(t);
  await writeTree(dir, shades(24));
  const stream = await datasets.stream(dir, { ...small, slabRows: 8, seed: 1 });
  const model = sequential(
    [
      image.toSequence({ normalization: 'none' }),
      layers.gru({ units: 4 }),
      layers.dense({ units: 2, activation: 'softmax' }),
    ],
    { inputShape: [2, 2, 1], device: 'cpu', seed: 1 },
  );
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const losses: number[] = [];
  const batches = async (slab: Dataset) => {
    for (let start = 0; start < slab.size; start += 4) {
      losses.push((await model.trainOnBatch(slab.subset({ start, end: Math.min(slab.size, start + 4) }))).loss);
    }
  };
  for (let epoch = 0; epoch < 20; epoch++) for await (const slab of stream.slabs(epoch)) await batches(slab);
  t.is(losses.length, 20 * 6);
  t.true((losses.at(-1) as number) < (losses[0] as number) * 0.8, `${losses[0]} to ${losses.at(-1)}`);
  model.dispose();
});
