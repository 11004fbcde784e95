/** Options of a fit, checked and complete. */
import { expectBoolean, expectInteger, expectSignal } from '../checks.js';
import { CugruError } from '../errors.js';
import { type Augmentation, expectAugmentations } from '../image/index.js';
import type { Network } from '../model/network.js';
import type { FitOptions } from './options.js';

/** @internal What a fit goes by. */
export interface FitSettings {
  readonly epochs: number;
  readonly initialEpoch: number;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly augment: readonly Augmentation[];
  readonly timeReplays: boolean;
  readonly signal: AbortSignal | undefined;
}

function expectBatchSize({ batchSize: fixed }: Network<unknown>, wanted: number | undefined): number {
  const batchSize = expectInteger('batchSize', wanted ?? fixed ?? 32, { min: 1, max: 2 ** 20 });
  if (fixed === undefined || batchSize === fixed) return batchSize;
  throw new CugruError('ERR_VALUE', `the model has a batchSize of ${fixed}, got ${batchSize}; leave it out`, {
    expected: fixed,
    got: batchSize,
  });
}

// Rows that go on from batch to batch stay in their order.
function expectShuffle({ stateful }: Network<unknown>, wanted: boolean | undefined): boolean {
  const shuffle = expectBoolean('shuffle', wanted ?? !stateful);
  if (!shuffle || !stateful) return shuffle;
  throw new CugruError('ERR_VALUE', 'a model with stateful layers cannot shuffle its rows; leave shuffle out');
}

/** @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`. */
export function expectFitOptions(model: Network<unknown>, options: FitOptions): FitSettings {
  const epochs = expectInteger('epochs', options.epochs ?? 1, { min: 1, max: 1e6 });
  const initialEpoch = expectInteger('initialEpoch', options.initialEpoch ?? 0, { min: 0, max: epochs - 1 });
  const batchSize = expectBatchSize(model, options.batchSize);
  const shuffle = expectShuffle(model, options.shuffle);
  expectSignal('signal', options.signal);
  const augment = expectAugmentations(options.augment ?? []);
  const timeReplays = expectBoolean('timeReplays', options.timeReplays ?? false);
  return { epochs, initialEpoch, batchSize, shuffle, augment, timeReplays, signal: options.signal };
}
