/** Losses: descriptions that lower to a loss node on top of a model's last layer. */
import { expectBoolean, expectNumber, expectOneOf, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { lowerRearrange } from './rearrange.js';

/** Options of {@link categoricalCrossentropy}. */
export interface CategoricalCrossentropyOptions {
  /**
   * Share of each target that is spread evenly over all classes, in [0, 1) (Szegedy et al., 2016).
   * @defaultValue 0
   */
  readonly labelSmoothing?: number;
  /**
   * The last layer gives sums instead of probabilities.
   * @defaultValue false
   */
  readonly fromLogits?: boolean;
}

/** A loss with its options. */
export type Loss =
  | { readonly kind: 'categoricalCrossentropy'; readonly labelSmoothing: number; readonly fromLogits: boolean }
  | { readonly kind: 'meanSquaredError' }
  | { readonly kind: 'reconstruction' }
  | { readonly kind: 'nextStep' };

/** Names that stand for a loss with default options. */
export type LossName = Loss['kind'];

/**
 * Cross-entropy between labels and a softmax: `−Σ_c target_c log p_c`, mean over rows. Labels are class numbers or
 * distributions. It is computed from the sums before the softmax, so it stays finite.
 */
export function categoricalCrossentropy(options: CategoricalCrossentropyOptions = {}): Loss {
  rejectUnknownKeys('losses.categoricalCrossentropy', options, ['labelSmoothing', 'fromLogits']);
  return {
    kind: 'categoricalCrossentropy',
    labelSmoothing: expectNumber('labelSmoothing', options.labelSmoothing ?? 0, { min: 0, below: 1 }),
    fromLogits: expectBoolean('fromLogits', options.fromLogits ?? false),
  };
}

/** Mean over rows of the mean squared difference between output and target. */
export function meanSquaredError(): Loss {
  return { kind: 'meanSquaredError' };
}

/**
 * How well the model gives its own input sequence again: mean over rows of the mean squared difference between the output and what the
 * model read (after `image.toSequence` and the normalisation). It needs no labels; the output must have the input's steps and
 * features (Dai and Le, 2015, arXiv:1511.01432).
 */
export function reconstruction(): Loss {
  return { kind: 'reconstruction' };
}

/**
 * How well the model says what comes next: as {@link reconstruction}, between the output of each step and the input of the next. The
 * output of the last step is not looked at.
 */
export function nextStep(): Loss {
  return { kind: 'nextStep' };
}

/** Whether a loss looks at what the model read, and not at labels. */
export function needsNoLabels(loss: Loss): boolean {
  return loss.kind === 'reconstruction' || loss.kind === 'nextStep';
}

const kinds = ['categoricalCrossentropy', 'meanSquaredError', 'reconstruction', 'nextStep'] as const;

const plainLosses = { meanSquaredError, reconstruction, nextStep } as const;

/** A loss from its name or description. */
export function resolveLoss(loss: Loss | LossName): Loss {
  if (typeof loss === 'object' && loss !== null) {
    const kind = expectOneOf('loss.kind', loss.kind, kinds);
    return loss.kind === 'categoricalCrossentropy' ? categoricalCrossentropy(withoutKind(loss)) : plainLoss(kind);
  }
  return plainLoss(expectOneOf('loss', loss, kinds));
}

function plainLoss(kind: LossName): Loss {
  return kind === 'categoricalCrossentropy' ? categoricalCrossentropy() : plainLosses[kind]();
}

function withoutKind(loss: Extract<Loss, { kind: 'categoricalCrossentropy' }>): CategoricalCrossentropyOptions {
  return { labelSmoothing: loss.labelSmoothing, fromLogits: loss.fromLogits };
}

/** What the labels of a dataset are. */
export type LabelKind = 'classes' | 'values' | 'none';

/** The end of a model: its output and, for a classifier, the sums under its softmax. */
export interface ModelHead {
  readonly output: SymbolicTensor;
  readonly sums: SymbolicTensor | undefined;
  /** What the model read. */
  readonly read: SymbolicTensor;
}

/** Rows of the batch whose labels are mixed in, and the share of the own one; both `[batch]`. */
export interface Mixing {
  readonly partners: SymbolicTensor;
  readonly lambda: SymbolicTensor;
}

function logitsOf(head: ModelHead, fromLogits: boolean): SymbolicTensor {
  const logits = fromLogits ? head.output : head.sums;
  if (logits === undefined) {
    throw new CugruError(
      'ERR_GRAPH',
      "categoricalCrossentropy needs a softmax as the model's last layer, or { fromLogits: true } for a model that ends in sums",
    );
  }
  if (logits.steps > 0 || logits.dims.length !== 1) {
    throw new CugruError('ERR_SHAPE', `categoricalCrossentropy expects [batch, classes], got ${describeShape(logits)}`);
  }
  return logits;
}

// Steps [first, first + count) of a sequence.
function stepsOf(builder: GraphBuilder, name: string, x: SymbolicTensor, first: number, count: number): SymbolicTensor {
  if (count === x.steps) return x;
  const width = x.dims.reduce((product, dim) => product * dim, 1);
  const map = Int32Array.from({ length: count * width }, (_, i) => first * width + i);
  return lowerRearrange(builder, name, x, { steps: count, dims: x.dims }, map);
}

// Between the output and the sequence that the model read.
function lowerOwnSequence(builder: GraphBuilder, kind: 'reconstruction' | 'nextStep', head: ModelHead): void {
  const { output, read } = head;
  if (read.steps === 0 || describeShape(output) !== describeShape(read)) {
    throw new CugruError(
      'ERR_SHAPE',
      `${kind} compares the output with the sequence that the model reads, ${describeShape(read)}; the output is ${describeShape(output)}`,
      { expected: [read.steps, ...read.dims], got: [output.steps, ...output.dims] },
    );
  }
  const lengths = builder.lengthsOf(read);
  if (kind === 'nextStep' && lengths !== undefined) {
    throw new CugruError(
      'ERR_UNSUPPORTED',
      'nextStep cannot do with rows of different lengths; use reconstruction, or data without lengths',
    );
  }
  const shift = kind === 'nextStep' ? 1 : 0;
  const count = read.steps - shift;
  if (count < 1)
    throw new CugruError(
      'ERR_SHAPE',
      `${kind} needs [batch, steps, features] with two steps at least, got ${describeShape(read)}`,
    );
  const prediction = stepsOf(builder, 'loss.prediction', output, 0, count);
  const target = stepsOf(builder, 'loss.target', read, shift, count);
  builder.node('loss', 'squaredError', {}, [prediction, target, lengths], []);
}

/** Adds the loss node; returns the graph input of the labels, or -1 where there is none. */
export function lowerLoss(
  builder: GraphBuilder,
  loss: Loss,
  head: ModelHead,
  labels: LabelKind,
  indices: SymbolicTensor,
  mixing?: Mixing,
): number {
  if (loss.kind !== 'categoricalCrossentropy' && mixing !== undefined) {
    throw new CugruError('ERR_VALUE', 'mixup and cutmix mix labels of classes; they need categoricalCrossentropy');
  }
  if (loss.kind === 'reconstruction' || loss.kind === 'nextStep') {
    lowerOwnSequence(builder, loss.kind, head);
    return -1;
  }
  if (loss.kind === 'meanSquaredError') {
    if (labels === 'classes') {
      throw new CugruError('ERR_VALUE', 'meanSquaredError needs Float32Array targets, got class labels');
    }
    const { output } = head;
    const size = output.dims.reduce((product, dim) => product * dim, Math.max(output.steps, 1));
    const target = builder.input('labels', 'slab', { dtype: 'f32', steps: 0, dims: [size] });
    builder.node('loss', 'meanSquaredError', {}, [output, target.tensor, indices], []);
    return target.index;
  }
  const logits = logitsOf(head, loss.fromLogits);
  const spec =
    labels === 'classes'
      ? ({ dtype: 'i32', steps: 0, dims: [] } as const)
      : ({ dtype: 'f32', steps: 0, dims: logits.dims } as const);
  const target = builder.input('labels', 'slab', spec);
  const attrs = { labelSmoothing: loss.labelSmoothing };
  const mixed = mixing === undefined ? [] : [mixing.partners, mixing.lambda];
  builder.node('loss', 'softmaxCrossEntropy', attrs, [logits, target.tensor, indices, ...mixed], []);
  return target.index;
}
