/** The ReNet classifier. */
import { expectInteger } from '../checks.js';
import * as layers from '../layers/public.js';
import { type Sequential, sequential } from '../training/index.js';
import { type ClassifierOptions, expectKnown, head, networkOptions } from './classifier.js';

/** Options of {@link renet}. */
export interface RenetModelOptions extends ClassifierOptions {
  /** Of each direction of each sweep. @defaultValue 64 */
  readonly units?: number;
  /** ReNet layers; each halves both sides (for `windowSize` 2). @defaultValue 2 */
  readonly numLayers?: number;
  /** @defaultValue 2 */
  readonly windowSize?: number | readonly [number, number];
  /** @defaultValue 'gru' */
  readonly cell?: layers.SweepCell;
  /** Units of the dense layer before the classes; 0 leaves it out. @defaultValue 256 */
  readonly denseUnits?: number;
  /** Before the classes, while training. @defaultValue 0 */
  readonly dropout?: number;
}

/**
 * ReNet (Visin et al., 2015): layers that sweep the image down and across, a dense layer with ReLU, and the classes. The paper's sizes
 * (256 units, dense 4096) are for a GPU; the defaults are for a CPU.
 *
 * Cost of a layer on a map of h x w windows with D numbers each: `2·6·h·w·H·(D + H)` operations down and `2·6·h·w·H·(2·H + H)`
 * across. At 28 x 28 x 1 and the defaults: 71 million operations an image, 2.0 million parameters.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE` for options out of range or unknown.
 */
export function renet(options: RenetModelOptions): Sequential {
  expectKnown('renet', options, ['classes', 'units', 'numLayers', 'windowSize', 'cell', 'denseUnits', 'dropout']);
  const { units = 64, windowSize = 2, cell = 'gru', dropout = 0 } = options;
  const count = expectInteger('numLayers', options.numLayers ?? 2, { min: 1, max: 16 });
  const denseUnits = expectInteger('denseUnits', options.denseUnits ?? 256, { min: 0, max: 2 ** 20 });
  const sweeps = Array.from({ length: count }, () => layers.renet({ units, windowSize, cell }));
  const dense = denseUnits === 0 ? [] : [layers.dense({ units: denseUnits, activation: 'relu' })];
  return sequential(
    [...sweeps, layers.flatten(), ...dense, layers.dropout({ rate: dropout }), head(options.classes)],
    networkOptions(options),
  );
}
