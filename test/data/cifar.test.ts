import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { datasets } from '../../lib/index.js';
import { cifarBytes } from '../support/data_files.js';
import { scratch } from '../support/edges_files.js';

const names = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

function ten(t: ExecutionContext, folder = '.'): string {
  const dir = join(scratch(t), folder);
  mkdirSync(dir, { recursive: true });
  for (let i = 1; i <= 5; i++) {
    const records = [0, 1].map((k) => ({ labels: [(2 * i + k) % 10], colour: [i, 10 + k, 100] }));
    writeFileSync(join(dir, `data_batch_${i}.bin`), cifarBytes(records));
  }
  writeFileSync(join(dir, 'test_batch.bin'), cifarBytes([{ labels: [9], colour: [1, 2, 3] }]));
  writeFileSync(join(dir, 'batches.meta.txt'), `${names.join('\n')}\n\n`);
  return dir;
}

function hundred(t: ExecutionContext): string {
  const dir = scratch(t);
  writeFileSync(join(dir, 'train.bin'), cifarBytes([{ labels: [19, 99], colour: [1, 2, 3] }]));
  writeFileSync(join(dir, 'test.bin'), cifarBytes([{ labels: [3, 42], colour: [1, 2, 3] }]));
  writeFileSync(join(dir, 'fine_label_names.txt'), Array.from({ length: 100 }, (_, i) => `fine ${i}`).join('\r\n'));
  return dir;
}

test('CIFAR-10: five files for training, planes become pixels, and classes have their names', async (t) => {
  const { train, test: held } = await datasets.cifar10(ten(t));
  t.deepEqual([train.size, held.size, train.inputShape, train.classes], [10, 1, [32, 32, 3], 10]);
  t.deepEqual(train.classNames, names);
  t.deepEqual([train.labelOf(0), train.labelOf(9), held.labelOf(0)], [2, 1, 9]);
  const row = train.input(3);
  t.deepEqual([...row.subarray(0, 6)], [2, 11, 100, 2, 11, 100]);
  t.deepEqual([...row.subarray(-3)], [2, 11, 100]);
  t.is(row.length, 3072);
});

test('the folder above is as good, as the archive unpacks', async (t) => {
  const dir = join(ten(t, 'cifar-10-batches-bin'), '..');
  t.is((await datasets.cifar10(dir, { name: 'mine' })).train.name, 'mine');
});

test('CIFAR-100: fine or coarse labels; names are left out where their file is', async (t) => {
  const dir = hundred(t);
  const fine = await datasets.cifar100(dir);
  t.deepEqual([fine.train.labelOf(0), fine.train.classes, fine.test.classNames?.[42]], [99, 100, 'fine 42']);
  const coarse = await datasets.cifar100(dir, { labels: 'coarse' });
  t.deepEqual([coarse.train.labelOf(0), coarse.train.classes, coarse.train.classNames], [19, 20, undefined]);
});

test('files that are missing, cut short or strange are refused by their names', async (t) => {
  const dir = ten(t);
  const refuses = async (code: string, message: RegExp) => t.throwsAsync(datasets.cifar10(dir), { code, message });
  const batch = join(dir, 'data_batch_3.bin');
  const whole = readFileSync(batch);
  writeFileSync(batch, whole.subarray(0, whole.length - 1));
  await refuses('ERR_DATASET_CORRUPT', /data_batch_3\.bin: expected whole records of 3073 bytes, got 1 and 3072 bytes/);
  writeFileSync(batch, '');
  await refuses('ERR_DATASET_CORRUPT', /data_batch_3\.bin: .*got 0 and 0 bytes/);
  whole[3073] = 10;
  writeFileSync(batch, whole);
  await refuses('ERR_DATASET_CORRUPT', /data_batch_3\.bin: the label of record 1 must be from 0 to 9, got 10/);
  rmSync(batch);
  await refuses('ERR_DATASET_MISSING', /data_batch_3\.bin cannot be read/);
  rmSync(join(dir, 'data_batch_1.bin'));
  await refuses('ERR_DATASET_MISSING', /has no data_batch_1\.bin, nor has .*cifar-10-batches-bin; it is the folder of/);
  const other = ten(t);
  writeFileSync(join(other, 'batches.meta.txt'), 'one\ntwo\n');
  await t.throwsAsync(datasets.cifar10(other), { code: 'ERR_DATASET_CORRUPT', message: /expected 10 names.*got 2/ });
  await t.throwsAsync(datasets.cifar100(other), { code: 'ERR_DATASET_MISSING', message: /has no train\.bin/ });
  await t.throwsAsync(datasets.cifar100(other, { labels: 'both' as 'fine' }), { code: 'ERR_VALUE' });
});
