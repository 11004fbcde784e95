// npm run bench:data: how fast image files become training rows. Makes 5 000 JPEG files of 256 x 256 (noise on gradients, so that they are
// no easier than photographs) in a temporary folder, then measures, in turn: sharp alone, datasets.imageFolder, a fit on the
// folder and a fit on a stream. Last, 20 000 files of 128 x 128 are trained from a stream in a child whose data segment is limited
// below the size of the decoded images. Writes bench/results/data.json.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { datasets, image, layers, optimizers, schedules, sequential } from '../dist/lib/index.js';
import { machine } from './machine.mjs';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '5000' },
    many: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string', default: 'bench/results/data.json' },
    child: { type: 'string' },
  },
});
const concurrency = Math.min(8, availableParallelism());
const size = [64, 64];
const limitMiB = 700;

function model(inputShape, classes) {
  const made = sequential(
    [
      image.toSequence({ scheme: 'rows', normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } }),
      layers.gru({ units: 128, returnSequences: true }),
      layers.gru({ units: 128 }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { inputShape, seed: 1 },
  );
  made.compile({
    optimizer: optimizers.adam({ learningRate: schedules.cosine({ learningRate: 1e-3 }), clipNorm: 1 }),
    loss: 'categoricalCrossentropy',
  });
  return made;
}

async function onStream(folder, options) {
  const stream = await datasets.stream(folder, { seed: 1, ...options });
  const made = model(stream.inputShape, stream.classes);
  const { epochs } = await made.fit(stream, { epochs: 1, batchSize: 128 });
  made.dispose();
  return epochs[0];
}

if (values.child !== undefined) {
  const { loss } = await onStream(values.child, { size: [128, 128], slabRows: 1024 });
  const maxRssMiB = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ loss, maxRssMiB }));
  process.exit(0);
}

// A cheap stream of numbers, so that the files are the same everywhere.
function* noise(seed) {
  let state = seed >>> 0;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 24;
  }
}

async function makeFile(path, side, seed) {
  const pixels = Buffer.alloc(side * side * 3);
  const random = noise(seed + 1);
  const [fx, fy, phase] = [1 + (seed % 5), 1 + (seed % 7), seed % 64];
  let at = 0;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const base = 96 + 64 * Math.sin(((x * fx + y * fy + phase) * Math.PI) / side);
      for (let c = 0; c < 3; c++) pixels[at++] = base + c * 16 + random.next().value / 4;
    }
  }
  await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ quality: 85 })
    .toFile(path);
}

async function makeFolder(folder, count, side) {
  const paths = [];
  for (let c = 0; c < 5; c++) mkdirSync(join(folder, `class${c}`), { recursive: true });
  for (let i = 0; i < count; i++) paths.push(join(folder, `class${i % 5}`, `${String(i).padStart(6, '0')}.jpg`));
  let next = 0;
  const work = async () => {
    while (next < count) {
      const i = next++;
      await makeFile(paths[i], side, i);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return paths;
}

// The same pictures by sharp alone: the same pipeline, as many at a time, and nothing kept.
async function sharpAlone(paths) {
  const begin = performance.now();
  let next = 0;
  const work = async () => {
    while (next < paths.length) {
      const bytes = await readFile(paths[next++]);
      await sharp(bytes)
        .resize({ width: size[1], height: size[0], fit: 'fill' })
        .toColourspace('srgb')
        .raw()
        .toBuffer();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return paths.length / ((performance.now() - begin) / 1000);
}

async function folderAlone(folder) {
  const begin = performance.now();
  const { train } = await datasets.imageFolder(folder, { size, channels: 3 });
  return { train, rate: train.size / ((performance.now() - begin) / 1000) };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const root = mkdtempSync(join(tmpdir(), 'cugru-bench-data-'));
try {
  const folder = join(root, 'jpeg');
  const paths = await makeFolder(folder, Number(values.files), 256);
  const rates = { sharp: [], imageFolder: [] };
  let train;
  for (let round = 0; round < Number(values.rounds); round++) {
    rates.sharp.push(await sharpAlone(paths));
    const result = await folderAlone(folder);
    rates.imageFolder.push(result.rate);
    train = result.train;
  }
  const made = model(train.inputShape, train.classes);
  const fit = (await made.fit(train, { epochs: 2, batchSize: 128 })).epochs[1];
  made.dispose();
  const stream = await onStream(folder, { size, channels: 3, slabRows: 1024 });
  const many = join(root, 'many');
  await makeFolder(many, Number(values.many), 128);
  const script = fileURLToPath(import.meta.url);
  const limited = spawnSync('prlimit', [`--data=${limitMiB * 2 ** 20}`, process.execPath, script, '--child', many], {
    encoding: 'utf8',
    env: { ...process.env, MALLOC_ARENA_MAX: '2' },
  });
  if (limited.status !== 0) console.error(limited.stderr);
  const waits = ({ seconds, computeSeconds, waitSeconds }) => ({
    seconds,
    computeSeconds,
    waitSeconds,
    waitShare: waitSeconds / seconds,
  });
  const result = {
    what: 'image files to training rows',
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    files: { count: paths.length, side: 256, decodedTo: size },
    imagesPerSecond: { sharp: median(rates.sharp), imageFolder: median(rates.imageFolder) },
    ofSharp: median(rates.imageFolder.map((rate, i) => rate / rates.sharp[i])),
    fit: { folder: waits(fit), stream: waits(stream) },
    limited: {
      files: Number(values.many),
      decodedMiB: (Number(values.many) * 128 * 128 * 3) / 2 ** 20,
      limitMiB,
      status: limited.status,
      ...(limited.status === 0 ? JSON.parse(limited.stdout) : {}),
    },
  };
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result, null, 2));
} finally {
  rmSync(root, { recursive: true, force: true });
}
