import test from 'ava';
import sharp from 'sharp';
import { image } from '../../lib/index.js';
import {
  asGrey,
  asRgb,
  flat,
  furthest,
  height,
  luminance,
  pattern,
  picture,
  width,
} from '../support/edges_pictures.js';

test('pixels of a PNG come back as they are: grey, RGB, palette and interlaced', async (t) => {
  const [grey, rgb] = [pattern(1), pattern(3)];
  t.deepEqual(await image.decode(await picture(grey, 1).png().toBuffer(), asGrey), grey);
  t.deepEqual(await image.decode(await picture(rgb, 3).png().toBuffer(), asRgb), rgb);
  t.deepEqual(await image.decode(await picture(rgb, 3).png({ progressive: true }).toBuffer(), asRgb), rgb);
  const few = flat(200, 100, 50);
  t.deepEqual(await image.decode(await picture(few, 3).png({ palette: true }).toBuffer(), asRgb), few);
});

test('the result is memory of its own', async (t) => {
  const decoded = await image.decode(await picture(pattern(1), 1).png().toBuffer(), asGrey);
  t.is(decoded.constructor, Uint8Array);
  t.is(decoded.byteLength, decoded.buffer.byteLength);
});

for (const format of ['jpeg', 'webp', 'tiff', 'avif', 'gif'] as const) {
  test(`a ${format} file gives its colour`, async (t) => {
    const bytes = await picture(flat(200, 100, 50), 3)
      [format]()
      .toBuffer();
    t.true(furthest(await image.decode(bytes, asRgb), flat(200, 100, 50)) <= 3);
  });
}

test('an SVG is drawn', async (t) => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect width="4" height="6" fill="white"/></svg>';
  const decoded = await image.decode(Buffer.from(svg), asGrey);
  t.deepEqual([...decoded.subarray(0, width)], [255, 255, 255, 255, 0, 0, 0, 0]);
});

test('grey becomes RGB, and RGB becomes luminance', async (t) => {
  const grey = pattern(1);
  const spread = Uint8Array.from({ length: grey.length * 3 }, (_, i) => grey[Math.floor(i / 3)] as number);
  t.deepEqual(await image.decode(await picture(grey, 1).png().toBuffer(), asRgb), spread);
  t.true(furthest(await image.decode(await picture(spread, 3).png().toBuffer(), asGrey), grey) <= 1);
  for (const pixel of [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [200, 100, 50],
  ]) {
    const [value] = await image.decode(
      await picture(flat(...pixel), 3)
        .png()
        .toBuffer(),
      asGrey,
    );
    t.true(Math.abs((value as number) - luminance(pixel)) <= 1, `${pixel}: ${value} for ${luminance(pixel)}`);
  }
});

test('CMYK becomes RGB', async (t) => {
  const cmyk = await picture(flat(200, 100, 50), 3)
    .toColourspace('cmyk')
    .jpeg({ quality: 100 })
    .toBuffer();
  t.is((await sharp(cmyk).metadata()).space, 'cmyk');
  // The colours that can be printed are fewer.
  t.true(furthest(await image.decode(cmyk, asRgb), flat(200, 100, 50)) <= 40);
});

test('16 bits become 8, in grey and in colour', async (t) => {
  const wide = (pixels: Uint8Array): Uint16Array => Uint16Array.from(pixels, (value) => value * 257);
  const grey = await picture(wide(pattern(1)), 1)
    .png()
    .toBuffer();
  const rgb = await picture(wide(pattern(3)), 3)
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  for (const bytes of [grey, rgb]) t.is((await sharp(bytes).metadata()).depth, 'ushort');
  t.true(furthest(await image.decode(grey, asGrey), pattern(1)) <= 1);
  t.true(furthest(await image.decode(rgb, asRgb), pattern(3)) <= 1);
});

// Both ends, the rounding, and a middle that a change of gamma would move far.
const wideValues = [0, 1, 129, 257, 1000, 12_345, 32_767, 40_000, 65_278, 65_535];

