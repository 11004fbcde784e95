/** Losses: descriptions that lower to a loss node on top of a model's last layer. */
import { expectBoolean, expectNumber, expectOneOf, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';

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
  | { readonly kind: 'meanSquaredError' };

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

/** A loss from its name or description. */
export function resolveLoss(loss: Loss | LossName): Loss {
  if (typeof loss === 'object' && loss !== null) {
    return loss.kind === 'meanSquaredError' ? meanSquaredError() : categoricalCrossentropy(withoutKind(loss));
  }
  const name = expectOneOf('loss', loss, ['categoricalCrossentropy', 'meanSquaredError'] as const);
  return name === 'meanSquaredError' ? meanSquaredError() : categoricalCrossentropy();
}

function withoutKind(loss: Extract<Loss, { kind: 'categoricalCrossentropy' }>): CategoricalCrossentropyOptions {
  expectOneOf('loss.kind', loss.kind, ['categoricalCrossentropy', 'meanSquaredError'] as const);
  return { labelSmoothing: loss.labelSmoothing, fromLogits: loss.fromLogits };
}

/** What the labels of a dataset are. */
export type LabelKind = 'classes' | 'values';

/** The end of a model: its output and, for a classifier, the sums under its softmax. */
export interface ModelHead {
  readonly output: SymbolicTensor;
  readonly sums: SymbolicTensor | undefined;
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

/** Adds the loss node; returns the graph input of the labels. */
export function lowerLoss(
  builder: GraphBuilder,
  loss: Loss,
  head: ModelHead,
  labels: LabelKind,
  indices: SymbolicTensor,
  mixing?: Mixing,
): number {
  if (loss.kind === 'meanSquaredError') {
    if (mixing !== undefined) {
      throw new CugruError('ERR_VALUE', 'mixup and cutmix mix labels of classes; they need categoricalCrossentropy');
    }
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
