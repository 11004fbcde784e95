// The CUDA kernels' sources, as the scripts that embed, compile and check them see them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const folder = join(root, 'native', 'cuda', 'kernels');
// Of core: headers that both backends compile.
export const shared = join(root, 'native', 'core');

/** Each .cu and .cuh: its name and text. */
export function kernelSources() {
  return [shared, folder].flatMap((from) =>
    readdirSync(from)
      .filter((name) => /\.cuh?$/.test(name))
      .sort()
      .map((name) => ({ name, text: readFileSync(join(from, name), 'utf8') })),
  );
}

/** The kernels that a source defines. */
export function kernelNames(text) {
  return [...text.matchAll(/^CUGRU_KERNEL (\w+)\(/gm)].map((match) => match[1]);
}

/** Writes only what changed, so that nothing is built again without need. */
export function writeChanged(path, text) {
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch {
    mkdirSync(dirname(path), { recursive: true });
  }
  writeFileSync(path, text);
}
