/** Models that learn from images without labels, for classifiers to begin from. */
import { expectInteger } from '../checks.js';
import { image, sequenceMap } from '../image/index.js';
import type { Layer } from '../layers/layer.js';
import * as layers from '../layers/public.js';
import { type Sequential, sequential } from '../training/index.js';
import { type CellChoice, expectKnown, networkOptions, type ReadyModelOptions, recurrent } from './classifier.js';

/** Options of {@link gruAutoencoder} and {@link gruNextStep}. */
export interface PretrainingOptions extends ReadyModelOptions {
  /** Of each layer. @defaultValue 128 */
  readonly units?: number;
  /** Layers that a classifier takes over. @defaultValue 2 */
  readonly numLayers?: number;
  /** @defaultValue 'gru' */
  readonly cell?: CellChoice;
  /** How images are read. @defaultValue rows */
  readonly toSequence?: image.ToSequenceOptions;
}

interface Parts {
  readonly read: ReturnType<typeof image.toSequence>;
  readonly steps: number;
  readonly features: number;
  readonly make: (options: Partial<layers.RecurrentOptions>) => Layer;
  readonly encoder: readonly Layer[];
}

function partsOf(options: PretrainingOptions, returnSequences: boolean): Parts {
  const count = expectInteger('numLayers', options.numLayers ?? 2, { min: 1, max: 64 });
  const { units = 128, cell = 'gru' } = options;
  const make = (more: Partial<layers.RecurrentOptions>): Layer => recurrent(cell, { units, ...more });
  const encoder = Array.from({ length: count }, (_, i) => make({ returnSequences: returnSequences || i < count - 1 }));
  const read = image.toSequence(options.toSequence ?? { scheme: 'rows' });
  const [height = 0, width = 0, channels = 0] = options.inputShape;
  const { steps, features } = sequenceMap(read, { height, width, channels });
  return { read, steps, features, make, encoder };
}

const known = ['units', 'numLayers', 'cell', 'toSequence'] as const;

/**
 * A sequence autoencoder (Dai and Le, 2015, arXiv:1511.01432): recurrent layers read the image into their last state, which is given to
 * a decoder at each step; a dense layer makes the steps again. Compile it with `losses.reconstruction()` and fit it on images,
 * whose labels are not looked at. `classifier.takeWeights(autoencoder)` carries the reading layers over to a {@link gruRows} of the same
 * sizes.
 *
 * Costs about `6·T·H·(3·H + D)` operations an image more than {@link gruRows} with the same sizes, for T steps of D numbers and H units.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE` for options out of range or unknown.
 */
export function gruAutoencoder(options: PretrainingOptions): Sequential {
  expectKnown('gruAutoencoder', options, known);
  const { read, steps, features, make, encoder } = partsOf(options, false);
  const decoder = make({ name: 'decoder', returnSequences: true });
  return sequential(
    [read, ...encoder, layers.repeat({ count: steps }), decoder, layers.dense({ name: 'output', units: features })],
    networkOptions(options),
  );
}

/**
 * Next-step prediction (Dai and Le, 2015): after each step the model says what the next one will be, for rows the next row. Compile it
 * with `losses.nextStep()`; all else as {@link gruAutoencoder}, at the cost of {@link gruRows}.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE` for options out of range or unknown.
 */
export function gruNextStep(options: PretrainingOptions): Sequential {
  expectKnown('gruNextStep', options, known);
  const { read, features, encoder } = partsOf(options, true);
  return sequential([read, ...encoder, layers.dense({ name: 'output', units: features })], networkOptions(options));
}
