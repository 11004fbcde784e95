/** From image files to pixels, and from pixels to the order in which a recurrent layer reads them. */
export * as image from './public.js';
export {
  describeScheme,
  type ImageSize,
  type SchemeConfig,
  type SchemeName,
  type SequenceMap,
  sequenceMap,
} from './schemes.js';
export {
  isToSequence,
  type Normalization,
  type ToSequence,
  type ToSequenceOptions,
  toSequence,
} from './to_sequence.js';
