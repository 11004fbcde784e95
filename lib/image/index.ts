/** From image files to pixels, and from pixels to the order in which a recurrent layer reads them. */

export type { Augmentation } from './augment.js';
export * as augment from './augment.js';
export { augmentAttributes, augmentNames, expectAugmentations, mixes } from './augment_plan.js';
export { decodeEach, expectConcurrency } from './decode_many.js';
export {
  checkDecodeOptions,
  type DecodeOptions,
  type DecodePlan,
  type Decoding,
  decodeKeys,
  decodingOf,
  expectDecoding,
} from './decode_options.js';
export { loadSharp } from './load_sharp.js';
export { orderNames } from './orders.js';
export * as image from './public.js';
export {
  describeScheme,
  type ImageSize,
  type SchemeConfig,
  type SchemeName,
  type SequenceMap,
  schemeNames,
  sequenceMap,
} from './schemes.js';
export {
  expectNormalization,
  type ImageInput,
  isToSequence,
  type Normalization,
  type ToSequence,
  type ToSequenceOptions,
  toSequence,
} from './to_sequence.js';
