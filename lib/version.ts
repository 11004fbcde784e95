/** The package's version. */
import { createRequire } from 'node:module';

const manifest = findManifest();

function findManifest(): { readonly version: string } {
  const require = createRequire(import.meta.url);
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return require(path) as { version: string };
    } catch {
      // Sources lie one folder below the package's root, compiled files two.
    }
  }
  return { version: 'unknown' };
}

/** For example '0.1.0'. */
export const version: string = manifest.version;
