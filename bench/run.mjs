// Side by side on the CPU: cugru from JavaScript and its peers, each in its own process, interleaved round by round.
//   npm run bench -- [--rounds 5] [--seconds 0.3] [--threads 1,2] [--isa avx2] [--only 'A;B'] [--peers cugru,pytorch] [--parts layers,epoch,growth]
// Writes bench/results/cpu-<isa>.json, and a table for people beside it. Set the peers up first: npm run bench:setup
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { epochCase, growthCases, layerCases, yardstick } from './cases.mjs';
import { growthPicture } from './growth.mjs';
import { machine } from './machine.mjs';
import { peers, Worker } from './peers.mjs';
import { markdown } from './report.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.3' },
    threads: { type: 'string', default: '1,2' },
    isa: { type: 'string', default: 'best' },
    only: { type: 'string' },
    peers: { type: 'string', default: Object.keys(peers).join() },
    parts: { type: 'string', default: 'layers,epoch,growth' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  const [head] = readFileSync(new URL(import.meta.url), 'utf8').split('\nimport ');
  console.log(head.replaceAll(/^\/\/ ?/gm, ''));
  process.exit(0);
}
if (values.isa === 'avx2') process.env.CUGRU_ISA = 'avx2';
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const threadCounts = values.threads.split(',').map(Number);
const parts = values.parts.split(',');
const only = values.only?.split(';');
const say = (text) => process.stderr.write(text);

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const summary = (list) => ({ ms: median(list), least: Math.min(...list), most: Math.max(...list) });

async function startWorkers(threads, names) {
  const workers = [];
  for (const name of names) {
    const worker = await Worker.start(name, threads, values.isa);
    if (worker === undefined) say(`${name} is not set up here: left out\n`);
    else workers.push(worker);
  }
  return workers;
}

/** Every case on every worker, once a round; what a peer refuses is not asked again. */
async function interleave(cases, workers, roundCount) {
  const samples = new Map();
  const refusals = new Map();
  for (let round = 0; round < roundCount; round++) {
    for (const c of cases) {
      for (const worker of workers) {
        const key = `${c.name}|${c.pass}|${worker.name}`;
        if (refusals.has(key)) continue;
        const answer = await worker.measure(c, seconds);
        if (answer.refused === undefined) samples.set(key, [...(samples.get(key) ?? []), answer.ms]);
        else refusals.set(key, answer.refused);
      }
      say('.');
    }
  }
  say('\n');
  return cases.map((c) => ({
    ...c,
    results: Object.fromEntries(
      workers.flatMap(({ name }) => {
        const list = samples.get(`${c.name}|${c.pass}|${name}`);
        return list === undefined ? [] : [[name, summary(list)]];
      }),
    ),
  }));
}

async function measureLayers(threads) {
  const workers = await startWorkers(threads, values.peers.split(','));
  const cases = layerCases.filter(({ name }) => only === undefined || only.includes(name));
  const rows = await interleave([yardstick, ...cases], workers, rounds);
  const versions = Object.fromEntries(workers.map(({ name, version }) => [name, version]));
  for (const worker of workers) worker.stop();
  return { threads, versions, cases: rows };
}

async function measureEpochs() {
  const names = values.peers.split(',').filter((name) => ['cugru', 'pytorch'].includes(name));
  const out = [];
  for (const threads of threadCounts) {
    const workers = await startWorkers(threads, names);
    out.push({ threads, ...(await interleave([epochCase], workers, Math.min(2, rounds)))[0] });
    for (const worker of workers) worker.stop();
  }
  return out;
}

async function measureGrowth() {
  const threads = Math.max(...threadCounts);
  const workers = await startWorkers(
    threads,
    values.peers.split(',').filter((name) => ['cugru', 'pytorch'].includes(name)),
  );
  const out = {};
  for (const [axis, list] of Object.entries(growthCases)) {
    const cases = list.flatMap((axes) =>
      ['forward', 'train'].map((pass) => ({ name: String(axes[axis]), pass, ...axes })),
    );
    out[axis] = await interleave(cases, workers, Math.min(2, rounds));
  }
  for (const worker of workers) worker.stop();
  return { threads, axes: out };
}

const result = {
  what: 'recurrent layers on the CPU: milliseconds, median of rounds, least and most',
  date: new Date().toISOString().slice(0, 10),
  command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim(),
  machine: machine(),
  isa: values.isa,
  rounds,
};
if (parts.includes('layers')) {
  result.layers = [];
  for (const threads of threadCounts) result.layers.push(await measureLayers(threads));
}
if (parts.includes('epoch')) result.epoch = await measureEpochs();
if (parts.includes('growth')) result.growth = await measureGrowth();

mkdirSync('bench/results', { recursive: true });
const out = values.out ?? `bench/results/cpu-${values.isa === 'avx2' ? 'avx2' : result.machine.isa}`;
writeFileSync(`${out}.json`, `${JSON.stringify(result, null, 1)}\n`);
writeFileSync(`${out}.md`, markdown(result));
if (result.growth !== undefined) writeFileSync(`${out}-growth.svg`, growthPicture(result.growth));
console.log(markdown(result));
say(`written to ${out}.json and ${out}.md\n`);
