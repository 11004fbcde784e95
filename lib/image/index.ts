/** Images: files to pixels, and pixels to sequences. */
import { decode, decodeAll, encodePng } from './decode.js';
import { toSequence } from './to_sequence.js';

export type { DecodeOptions } from './decode.js';
export { type ImageSize, type Scheme, type SequenceMap, sequenceMap } from './schemes.js';
export { type FixedNormalization, isToSequence, type ToSequence, type ToSequenceOptions, toSequence } from './to_sequence.js';

/** Images in and out of models. */
export const image = { toSequence, decode, decodeAll, encodePng } as const;
