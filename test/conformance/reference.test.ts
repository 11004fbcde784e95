/** The references themselves: their gradients are those that central differences of their own values give, in float64. */
import test from 'ava';
import { dot, relativeError } from '../support/conformance_compare.js';
import { centralDifferences } from '../support/conformance_differences.js';
import { GruReference, type GruShape, gruParams, parameterCount } from '../support/conformance_gru.js';
import { Random } from '../support/conformance_random.js';
import {
  activations,
  crossEntropy,
  dense,
  denseGradients,
  softmax,
  softmaxGradient,
  squaredError,
} from '../support/conformance_reference.js';

const limit = 1e-8;
const doubles = (random: Random, length: number, size = 1) => Float64Array.from(random.floats(length, size));

const shapes: readonly (GruShape & { readonly lengths?: readonly number[] })[] = [
  { inputs: 1, units: 1, layers: 1, directions: 1, batch: 1, steps: 1 },
  { inputs: 3, units: 4, layers: 1, directions: 1, batch: 2, steps: 5 },
  { inputs: 2, units: 3, layers: 3, directions: 1, batch: 2, steps: 4, lengths: [4, 1] },
  { inputs: 3, units: 2, layers: 2, directions: 2, batch: 3, steps: 4, lengths: [2, 4, 1] },
];

for (const shape of shapes) {
  const { inputs, units, layers, directions, batch, steps } = shape;
  test(`gru: ${layers} layers, ${directions} directions, batch ${batch}, ${steps} steps`, (t) => {
    const random = new Random(7);
    const at = {
      x: doubles(random, batch * steps * inputs, 2),
      h0: doubles(random, batch * layers * directions * units),
      parameters: doubles(random, parameterCount(gruParams(shape))),
    };
    const lengths = shape.lengths && Int32Array.from(shape.lengths);
    const dy = random.floats(batch * steps * directions * units);
    const dhN = random.floats(at.h0.length);
    const scalar = () => {
      const { y, hN } = new GruReference(shape, { ...at, lengths }).result;
      return dot(y, dy) + dot(hN, dhN);
    };
    const gradients = new GruReference(shape, { ...at, lengths }).backward(dy, dhN);
    for (const name of ['x', 'h0', 'parameters'] as const) {
      t.true(relativeError(centralDifferences(scalar, at[name]), gradients[name]) < limit, name);
    }
  });
}

test('gru: one unit by hand', (t) => {
  const shape = { inputs: 1, units: 1, layers: 1, directions: 1, batch: 1, steps: 1 };
  const parameters = Float64Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06);
  const { result } = new GruReference(shape, { x: Float64Array.of(2), h0: Float64Array.of(-1), parameters });
  const r = 1 / (1 + Math.exp(-(0.1 * 2 + 0.01 - 0.4 + 0.04)));
  const z = 1 / (1 + Math.exp(-(0.2 * 2 + 0.02 - 0.5 + 0.05)));
  const n = Math.tanh(0.3 * 2 + 0.03 + r * (-0.6 + 0.06));
  t.true(Math.abs((result.y[0] as number) - ((1 - z) * n - z)) < 1e-15);
});

test('dense with each activation', (t) => {
  for (const activation of activations) {
    const random = new Random(11);
    const at = { x: doubles(random, 12), weight: doubles(random, 15), bias: doubles(random, 5) };
    const dy = random.floats(20);
    const feed = { inputs: 3, units: 5, activation, ...at };
    const gradients = denseGradients(feed, dy);
    for (const name of ['x', 'weight', 'bias'] as const) {
      const differences = centralDifferences(() => dot(dense(feed), dy), at[name]);
      t.true(relativeError(differences, gradients[name]) < limit, `${activation} ${name}`);
    }
  }
});

test('softmax', (t) => {
  const random = new Random(13);
  const [x, dy] = [doubles(random, 12, 3), random.floats(12)];
  const differences = centralDifferences(() => dot(softmax(x, 4), dy), x);
  t.true(relativeError(differences, softmaxGradient(x, dy, 4)) < limit);
});

test('cross entropy of classes and distributions, smoothed, with rows that do not count', (t) => {
  const random = new Random(17);
  const logits = doubles(random, 20, 3);
  for (const labels of [Int32Array.of(3, 0, 1, 2, 2), random.floats(20).map(Math.abs)]) {
    for (const smoothing of [0, 0.2]) {
      for (const validRows of [5, 3]) {
        const feed = { logits, classes: 4, labels, smoothing, validRows };
        const differences = centralDifferences(() => crossEntropy(feed).lossSum / validRows, logits);
        t.true(relativeError(differences, crossEntropy(feed).gradient) < limit);
      }
    }
  }
});

test('squared error', (t) => {
  const random = new Random(19);
  const feed = { prediction: doubles(random, 12), targets: random.floats(12), elements: 4, validRows: 2 };
  const differences = centralDifferences(() => squaredError(feed).lossSum / 2, feed.prediction);
  t.true(relativeError(differences, squaredError(feed).gradient) < limit);
});
