import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadSharp } from '../../lib/image/load_sharp.js';
import { image } from '../../lib/index.js';
import { scratch } from '../support/edges_files.js';
import { asGrey, asRgb, flat, pattern, picture } from '../support/edges_pictures.js';

type DecodeOptions = Parameters<typeof image.decode>[1];

async function damagedFiles(folder: string): Promise<readonly [string, RegExp][]> {
  const noise = Uint8Array.from({ length: 64 * 64 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24);
  const png = await picture(noise, 1, 64, 64).png().toBuffer();
  const jpeg = await picture(noise, 1, 64, 64).jpeg().toBuffer();
  const flipped = Buffer.from(png);
  flipped[png.length >> 1] = (flipped[png.length >> 1] as number) ^ 0xff;
  mkdirSync(join(folder, 'folder'));
  const write = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(folder, name), bytes);
  write('empty.png', '');
  write('text.png', 'not a picture');
  write('cut.png', png.subarray(0, png.length >> 1));
  write('flipped.png', flipped);
  write('cut.jpg', jpeg.subarray(0, jpeg.length >> 1));
  write('huge.svg', '<svg xmlns="http://www.w3.org/2000/svg" width="60000" height="60000"/>');
  return [
    ['missing.png', /there is no such file$/],
    ['folder', /it is a folder, not an image$/],
    ['empty.png', /it is empty \(0 bytes\)$/],
    ['text.png', /cannot be decoded as an image \(/],
    ['cut.png', /cannot be decoded as an image \(/],
    ['flipped.png', /cannot be decoded as an image \(/],
    ['cut.jpg', /cannot be decoded as an image \(/],
    ['huge.svg', /exceeds pixel limit/],
  ];
}

test('a file that is no whole image is refused by its name, with the reason', async (t) => {
  const folder = scratch(t);
  for (const [name, message] of await damagedFiles(folder)) {
    const path = join(folder, name);
    const error = await t.throwsAsync(
      image.decode(path, asGrey),
      { name: 'CugruError', code: 'ERR_IMAGE', message },
      name,
    );
    t.true(error?.message.startsWith(`${path}: `), error?.message);
    t.truthy(name === 'empty.png' || error?.cause);
  }
});

test('bytes that are no image are refused by their place in the list', async (t) => {
  const good = await picture(pattern(1), 1).png().toBuffer();
  await t.throwsAsync(image.decode(Buffer.from('x'), asGrey), { code: 'ERR_IMAGE', message: /^the image: / });
  await t.throwsAsync(image.decodeAll([good, good, Buffer.from('x')], asGrey), {
    code: 'ERR_IMAGE',
    message: /^image 2: it cannot be decoded/,
  });
});

test('an image with more pixels than are allowed is refused by its name, before it is decoded', async (t) => {
  const path = join(scratch(t), 'large.png');
  writeFileSync(path, await picture(pattern(1), 1).png().toBuffer());
  t.is((await image.decode(path, { ...asGrey, maxPixels: 48 })).length, 48);
  await t.throwsAsync(image.decode(path, { ...asGrey, maxPixels: 47 }), {
    code: 'ERR_IMAGE',
    message: /large\.png: .*exceeds pixel limit/,
  });
  await t.throwsAsync(image.decode(path, { ...asGrey, maxPixels: 0 }), { code: 'ERR_VALUE', message: /maxPixels/ });
});

test('many images come in the order of their sources, paths and bytes alike', async (t) => {
  const folder = scratch(t);
  const shades = Array.from({ length: 11 }, (_, i) => i * 20);
  const sources = await Promise.all(
    shades.map(async (shade, i) => {
      const png = await picture(flat(shade), 1).png().toBuffer();
      if (i % 2 === 0) return png;
      writeFileSync(join(folder, `${i}.png`), png);
      return join(folder, `${i}.png`);
    }),
  );
  for (const concurrency of [1, 3, 64]) {
    const all = await image.decodeAll(sources, { ...asGrey, concurrency });
    t.deepEqual([...all.filter((_, i) => i % flat(0).length === 0)], shades);
  }
});

test('a file that was changed is read anew', async (t) => {
  const path = join(scratch(t), 'a.png');
  for (const shade of [10, 200]) {
    writeFileSync(path, await picture(flat(shade), 1).png().toBuffer());
    t.is((await image.decode(path, asGrey))[0], shade);
  }
});

test('an aborted call ends with the reason of its signal', async (t) => {
  const sources = Array<Buffer>(50).fill(await picture(pattern(3), 3).png().toBuffer());
  const reason = new Error('enough');
  await t.throwsAsync(image.decodeAll(sources, { ...asRgb, signal: AbortSignal.abort(reason) }), { is: reason });
  const controller = new AbortController();
  const decoding = image.decodeAll(sources, { ...asRgb, concurrency: 1, signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await t.throwsAsync(decoding, { is: reason });
});

const wrong: readonly [unknown, string, RegExp][] = [
  [undefined, 'ERR_TYPE', /options object/],
  [{ ...asGrey, size: 3 }, 'ERR_VALUE', /no option 'size'/],
  [{ ...asGrey, width: 0 }, 'ERR_VALUE', /width must be an integer from 1/],
  [{ ...asGrey, height: 1.5 }, 'ERR_VALUE', /height/],
  [{ width: 3, channels: 1 }, 'ERR_TYPE', /height/],
  [{ ...asGrey, channels: 2 }, 'ERR_VALUE', /channels must be 1 \(grey\) or 3 \(RGB\), got 2/],
  [{ ...asGrey, channels: 4 }, 'ERR_VALUE', /channels/],
  [{ ...asGrey, fit: 'inside' }, 'ERR_VALUE', /fit must be one of/],
  [{ ...asGrey, kernel: 'bicubic' }, 'ERR_VALUE', /kernel must be one of/],
  [{ ...asGrey, invert: 1 }, 'ERR_TYPE', /invert must be a boolean/],
  [{ ...asGrey, background: 0 }, 'ERR_TYPE', /background must be a string/],
];

test('options that are none are refused before a file is read', async (t) => {
  for (const [options, code, message] of wrong) {
    await t.throwsAsync(image.decode('missing.png', options as DecodeOptions), { code, message });
    await t.throwsAsync(image.decodeAll(['missing.png'], options as DecodeOptions), { code, message });
  }
  await t.throwsAsync(image.decodeAll([], asGrey), { code: 'ERR_VALUE', message: /the number of sources/ });
  await t.throwsAsync(image.decodeAll('a.png' as unknown as string[], asGrey), { code: 'ERR_TYPE' });
  await t.throwsAsync(image.decodeAll(['a'], { ...asGrey, concurrency: 0 }), { code: 'ERR_VALUE' });
  await t.throwsAsync(image.decode(3 as unknown as string, asGrey), { code: 'ERR_TYPE', message: /got 3$/ });
  const huge = { width: 2 ** 14, height: 2 ** 14, channels: 3 } as const;
  await t.throwsAsync(image.decodeAll(Array<string>(9).fill('a'), huge), { code: 'ERR_VALUE' });
});

test('a background that is no colour is refused', async (t) => {
  const png = await picture(pattern(1), 1).png().toBuffer();
  for (const decode of [
    image.decode(png, { ...asGrey, background: 'nonsense' }),
    image.decodeAll([png], { ...asGrey, background: 'nonsense' }),
  ]) {
    await t.throwsAsync(decode, { code: 'ERR_VALUE', message: /background must be a colour .*, got 'nonsense'/ });
  }
});

test('pixels that do not fit their size are not encoded', async (t) => {
  await t.throwsAsync(image.encodePng(new Uint8Array(5), asGrey), {
    code: 'ERR_SHAPE',
    message: /\[6, 8, 1\], .*got 5/,
  });
  await t.throwsAsync(image.encodePng(new Float32Array(48) as unknown as Uint8Array, asGrey), { code: 'ERR_TYPE' });
  await t.throwsAsync(image.encodePng(flat(0), { ...asGrey, channels: 2 as 1 }), { code: 'ERR_VALUE' });
});

test('without sharp, the message says what to install', async (t) => {
  const missing = () => Promise.reject(new Error("Cannot find package 'sharp'"));
  await t.throwsAsync(loadSharp(missing), {
    code: 'ERR_IMAGE',
    message: /run "npm install sharp" \(Cannot find package 'sharp'\)$/,
  });
});
