/** Memory: none is lost, none is taken in the steady state, and V8 knows what is held outside of its heap. */
import test from 'ava';
import { describeChild, runChild } from '../support/door_child.js';

async function measured<T>(what: string): Promise<T> {
  const child = await runChild('memory_child', [what], { timeout: 120_000 });
  if (child.code !== 0) throw new Error(describeChild(child));
  return JSON.parse(child.stdout) as T;
}

test('200 fits take no more memory than 200 before them', async (t) => {
  const megabytes = await measured<number>('fits');
  t.true(megabytes < 8, `${megabytes} MB`);
});

test('100 models that are made, fitted and disposed of leave nothing behind', async (t) => {
  const megabytes = await measured<number>('models');
  t.true(megabytes < 8, `${megabytes} MB`);
});

test('external memory holds the uploaded data and the model, until dispose', async (t) => {
  const [before = 0, held = 0, after = 0] = await measured<number[]>('external');
  t.true(held - before > 15, 'the slab of 15 MB and the model');
  t.true(Math.abs(after - before) < 1, `${before} MB before, ${after} MB after`);
});

test('compute threads allocate nothing by batch, and nothing by step of a stream', async (t) => {
  const { short, again, long, steps } = await measured<Record<string, number>>('allocations');
  t.is(again, short);
  t.is(long, short);
  t.is(steps, 0);
});
