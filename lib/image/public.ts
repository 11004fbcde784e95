/**
 * Image files to pixels, and pixels to sequences.
 *
 * @module
 */
export { decodeImage as decode, type ImageSource } from './decode.js';
export { type DecodeAllOptions, decodeImages as decodeAll } from './decode_many.js';
export type { DecodeOptions, Decoding } from './decode_options.js';
export { type EncodeOptions, encodePng } from './encode.js';
export { type FromSequenceOptions, fromSequence } from './from_sequence.js';
export type { OrderName } from './orders.js';
export type { SchemeConfig, SchemeName } from './schemes.js';
export {
  type ImageInput,
  type Normalization,
  type ToSequence,
  type ToSequenceOptions,
  toSequence,
} from './to_sequence.js';
export type { PaddingName } from './windows.js';
