/**
 * Ready models: each a function that gives a model to compile and fit.
 *
 * @module
 */
export type { CellChoice, ClassifierOptions, ReadyModelOptions } from './classifier.js';
export { type ConvGruOptions, convGru } from './conv_gru.js';
export { type GruRowsOptions, gruRows } from './gru_rows.js';
export { type HierarchicalGruOptions, hierarchicalGru } from './hierarchical_gru.js';
export { gruAutoencoder, gruNextStep, type PretrainingOptions } from './pretraining.js';
export { type RenetModelOptions, renet } from './renet.js';
export { type SequencerModelOptions, sequencer } from './sequencer.js';
