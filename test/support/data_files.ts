/** Folders of small pictures, and archives, for the tests of datasets. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import sharp from 'sharp';
import { encodeNpy, type NpyArray } from '../../lib/formats/index.js';

/** A PNG of one colour, 6 x 4 pixels. */
export function plainPng(red: number, green = red, blue = red): Promise<Buffer> {
  return sharp({ create: { width: 6, height: 4, channels: 3, background: { r: red, g: green, b: blue } } })
    .png()
    .toBuffer();
}

/** Writes files, with the folders above them; a number is a grey picture of that shade. */
export async function writeTree(root: string, files: Readonly<Record<string, number | string | Uint8Array>>) {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'number' ? await plainPng(content) : content);
  }
}

/** Two classes that are easily told apart: dark and light pictures. */
export function shades(count: number, prefix = ''): Record<string, number> {
  const names = Array.from({ length: count }, (_, i) => `${prefix}${i % 2 === 0 ? 'dark' : 'light'}/${i}.png`);
  return Object.fromEntries(names.map((name, i) => [name, i % 2 === 0 ? 10 + i : 200 + i]));
}

/** How {@link zipBytes} packs. */
export interface ZipOptions {
  readonly deflate?: boolean;
  /** Method in the directory; another one than is used, to be refused. */
  readonly method?: number;
  readonly flags?: number;
}

/** A zip archive, as NumPy and others write them. */
export function zipBytes(files: Readonly<Record<string, Uint8Array>>, options: ZipOptions = {}): Buffer {
  const { deflate = false, method = deflate ? 8 : 0, flags = 0 } = options;
  const [locals, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const packed = deflate ? deflateRawSync(content) : content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), common, rest, Buffer.from(name));
    locals.push(local);
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, index, Buffer.from('PK\x05\x06'), end]);
}

/** An npz file. */
export function npzBytes(arrays: Readonly<Record<string, NpyArray>>, options: ZipOptions = {}): Buffer {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)] as const);
  return zipBytes(Object.fromEntries(files), options);
}

/** Records of CIFAR: `labels` before each image, whose planes are red, green and blue of `colours`. */
export function cifarBytes(records: readonly { labels: readonly number[]; colour: readonly number[] }[]): Buffer {
  return Buffer.concat(
    records.map(({ labels, colour }) =>
      Buffer.concat([Buffer.from(labels), ...colour.map((value) => Buffer.alloc(1024, value))]),
    ),
  );
}
