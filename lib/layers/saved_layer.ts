/** Layers as plain data and back. */
import { show } from '../checks.js';
import { CugruError } from '../errors.js';
import { factories } from './index.js';
import type { AnyLayer } from './layer.js';

/** A layer in a file. */
export interface SavedLayer {
  /** The factory's name. */
  readonly kind: string;
  readonly name: string;
  /** True when left out. */
  readonly trainable?: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What makes an equal layer, without its name. */
export function saveLayer({ kind, trainable, config }: AnyLayer): Omit<SavedLayer, 'name'> {
  return { kind, trainable, config };
}

/**
 * The layer that was saved. Nothing about `saved` is trusted.
 * @throws {@link CugruError} `ERR_VALUE` for an unknown kind; what the factory throws.
 */
export function restoreLayer(saved: SavedLayer): AnyLayer {
  if (typeof saved !== 'object' || saved === null || !Object.hasOwn(factories, saved.kind)) {
    throw new CugruError('ERR_VALUE', `unknown layer kind ${show(saved?.kind)}`);
  }
  const factory = factories[saved.kind as keyof typeof factories] as (options: Record<string, unknown>) => AnyLayer;
  const layer = factory({ ...saved.config, ...(saved.name === undefined ? {} : { name: saved.name }) });
  layer.trainable = saved.trainable !== false;
  return layer;
}
