/**
 * Image files to pixels, and pixels to sequences.
 *
 * @module
 */
export {
  type DecodeAllOptions,
  type DecodeOptions,
  decodeImage as decode,
  decodeImages as decodeAll,
  type ImageSource,
} from './decode.js';
export { type EncodeOptions, encodePng } from './encode.js';
export type { SchemeName } from './schemes.js';
export { type Normalization, type ToSequence, type ToSequenceOptions, toSequence } from './to_sequence.js';
