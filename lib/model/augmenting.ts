/** The part of a training graph that changes images at random, in front of everything else. */
import { CugruError } from '../errors.js';
import { type Augmentation, augmentAttributes, type ImageSize, mixes } from '../image/index.js';
import type { GraphBuilder } from '../layers/builder.js';
import type { Mixing } from '../layers/loss.js';
import { type DataSource, dataSlab } from '../layers/reading.js';

/** What to do with each image, and where the numbers of samples come from. */
export interface Augmenting {
  readonly list: readonly Augmentation[];
  /** Rows have numbers of their own, in a slab: those of a stream, whose slabs all begin at row 0. */
  readonly numbered: boolean;
}

/** What {@link lowerAugment} made. */
export interface Augmented {
  readonly mixing: Mixing | undefined;
  /** The graph's input of the numbers, or -1. To be called when all else is lowered, so that it changes no operation's id. */
  readonly number: () => number;
}

/** @throws {@link CugruError} `ERR_VALUE` for a model that does not take images. */
function expectImages(inputShape: readonly number[]): ImageSize {
  const [height, width, channels] = inputShape;
  if (inputShape.length === 3 && height && width && channels) return { height, width, channels };
  const problem = `augment is for images, that is an inputShape of [height, width, channels], got [${inputShape.join(', ')}]`;
  throw new CugruError('ERR_VALUE', problem, { inputShape });
}

/** Adds the operation `augment`; all readings of the source then see the images that it makes. */
export function lowerAugment(builder: GraphBuilder, { list, numbered }: Augmenting, source: DataSource): Augmented {
  const size = expectImages(source.spec.shape);
  const { indices } = source;
  const image = builder.tensor('f32', 0, [size.height, size.width, size.channels]);
  const samples = numbered ? builder.tensor('i32', 0, []) : undefined;
  const mixing = mixes(list)
    ? { partners: builder.tensor('i32', 0, []), lambda: builder.tensor('f32', 0, []) }
    : undefined;
  const attrs = augmentAttributes(list, size);
  const slab = dataSlab(builder, source);
  builder.node('augment', 'augment', attrs, [slab, indices, samples], [image, mixing?.partners, mixing?.lambda]);
  source.augmented = image;
  const number = (): number => {
    if (samples === undefined) return -1;
    const numbers = builder.input('samples', 'slab', { dtype: 'i32', steps: 0, dims: [] });
    builder.node('samples', 'gather', {}, [numbers.tensor, indices], [samples]);
    return numbers.index;
  };
  return { mixing, number };
}
