/** Layers as plain data and back. */
import { show } from '../checks.js';
import { CugruError } from '../errors.js';
import { factories } from './index.js';
import type { AnyLayer } from './layer.js';
import { timeDistributed } from './time_distributed.js';

/** A layer in a file. */
export interface SavedLayer {
  /** The factory's name. */
  readonly kind: string;
  /** Absent for a layer within another one. */
  readonly name?: string;
  /** True when left out. */
  readonly trainable?: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

// A layer around another one takes that first, and then its options.
function makeLayer({ kind, name, config }: SavedLayer): AnyLayer {
  const options = name === undefined ? {} : { name };
  if (kind === 'timeDistributed') return timeDistributed(restoreLayer(config?.['layer'] as SavedLayer), options);
  const factory = factories[kind as keyof typeof factories] as (options: Record<string, unknown>) => AnyLayer;
  return factory({ ...config, ...options });
}

/**
 * The layer that was saved. Nothing about `saved` is trusted.
 * @throws {@link CugruError} `ERR_VALUE` for an unknown kind; what the factory throws.
 */
export function restoreLayer(saved: SavedLayer): AnyLayer {
  if (typeof saved !== 'object' || saved === null || !Object.hasOwn(factories, saved.kind)) {
    throw new CugruError('ERR_VALUE', `unknown layer kind ${show(saved?.kind)}`);
  }
  const layer = makeLayer(saved);
  layer.trainable = saved.trainable !== false;
  return layer;
}
