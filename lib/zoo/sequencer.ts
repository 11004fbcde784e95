/** The Sequencer classifier. */
import { expectInteger } from '../checks.js';
import * as layers from '../layers/public.js';
import { type Sequential, sequential } from '../training/index.js';
import { type ClassifierOptions, expectKnown, head, networkOptions } from './classifier.js';

/** Options of {@link sequencer}. */
export interface SequencerModelOptions extends ClassifierOptions {
  /** Numbers at each place. @defaultValue 64 */
  readonly channels?: number;
  /** Of each direction of each sweep. @defaultValue a quarter of `channels` */
  readonly units?: number;
  /** @defaultValue 4 */
  readonly numBlocks?: number;
  /** Sides of the square patches that become places. @defaultValue 4 */
  readonly patchSize?: number;
  /** @defaultValue 'lstm' */
  readonly cell?: layers.SweepCell;
  /** @defaultValue 3 */
  readonly mlpRatio?: number;
  /** Stochastic depth of the last block; it grows from 0 with depth. @defaultValue 0 */
  readonly dropPath?: number;
}

/**
 * Sequencer2D (Tatsunami and Taki, 2022) with one stage: patches become places of a map, blocks mix them by sweeps in both
 * directions and by a network at each place, a normalisation and the mean over all places give the classes.
 *
 * Cost of a block on h x w places with C channels, H units (LSTM) and ratio m: about `2·h·w·(16·H·(C + H) + 4·H·C + 2·m·C²)`
 * operations. At 28 x 28 x 1 and the defaults: about 20 million operations an image, 203 thousand parameters.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE` for options out of range or unknown.
 */
export function sequencer(options: SequencerModelOptions): Sequential {
  expectKnown('sequencer', options, [
    'classes',
    'channels',
    'units',
    'numBlocks',
    'patchSize',
    'cell',
    'mlpRatio',
    'dropPath',
  ]);
  const channels = expectInteger('channels', options.channels ?? 64, { min: 1, max: 2 ** 16 });
  const patch = expectInteger('patchSize', options.patchSize ?? 4, { min: 1, max: 2 ** 12 });
  const count = expectInteger('numBlocks', options.numBlocks ?? 4, { min: 1, max: 128 });
  const { units = Math.max(1, Math.round(channels / 4)), cell = 'lstm', mlpRatio = 3, dropPath = 0 } = options;
  const blocks = Array.from({ length: count }, (_, i) =>
    layers.sequencer({ units, cell, mlpRatio, dropPath: count === 1 ? dropPath : (dropPath * i) / (count - 1) }),
  );
  const places = options.inputShape.slice(0, 2).map((side) => Math.ceil(side / patch)) as [number, number];
  return sequential(
    [
      layers.conv2d({ filters: channels, kernelSize: patch, strides: patch, padding: 'same' }),
      ...blocks,
      layers.layerNorm(),
      layers.avgPool2d({ poolSize: places }),
      layers.flatten(),
      head(options.classes),
    ],
    networkOptions(options),
  );
}
