/** Layers: descriptions that lower to graph nodes. They never touch the native door. */
import { softmax } from './activation.js';
import { dense } from './dense.js';
import { dropout } from './dropout.js';
import { gru } from './gru.js';

export { softmax } from './activation.js';
export { type ActivationName, type DenseOptions, dense } from './dense.js';
export { type DropoutOptions, dropout } from './dropout.js';
export { type GruOptions, gru } from './gru.js';
export type { Initializer } from './initializers.js';
export { Layer, type LayerConfig } from './layer.js';

/** Layer factories by the name that `config.json` uses. */
export const factories = { gru, dense, dropout, softmax } as const;