for (const format of ['png', 'tiff'] as const) {
  test(`16 bits of a ${format} are divided by 257, to within 1: with and without alpha, neither cut off nor bent`, async (t) => {
    const size = { width: wideValues.length, height: 1 };
    for (const channels of [1, 2, 3, 4] as const) {
      const colours = channels < 3 ? 1 : 3;
      const value = (i: number, c: number): number => wideValues[(i + 3 * c) % wideValues.length] as number;
      const place = Array.from({ length: wideValues.length }, (_, i) => i);
      const pixels = place.flatMap((i) =>
        Array.from({ length: channels }, (_, c) => (c < colours ? value(i, c) : 65_535)),
      );
      const wanted = place.flatMap((i) => Array.from({ length: colours }, (_, c) => Math.round(value(i, c) / 257)));
      const opened = picture(Uint16Array.from(pixels), channels, size.width, size.height);
      const wide = colours === 3 ? opened.toColourspace('rgb16') : opened;
      const bytes = await (format === 'png' ? wide.png() : wide.tiff({ compression: 'lzw' })).toBuffer();
      t.is((await sharp(bytes).metadata()).depth, 'ushort');
      const decoded = await image.decode(bytes, { ...size, channels: colours });
      t.true(furthest(decoded, wanted) <= 1, `${channels} channels: ${decoded} for ${wanted}`);
    }
  });
}

test('an embedded colour profile is applied; without one pixels are sRGB and stay as they are', async (t) => {
  const colour = flat(200, 100, 50);
  const tagged = await picture(colour, 3).withIccProfile('p3').png().toBuffer();
  t.truthy((await sharp(tagged).metadata()).icc);
  const stored = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
  t.true(furthest(stored, colour) > 5, 'the file holds other numbers than sRGB has');
  t.true(furthest(await image.decode(tagged, asRgb), colour) <= 2);
  const untagged = await picture(pattern(3), 3).png().toBuffer();
  t.is((await sharp(untagged).metadata()).icc, undefined);
  t.deepEqual(await image.decode(untagged, { ...asRgb, background: '#ff8000' }), pattern(3));
});

test('what is transparent lies on black, or on the background that is given', async (t) => {
  const half = await picture(flat(255, 255, 255, 128), 4)
    .png()
    .toBuffer();
  const none = await picture(flat(255, 255, 255, 0), 4)
    .png()
    .toBuffer();
  t.is((await image.decode(half, asGrey))[0], 128);
  t.deepEqual(await image.decode(none, asGrey), flat(0));
  t.deepEqual(await image.decode(none, { ...asGrey, background: 'white' }), flat(255));
  t.deepEqual(await image.decode(none, { ...asRgb, background: '#ff8000' }), flat(255, 128, 0));
  const grey = await picture(flat(90, 0), 2).png().toBuffer();
  t.deepEqual(await image.decode(grey, asGrey), flat(0));
  t.deepEqual(await image.decode(grey, { ...asRgb, background: '#ff8000' }), flat(255, 128, 0));
  const wide = await picture(Uint16Array.from(flat(90, 0)), 2)
    .png()
    .toBuffer();
  t.true(furthest(await image.decode(wide, { ...asGrey, background: 'white' }), flat(255)) <= 1);
});

// Where a picture's quadrants [top left, top right, bottom left, bottom right] are seen, by EXIF orientation.
const upright = [
  [0, 1, 2, 3],
  [1, 0, 3, 2],
  [3, 2, 1, 0],
  [2, 3, 0, 1],
  [0, 2, 1, 3],
  [2, 0, 3, 1],
  [3, 1, 2, 0],
  [1, 3, 0, 2],
];
const shades = [250, 170, 90, 10];

test('a photo is turned and mirrored as its EXIF orientation says', async (t) => {
  const side = 32;
  const pixels = Uint8Array.from({ length: side * side }, (_, i) => {
    const [y, x] = [Math.floor(i / side), i % side];
    return shades[(y < side / 2 ? 0 : 2) + (x < side / 2 ? 0 : 1)] as number;
  });
  for (const [i, quadrants] of upright.entries()) {
    const jpeg = picture(pixels, 1, side, side).jpeg({ quality: 100 });
    const bytes = await jpeg.withMetadata({ orientation: i + 1 }).toBuffer();
    const seen = await image.decode(bytes, { width: 2, height: 2, channels: 1, kernel: 'nearest' });
    const expected = quadrants.map((quadrant) => shades[quadrant] as number);
    t.true(furthest(seen, expected) <= 3, `orientation ${i + 1}: ${seen} for ${expected}`);
  }
});

