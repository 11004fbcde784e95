// On a GPU: cugru beside PyTorch on the same device in the same run, interleaved; and what each algorithm of cuDNN takes.
//   npm run bench:gpu -- [--seconds 360] [--rounds 3] [--parts peak,shapes,latency,epoch,matrix] [--out bench/results] [--python python3]
//                        [--precisions tf32,bf16,fp32] [--fresh] [--tiny]
// Writes gpu.json (after every point, so that what was measured stays when it is stopped) and gpu.md into --out, or into $OUT. Points of
// the algorithm matrix that are in gpu.json already, of the same device and libraries, are not measured again, unless --fresh.
// --tiny makes everything small: it shows that the measurement runs, also on the simulated device, and its figures mean nothing.
// Needs a built cugru (dist/) and Node, nothing else; without a python3 that has torch and CUDA, PyTorch is left out, and that is said.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdown } from './report.mjs';
import {
  precisions as allPrecisions,
  classes,
  flops,
  latencyShape,
  matrixShapes,
  nameOf,
  shapes,
  tiny,
} from './shapes.mjs';
import { Worker } from './worker.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '360' },
    rounds: { type: 'string', default: '3' },
    parts: { type: 'string', default: 'peak,shapes,latency,epoch,matrix' },
    precisions: { type: 'string', default: allPrecisions.join() },
    out: { type: 'string', default: process.env.OUT ?? 'bench/results' },
    python: { type: 'string', default: 'python3' },
    fresh: { type: 'boolean', default: false },
    tiny: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  const [head] = readFileSync(new URL(import.meta.url), 'utf8').split('\nimport ');
  console.log(head.replaceAll(/^\/\/ ?/gm, ''));
  process.exit(0);
}

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const parts = values.parts.split(',');
const precisions = values.precisions.split(',');
const rounds = Number(values.rounds);
const budget = Number(values.seconds);
const begin = performance.now();
const elapsed = () => (performance.now() - begin) / 1000;
const say = (text) => process.stderr.write(text);
const sized = (c) => (values.tiny ? tiny(c) : c);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// Each part may go on until its share of the budget is over; what it leaves is the next one's.
const ends = { peak: 0.06, shapes: 0.6, latency: 0.63, epoch: 0.75, matrix: 1 };
const timeFor = (part) => values.tiny || elapsed() < budget * ends[part];

const path = join(values.out, 'gpu.json');
const result = {
  what: 'recurrent classifiers on a GPU: milliseconds per step, median of rounds',
  date: new Date().toISOString().slice(0, 10),
  command: `npm run bench:gpu -- ${process.argv.slice(2).join(' ')}`.trim(),
  tiny: values.tiny,
  node: process.version,
  notes: [],
  peak: {},
  shapes: [],
  latency: [],
  epoch: [],
  matrix: [],
};

function save() {
  mkdirSync(values.out, { recursive: true });
  result.seconds = Math.round(elapsed());
  writeFileSync(`${path}.part`, `${JSON.stringify(result, null, 1)}\n`);
  renameSync(`${path}.part`, path);
  writeFileSync(join(values.out, 'gpu.md'), markdown(result));
}

function note(text) {
  result.notes.push(text);
  say(`${text}\n`);
}

const cugru = new Worker('cugru', process.execPath, [here('cugru_worker.mjs')]);
const torch = new Worker('torch', values.python, [here('torch_worker.py')]);

async function greet() {
  const ours = await cugru.ask({ kind: 'hello' });
  if (ours.refused !== undefined) throw new Error(`cugru finds no GPU: ${ours.refused}`);
  result.cugru = ours;
  const theirs = await torch.ask({ kind: 'hello' });
  if (theirs.refused === undefined) result.torch = theirs;
  else note(`PyTorch is left out: ${theirs.refused}`);
  save();
}

const engines = () => [
  { name: 'cugru', worker: cugru },
  ...(result.torch === undefined
    ? []
    : [
        { name: 'PyTorch, CUDA graph', worker: torch, engine: 'graph' },
        { name: 'PyTorch, eager', worker: torch, engine: 'eager' },
        { name: 'PyTorch, compiled', worker: torch, engine: 'compiled' },
      ]),
];

async function measurePeaks() {
  const size = values.tiny ? 16 : 8192;
  for (const precision of precisions) {
    const request = { kind: 'peak', size, precision };
    const answers = { cugru: await cugru.ask(request) };
    if (result.torch !== undefined) answers.PyTorch = await torch.ask(request);
    const reached = Object.values(answers).flatMap(({ tflops }) => tflops ?? []);
    result.peak[precision] = { size, answers, tflops: reached.length > 0 ? Math.max(...reached) : null };
    save();
  }
}

function figures(c, pass, ms) {
  const tflops = flops(c, pass) / ms / 1e9;
  const peak = result.peak[c.precision]?.tflops ?? null;
  return { microsecondsPerTimeStep: (ms * 1000) / c.steps, tflops, ofPeak: peak === null ? null : tflops / peak };
}

