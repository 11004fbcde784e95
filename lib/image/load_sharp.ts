/** sharp, loaded when the first image is read or written: models that never see a file do without it. */
import { CugruError } from '../errors.js';

/** @internal */
export type SharpModule = typeof import('sharp')['default'];

/**
 * @internal
 * @param load - replaced by tests
 * @throws {@link CugruError} `ERR_IMAGE` with what to install.
 */
export async function loadSharp(
  load: () => Promise<{ default: SharpModule }> = () => import('sharp'),
): Promise<SharpModule> {
  try {
    return (await load()).default;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CugruError(
      'ERR_IMAGE',
      `images need the package sharp, which cannot be loaded; run "npm install sharp" (${reason})`,
      {},
      { cause: error },
    );
  }
}
