// npm run study NAME: trains what bench/studies/NAME describes, each with several seeds, and writes bench/results/study-NAME.json, the table in
// docs/guides/studies.md and the picture docs/guides/study-NAME.svg. Runs that are in the JSON already are not trained again;
// --fresh forgets them. Times are measured apart, after the accuracies: one epoch of each entry in turn, in --rounds (3). --epochs, --seeds and --rows make a small trial, which is written to --out and nowhere else.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { datasets } from '../dist/lib/index.js';
import { measureLatency } from '../dist/lib/report/index.js';
import { machine } from './machine.mjs';
import { studyPicture, studyTable, summarise } from './study_report.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string' },
    seeds: { type: 'string' },
    rows: { type: 'string' },
    only: { type: 'string' },
    out: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    retime: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    'no-times': { type: 'boolean', default: false },
  },
});
const known = ['cells', 'scan-order', 'models'];
const [name] = positionals;
if (!known.includes(name)) {
  console.error(`npm run study NAME, with NAME one of ${known.join(', ')}`);
  process.exit(2);
}
const trial = values.epochs !== undefined || values.rows !== undefined || values.seeds !== undefined;
if (trial && values.out === undefined) {
  console.error('a trial (--epochs, --seeds, --rows) needs --out FILE');
  process.exit(2);
}

const { study } = await import(`./studies/${name.replaceAll('-', '_')}.mjs`);
const { train: all, test } = await datasets.mnist();
const train = values.rows === undefined ? all : all.subset({ start: 0, end: Number(values.rows) });
const seeds = values.seeds?.split(',').map(Number) ?? study.seeds;
const file = values.out ?? `bench/results/study-${name}.json`;

const kept = !values.fresh && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const runs = kept.runs ?? [];
const times = values.retime ? [] : (kept.times ?? []);

function write() {
  const result = {
    what: study.title,
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    trainingImages: train.size,
    testImages: test.size,
    summary: summarise(runs, times),
    runs,
    times,
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

async function trainOnce(entry, seed) {
  const model = entry.build(seed);
  try {
    const epochs = Number(values.epochs ?? entry.epochs ?? study.epochs);
    await model.fit(train, { epochs, ...entry.fit });
    const { accuracy, loss } = await model.evaluate(test);
    return { name: entry.name, note: entry.note, seed, epochs, parameters: model.parameterCount, accuracy, loss };
  } finally {
    model.dispose();
  }
}

async function timeOnce(entry) {
  const model = entry.build(1);
  try {
    const { epochs } = await model.fit(train, { ...entry.fit, epochs: 1 });
    const latency = study.latency ? { latencyMs: (await measureLatency(model, test)).median } : {};
    return { name: entry.name, secondsPerEpoch: epochs[0].seconds, ...latency };
  } finally {
    model.dispose();
  }
}

const entries = study.entries(train).filter((entry) => values.only === undefined || entry.name === values.only);
for (const seed of seeds) {
  for (const entry of entries) {
    if (runs.some((run) => run.name === entry.name && run.seed === seed)) continue;
    const run = await trainOnce(entry, seed);
    runs.push(run);
    write();
    const percent = (run.accuracy * 100).toFixed(2);
    console.error(`${run.name}, seed ${seed}: ${percent} %`);
  }
}
const rounds = values['no-times'] ? 0 : trial ? 1 : Number(values.rounds);
for (let round = 0; round < rounds; round++) {
  for (const entry of entries) {
    if (times.filter((time) => time.name === entry.name).length > round) continue;
    times.push(await timeOnce(entry));
    write();
    console.error(`${entry.name}: ${times.at(-1).secondsPerEpoch.toFixed(1)} s an epoch`);
  }
}

const table = studyTable(runs, times);
console.log(table);
if (!trial) {
  writeFileSync(`docs/guides/study-${name}.svg`, studyPicture(study, runs));
  const page = 'docs/guides/studies.md';
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [before, after] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (before < begin.length || after < before) throw new Error(`${page} has no place for ${name}`);
  writeFileSync(page, `${text.slice(0, before)}\n${table}\n${text.slice(after)}`);
}
