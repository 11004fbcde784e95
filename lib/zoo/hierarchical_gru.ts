/** A GRU over the rows, each read by a GRU over its pixels. */
import { expectBoolean } from '../checks.js';
import * as layers from '../layers/public.js';
import { type Sequential, sequential } from '../training/index.js';
import { type ClassifierOptions, expectKnown, head, networkOptions } from './classifier.js';

/** Options of {@link hierarchicalGru}. */
export interface HierarchicalGruOptions extends ClassifierOptions {
  /** Of the GRU that reads the pixels of a row. @defaultValue 64 */
  readonly rowUnits?: number;
  /** Of the GRU that reads the rows. @defaultValue 128 */
  readonly units?: number;
  /** Both read in both directions. @defaultValue false */
  readonly bidirectional?: boolean;
}

/**
 * A hierarchy: one GRU reads every row pixel by pixel, all rows at once; a second one reads what the first made of the rows.
 *
 * For images of h x w pixels with C channels: `6·h·w·R·(C + R) + 6·h·H·(R + H)` operations with R and H units (twice that in both
 * directions). At 28 x 28 x 1 and the defaults: 24 million operations an image, 88 thousand parameters.
 * @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_SHAPE` for options out of range or unknown.
 */
export function hierarchicalGru(options: HierarchicalGruOptions): Sequential {
  expectKnown('hierarchicalGru', options, ['classes', 'rowUnits', 'units', 'bidirectional']);
  const { rowUnits = 64, units = 128 } = options;
  const bidirectional = expectBoolean('bidirectional', options.bidirectional ?? false);
  return sequential(
    [
      layers.timeDistributed(layers.gru({ units: rowUnits, bidirectional })),
      layers.gru({ units, bidirectional }),
      head(options.classes),
    ],
    networkOptions(options),
  );
}