test('another size: filled, cut at the edges, or with bars', async (t) => {
  // 8 x 6, the left and right quarter black.
  const pixels = Uint8Array.from({ length: width * height }, (_, i) => (i % width < 2 || i % width > 5 ? 0 : 255));
  const png = await picture(pixels, 1).png().toBuffer();
  const decode = async (fit: 'fill' | 'cover' | 'contain', w: number, h: number, background = 'black') => [
    ...(await image.decode(png, { width: w, height: h, channels: 1, fit, background, kernel: 'nearest' })),
  ];
  t.deepEqual(await decode('fill', 4, 1), [0, 255, 255, 0]);
  t.deepEqual(await decode('cover', 6, 6).then((all) => all.slice(0, 6)), [0, 255, 255, 255, 255, 0]);
  const bars = await decode('contain', 8, 8, '#808080');
  t.deepEqual(bars.slice(0, 8), Array(8).fill(128));
  t.deepEqual(bars.slice(56), Array(8).fill(128));
  t.deepEqual(bars.slice(8, 56), [...pixels]);
  t.deepEqual(
    await image.decode(png, { ...asGrey, width: 4, height: 3 }),
    await image.decode(png, { ...asGrey, width: 4, height: 3, fit: 'fill', kernel: 'lanczos3' }),
  );
});

test('bars have the colour of the background, in a grey file as well', async (t) => {
  const options = { width, height: 2 * height, channels: 3, fit: 'contain', background: '#ff8000' } as const;
  const files = [picture(flat(0), 1), picture(flat(0, 0, 0), 3), picture(Uint16Array.from(flat(0)), 1)];
  for (const file of files) {
    const decoded = await image.decode(await file.png().toBuffer(), options);
    t.deepEqual([...decoded.subarray(0, 3)], [255, 128, 0]);
    t.deepEqual([...decoded.subarray(-3)], [255, 128, 0]);
    t.deepEqual([...decoded.subarray(3 * width * height, 3 * width * height + 3)], [0, 0, 0]);
  }
});

test('every kernel enlarges a flat picture without a change, and nearest repeats pixels', async (t) => {
  const png = await picture(flat(77), 1).png().toBuffer();
  for (const kernel of ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const) {
    const decoded = await image.decode(png, { width: 21, height: 13, channels: 1, kernel });
    t.true(furthest(decoded, new Uint8Array(21 * 13).fill(77)) <= 1, kernel);
  }
  const two = await picture(Uint8Array.of(10, 200), 1, 2, 1).png().toBuffer();
  const enlarged = await image.decode(two, { width: 4, height: 2, channels: 1, kernel: 'nearest' });
  t.deepEqual([...enlarged], [10, 10, 200, 200, 10, 10, 200, 200]);
});

test('invert turns every value over, after everything else', async (t) => {
  const rgb = pattern(3);
  const png = await picture(rgb, 3).png().toBuffer();
  t.deepEqual(
    await image.decode(png, { ...asRgb, invert: true }),
    rgb.map((value) => 255 - value),
  );
  const clear = await picture(flat(9, 9, 9, 0), 4)
    .png()
    .toBuffer();
  t.deepEqual(await image.decode(clear, { ...asGrey, invert: true, background: 'white' }), flat(0));
});

test('what is encoded decodes to the same pixels', async (t) => {
  for (const options of [asGrey, asRgb]) {
    const pixels = pattern(options.channels);
    const png = await image.encodePng(pixels, options);
    t.deepEqual([...png.subarray(1, 4)], [...Buffer.from('PNG')]);
    t.is((await sharp(png).metadata()).channels, options.channels);
    t.deepEqual(await image.decode(png, options), pixels);
  }
});
