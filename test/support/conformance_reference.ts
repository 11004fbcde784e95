/** Dense, softmax and the losses in float64, from their definitions in native/core/ops/ops.h. Rows lie one after the other. */

type Numbers = Float32Array | Float64Array;

export type Activation = 'linear' | 'relu' | 'tanh' | 'sigmoid';
export const activations: readonly Activation[] = ['linear', 'relu', 'tanh', 'sigmoid'];

export const activate: Record<Activation, (x: number) => number> = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};
export const slopeOf: Record<Activation, (x: number) => number> = {
  linear: () => 1,
  relu: (x) => (x > 0 ? 1 : 0),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => activate.sigmoid(x) * (1 - activate.sigmoid(x)),
};

export interface DenseFeed {
  readonly inputs: number;
  readonly units: number;
  readonly activation: Activation;
  readonly x: Numbers;
  readonly weight: Numbers;
  readonly bias?: Numbers | undefined;
}

const at = (values: Numbers, i: number) => values[i] as number;

// Before the activation.
function affine({ inputs, units, x, weight, bias }: DenseFeed): Float64Array {
  return Float64Array.from({ length: (x.length / inputs) * units }, (_, i) => {
    const [row, unit] = [Math.floor(i / units), i % units];
    let sum = bias === undefined ? 0 : at(bias, unit);
    for (let k = 0; k < inputs; k++) sum += at(x, row * inputs + k) * at(weight, unit * inputs + k);
    return sum;
  });
}

export function dense(feed: DenseFeed): Float64Array {
  return affine(feed).map(activate[feed.activation]);
}

export function denseGradients(
  feed: DenseFeed,
  dy: Numbers,
): { x: Float64Array; weight: Float64Array; bias: Float64Array } {
  const { inputs, units } = feed;
  const gradients = {
    x: new Float64Array(feed.x.length),
    weight: new Float64Array(feed.weight.length),
    bias: new Float64Array(units),
  };
  for (const [i, before] of affine(feed).entries()) {
    const [row, unit] = [Math.floor(i / units), i % units];
    const g = at(dy, i) * slopeOf[feed.activation](before);
    gradients.bias[unit] = at(gradients.bias, unit) + g;
    for (let k = 0; k < inputs; k++) {
      const [xi, wi] = [row * inputs + k, unit * inputs + k];
      gradients.x[xi] = at(gradients.x, xi) + g * at(feed.weight, wi);
      gradients.weight[wi] = at(gradients.weight, wi) + g * at(feed.x, xi);
    }
  }
  return gradients;
}

// f of each row, and the results one after the other.
function eachRow(x: Numbers, width: number, f: (row: Float64Array, index: number) => Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += width) {
    out.set(f(Float64Array.from(x.subarray(first, first + width)), first / width), first);
  }
  return out;
}

export function softmax(x: Numbers, classes: number): Float64Array {
  return eachRow(x, classes, (row) => {
    const top = Math.max(...row);
    const powers = row.map((value) => Math.exp(value - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  });
}

export function softmaxGradient(x: Numbers, dy: Numbers, classes: number): Float64Array {
  return eachRow(softmax(x, classes), classes, (y, index) => {
    const d = dy.subarray(index * classes, (index + 1) * classes);
    const mean = y.reduce((sum, value, c) => sum + value * at(d, c), 0);
    return y.map((value, c) => value * (at(d, c) - mean));
  });
}

export interface CrossEntropyFeed {
  readonly logits: Numbers;
  readonly classes: number;
  /** One class for each row, or one distribution. */
  readonly labels: Int32Array | Numbers;
  readonly smoothing: number;
  /** Rows from this one on do not count. */
  readonly validRows: number;
}

export interface CrossEntropy {
  readonly lossSum: number;
  readonly correct: number;
  readonly confusion: Float64Array;
  readonly gradient: Float64Array;
}

const indexOfLargest = (row: Numbers) => row.indexOf(Math.max(...row));

function target(feed: CrossEntropyFeed, row: number): Float64Array {
  const { labels, classes, smoothing } = feed;
  const hard = labels instanceof Int32Array;
  return Float64Array.from({ length: classes }, (_, c) => {
    const label = hard ? Number(labels[row] === c) : at(labels, row * classes + c);
    return (1 - smoothing) * label + smoothing / classes;
  });
}

/** The loss summed over the valid rows, what was counted, and the gradient of its mean. */
export function crossEntropy(feed: CrossEntropyFeed): CrossEntropy {
  const { logits, classes, labels, validRows } = feed;
  const confusion = new Float64Array(classes * classes);
  let [lossSum, correct] = [0, 0];
  const gradient = eachRow(logits, classes, (x, row) => {
    if (row >= validRows) return new Float64Array(classes);
    const top = Math.max(...x);
    const logSum = top + Math.log(x.reduce((sum, value) => sum + Math.exp(value - top), 0));
    const wanted = target(feed, row);
    const mass = wanted.reduce((a, b) => a + b, 0);
    for (const [c, share] of wanted.entries()) lossSum += share * (logSum - at(x, c));
    const truth =
      labels instanceof Int32Array
        ? at(Float64Array.from(labels), row)
        : indexOfLargest(labels.subarray(row * classes, (row + 1) * classes));
    const answer = indexOfLargest(x);
    correct += truth === answer ? 1 : 0;
    confusion[truth * classes + answer] = at(confusion, truth * classes + answer) + 1;
    return x.map((value, c) => (mass * Math.exp(value - logSum) - at(wanted, c)) / validRows);
  });
  return { lossSum, correct, confusion, gradient };
}

export interface SquaredErrorFeed {
  readonly prediction: Numbers;
  readonly targets: Numbers;
  /** Elements of a row. */
  readonly elements: number;
  readonly validRows: number;
}

/** The mean over a row's elements summed over the valid rows, and the gradient of its mean over them. */
export function squaredError({ prediction, targets, elements, validRows }: SquaredErrorFeed): {
  lossSum: number;
  gradient: Float64Array;
} {
  let lossSum = 0;
  const gradient = eachRow(prediction, elements, (x, row) => {
    if (row >= validRows) return new Float64Array(elements);
    const differences = x.map((value, i) => value - at(targets, row * elements + i));
    lossSum += differences.reduce((sum, d) => sum + d * d, 0) / elements;
    return differences.map((d) => (2 * d) / (elements * validRows));
  });
  return { lossSum, gradient };
}
