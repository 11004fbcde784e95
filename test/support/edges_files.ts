/** Folders that go away with their test, and IDX files to put into them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';

/** A new folder, removed after the test. */
export function scratch(t: ExecutionContext<unknown>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cugru-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The bytes of an IDX file of unsigned bytes (or of another `type`). */
export function idxBytes(shape: readonly number[], data: Uint8Array | readonly number[], type = 8): Buffer {
  const bytes = Buffer.alloc(4 + 4 * shape.length + data.length);
  bytes[2] = type;
  bytes[3] = shape.length;
  shape.forEach((dim, i) => {
    bytes.writeUInt32BE(dim, 4 + 4 * i);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

/** Grey images with a label each. */
export interface Images {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
  readonly labels: readonly number[] | Uint8Array;
}

/** How {@link writeIdxFolder} spells the names. */
export interface Spelling {
  readonly test?: 't10k' | 'test';
  readonly separator?: '-' | '.';
  readonly gzip?: boolean;
}

/** Writes the four files of a data set. */
export function writeIdxFolder(folder: string, train: Images, test: Images, spelling: Spelling = {}): void {
  const { test: name = 't10k', separator = '-', gzip = false } = spelling;
  const write = (part: string, { height, width, pixels, labels }: Images): void => {
    const put = (kind: string, rank: number, bytes: Buffer): void => {
      const path = join(folder, `${part}-${kind}${separator}idx${rank}-ubyte${gzip ? '.gz' : ''}`);
      writeFileSync(path, gzip ? gzipSync(bytes) : bytes);
    };
    put('images', 3, idxBytes([labels.length, height, width], pixels));
    put('labels', 1, idxBytes([labels.length], labels));
  };
  write('train', train);
  write(name, test);
}

/** Three classes that a small model learns in a moment: a bright bar at the top, in the middle, or at the bottom of 6 x 5 pixels. */
export function barImages(count: number): Images {
  const [height, width] = [6, 5];
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const pixels = new Uint8Array(count * height * width);
  labels.forEach((label, i) => {
    for (let k = 0; k < 2 * width; k++) pixels[(i * height + 2 * label) * width + k] = 150 + ((i * 37 + k * 11) % 100);
  });
  return { height, width, pixels, labels };
}
