import test from 'ava';
import { datasets, image, layers, sequential } from '../../lib/index.js';
import { classReports, confusionText, measureLatency, measureThroughput } from '../../lib/report/index.js';
import { percentile } from '../../lib/report/latency.js';
import { barImages } from '../support/edges_files.js';

test('figures by class: worked out by hand', (t) => {
  // Rows are the truth: of 4 cats, 3 were seen as cats; of 6 dogs, 2 as cats and 4 as dogs.
  const [cat, dog] = classReports(
    [
      [3, 1],
      [2, 4],
    ],
    ['cat', 'dog'],
  );
  t.like(cat, { name: 'cat', support: 4, precision: 3 / 5, recall: 3 / 4 });
  t.like(dog, { name: 'dog', support: 6, precision: 4 / 5, recall: 4 / 6 });
  t.is(cat?.f1.toFixed(6), (2 / 3).toFixed(6));
  t.is(dog?.f1.toFixed(6), (8 / 11).toFixed(6));
});

test('a class without rows, and one that is never answered, have figures of 0 and not NaN', (t) => {
  const [a, b, c] = classReports([
    [2, 0, 1],
    [0, 0, 0],
    [1, 0, 0],
  ]);
  t.deepEqual(b, { name: '1', support: 0, precision: 0, recall: 0, f1: 0 });
  t.like(c, { support: 1, precision: 0, recall: 0, f1: 0 });
  t.like(a, { support: 3, precision: 2 / 3, recall: 2 / 3 });
  t.deepEqual(classReports([]), []);
});

test('a perfect classifier has 1 everywhere', (t) => {
  for (const report of classReports([
    [5, 0],
    [0, 7],
  ])) {
    t.like(report, { precision: 1, recall: 1, f1: 1 });
  }
});

test('the confusion matrix reads as a table, right-aligned, with the names of the classes', (t) => {
  const confusion = [
    [980, 0],
    [12, 1123],
  ];
  t.deepEqual(confusionText(confusion, ['zero', 'one']).split('\n'), [
    'truth \\ answer  zero   one',
    '          zero   980     0',
    '           one    12  1123',
  ]);
  t.deepEqual(confusionText(confusion).split('\n')[0], 'truth \\ answer    0     1');
});

test('percentiles are nearest ranks', (t) => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  t.deepEqual(
    [0.5, 0.99, 1, 0.01].map((share) => percentile(hundred, share)),
    [50, 99, 100, 1],
  );
  t.deepEqual(
    [0.5, 0.99].map((share) => percentile([1, 2, 3], share)),
    [2, 3],
  );
  t.is(percentile([1, 2, 3, 4], 0.5), 2);
  t.is(percentile([7], 0.5), 7);
});

test('latency and throughput are measured on the rows of the dataset, and no more of them than there are', async (t) => {
  const { pixels, height, width } = barImages(30);
  const dataset = datasets.fromArrays({ images: pixels, shape: [height, width, 1] });
  using model = sequential([image.toSequence({ normalization: 'none' }), layers.gru({ units: 3 })], {
    inputShape: [height, width, 1],
    device: 'cpu',
  });
  const latency = await measureLatency(model, dataset);
  t.is(latency.samples, 30);
  t.true(latency.median > 0 && latency.median <= latency.p99);
  t.is((await measureLatency(model, dataset, 5)).samples, 5);
  const throughput = await measureThroughput(model, dataset);
  t.is(throughput.samples, 30);
  t.true(throughput.imagesPerSecond > 0 && Number.isFinite(throughput.imagesPerSecond));
});