/** All engines on one case, round by round; an engine that refuses is not asked again. */
async function measureCase(c, passes, into) {
  const samples = new Map();
  const refused = {};
  const batches = values.tiny ? 2 : Math.max(8, Math.round(40 / Math.max(0.5, (c.steps * c.batch) / 8192)));
  const seconds = values.tiny ? 0 : 0.25;
  const lines = passes.map((pass) => ({ pass, name: nameOf(c), ...c, engines: {}, refused }));
  into.push(...lines);
  for (let round = 0; round < rounds; round++) {
    for (const { name, worker, engine } of engines()) {
      if (refused[name] !== undefined || (engine === 'compiled' && round > 0)) continue;
      const ready = await worker.ask({ kind: 'prepare', c, classes, batches, engine });
      if (ready.refused !== undefined) {
        refused[name] = ready.refused;
        continue;
      }
      for (const line of lines) {
        const answer = await worker.ask({ kind: 'measure', pass: line.pass, seconds });
        if (answer.refused !== undefined) {
          refused[name] = answer.refused;
          break;
        }
        if (answer.kernels !== undefined) line.kernels = answer.kernels;
        const key = `${line.pass}|${name}`;
        samples.set(key, [...(samples.get(key) ?? []), answer.ms]);
        const list = samples.get(key);
        const ms = median(list);
        line.engines[name] = { ms, least: Math.min(...list), most: Math.max(...list), ...figures(c, line.pass, ms) };
        say('.');
      }
    }
    save();
  }
}

async function measureShapes() {
  const cases = shapes
    .slice(0, values.tiny ? 1 : undefined)
    .flatMap((shape) => precisions.map((precision) => ({ ...sized(shape), precision })));
  for (const [i, c] of cases.entries()) {
    if (!timeFor('shapes')) {
      note(`the time for shapes was over after ${i} of ${cases.length} cases`);
      return;
    }
    await measureCase(c, ['train', 'forward'], result.shapes);
  }
}

async function measureLatency() {
  for (const precision of precisions) {
    const c = { ...sized(latencyShape), precision };
    if (timeFor('latency')) await measureCase(c, ['latency', 'train latency'], result.latency);
    else note(`no time for the latency in ${precision}`);
  }
}

async function measureEpochs() {
  const job = values.tiny
    ? { images: 16, batch: 4, side: 4, units: 6, epochs: 1 }
    : { images: 60000, batch: 128, side: 28, units: 128, epochs: 3 };
  for (const precision of precisions) {
    if (!timeFor('epoch')) {
      note(`no time for the epoch in ${precision}`);
      continue;
    }
    const line = { precision, ...job, engines: {}, refused: {} };
    result.epoch.push(line);
    for (const { name, worker, engine } of engines()) {
      if (engine === 'compiled') continue;
      const answer = await worker.ask({ kind: 'epoch', ...job, precision, engine });
      if (answer.refused === undefined) line.engines[name] = answer;
      else line.refused[name] = answer.refused;
      save();
    }
    // By the device's own clock, around each replayed step.
    line.idleShare = line.engines.cugru?.idle?.share ?? null;
    save();
  }
}

const matrixKey = (c) =>
  [c.cell, c.precision, c.units, c.batch, c.steps, c.directions, c.layers, c.layout, c.inputs].join();

// Read before the first save writes over it.
function readEarlier() {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Points of an earlier run that may stand: of the same device and libraries. */
function pointsOf(before) {
  if (before === undefined || before.tiny !== values.tiny) return [];
  if (JSON.stringify(before.cugru) !== JSON.stringify(result.cugru)) return [];
  return before.matrix.filter((point) => point.tried !== undefined);
}

async function measureMatrix(earlier) {
  const all = values.tiny
    ? ['time-major', 'batch-major'].map((layout) => ({ ...tiny(matrixShapes()[0]), inputs: 32, layout }))
    : matrixShapes();
  const known = new Map(earlier.map((point) => [matrixKey(point), point]));
  result.matrix.push(...known.values());
  for (const [i, c] of all.entries()) {
    if (known.has(matrixKey(c))) continue;
    if (!timeFor('matrix')) {
      note(`the time for the algorithm matrix was over after ${i} of ${all.length} shapes; run it again to go on`);
      return;
    }
    const answer = await cugru.ask({ kind: 'algorithms', c }, 30);
    known.set(matrixKey(c), c);
    result.matrix.push({ ...c, ...answer });
    say(answer.refused === undefined ? '.' : 'x');
    save();
  }
}

const before = values.fresh ? undefined : readEarlier();
const work = {
  peak: measurePeaks,
  shapes: measureShapes,
  latency: measureLatency,
  epoch: measureEpochs,
  matrix: () => measureMatrix(pointsOf(before)),
};
try {
  await greet();
  for (const part of Object.keys(work).filter((name) => parts.includes(name))) {
    try {
      await work[part]();
    } catch (error) {
      note(`${part} ended early: ${error.message}`);
    }
    save();
  }
  say(`\nwritten to ${path}\n`);
  console.log(markdown(result));
} catch (error) {
  say(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  cugru.stop();
  torch.stop();
}
