// Everything that a GPU is asked to show, most valuable first, within a budget of time. Results, at most 8 files:
// summary.json, log.txt, doctor.json, parity.json, tests.tap, mnist.json, gpu.json, gpu.md. Ends with 1 when there is no GPU or
// a part failed. What the summary calls done is not done again, so a run that was cut off goes on where it was.
//   OUT=<folder>            for the results; default build/gpu-results
//   CUGRU_GPU_SECONDS=540   the budget
//   CUGRU_GPU_BENCH         more arguments of bench/gpu/run.mjs
//   CUGRU_GPU_MNIST_ROWS, _EPOCHS, _UNITS: see mnist.mjs
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, devNull } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const out = resolve(process.env.OUT || join(root, 'build', 'gpu-results'));
process.chdir(root);
const begun = performance.now();
const budget = Number(process.env.CUGRU_GPU_SECONDS || 540);
if (!(budget > 0))
  throw new Error(`CUGRU_GPU_SECONDS must be a number of seconds, got ${process.env.CUGRU_GPU_SECONDS}`);
mkdirSync(out, { recursive: true });
const at = (name) => join(out, name);
const remaining = () => budget - (performance.now() - begun) / 1000;

function say(line) {
  console.error(line);
  appendFileSync(at('log.txt'), `${line}\n`);
}

// NVIDIA's libraries as Python packages, wherever this host's Python has them: their folders, for CUGRU_CUDA_PATH.
function pythonPackages() {
  const program =
    "import os,sys; print(':'.join(dict.fromkeys(p for p in sys.path if p and os.path.isdir(os.path.join(p,'nvidia')))))";
  const { stdout } = spawnSync('python3', ['-c', program], { encoding: 'utf8', cwd: out });
  return (stdout ?? '').trim();
}

const mnistFolder = join(root, 'data', 'mnist');
const cudaPath = process.env.CUGRU_CUDA_PATH || pythonPackages();
const env = {
  ...process.env,
  ...(cudaPath === '' ? {} : { CUGRU_CUDA_PATH: cudaPath }),
  ...(existsSync(mnistFolder) && !process.env.CUGRU_MNIST_DIR ? { CUGRU_MNIST_DIR: mnistFolder } : {}),
  XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(root, 'build', 'gpu-cache'),
};

/** Runs Node to its end, or to the end of its time; stdout goes to a file, stderr to the log. */
function node(args, { to, seconds, settings = {} }) {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { env: { ...env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
    const file = createWriteStream(to);
    child.stdout.pipe(file);
    child.stderr.on('data', (data) => appendFileSync(at('log.txt'), data));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, 1000 * Math.max(1, seconds));
    child.on('close', (status) => {
      clearTimeout(timer);
      file.end(() => done(late ? 'out of time' : status === 0 ? 'ok' : 'failed'));
    });
  });
}

const readJson = (name) => (existsSync(at(name)) ? JSON.parse(readFileSync(at(name), 'utf8') || 'null') : null);

function readDoctor() {
  const doctor = readJson('doctor.json');
  if (doctor?.cuda?.usable) return { status: 'ok', device: doctor.cuda.report?.devices?.[0]?.name };
  const reasons = doctor?.cuda?.failure ? [doctor.cuda.failure] : (doctor?.cuda?.report?.problems ?? []);
  for (const { what, advice } of reasons) say(`  - ${what}\n    what to do: ${advice}`);
  return { status: 'failed', why: 'no GPU can be used' };
}

function readTests() {
  const tap = readFileSync(at('tests.tap'), 'utf8');
  const count = (word) => Number(tap.match(new RegExp(`^# ${word} (\\d+)`, 'm'))?.[1] ?? 0);
  const seen = (word) => (tap.match(new RegExp(`^${word} `, 'gm')) ?? []).length;
  return { passed: count('pass') || seen('ok'), failed: count('fail') || seen('not ok') };
}

function readParity() {
  const cases = readJson('parity.json')?.cases ?? [];
  const worst = (part) => Math.max(0, ...cases.map((one) => one[part]));
  return { cases: cases.length, forward: worst('forward'), gradients: worst('gradients') };
}

function readBench() {
  const { peak = {}, shapes = [], latency = [], epoch = [], matrix = [], notes = [] } = readJson('gpu.json') ?? {};
  const cases = [...Object.values(peak), ...shapes, ...latency, ...epoch].length;
  return { cases, algorithms: matrix.length, notes };
}

// Accuracies of three epochs differ by seed; more than half a point is more than that.
function joinMnist(name, part) {
  const all = readJson('mnist.json') ?? {};
  all[name] = part;
  if (all.cuda && all.cpu) {
    const difference = Math.abs(all.cuda.test.accuracy - all.cpu.test.accuracy);
    all.accuracyDifference = difference;
    if (all.cuda.rows === 60000) all.ok = difference < 0.005;
  }
  writeFileSync(at('mnist.json'), `${JSON.stringify(all, null, 1)}\n`);
  return { accuracy: part.test.accuracy, losses: part.losses, ...(all.ok === false ? { status: 'failed' } : {}) };
}

async function mnist(device, seconds) {
  const part = join(root, 'build', `mnist-${device}.json`);
  mkdirSync(dirname(part), { recursive: true });
  const status = await node(['scripts/gpu/mnist.mjs', device], { to: part, seconds });
  if (status !== 'ok') return { status };
  return { status, ...joinMnist(device, JSON.parse(readFileSync(part, 'utf8'))) };
}

const strict = { CUGRU_CUDA_PRECISION: 'fp32' };
// The tests compare bytes and names, which the choice by timing may change; parity and benches are of what is chosen.
const onGpu = { ...strict, CUGRU_TEST_DEVICE: 'cuda', CUGRU_CUDA_TIMING: 'off' };
const bench = join('bench', 'gpu', 'run.mjs');

// Each with the share of the budget that it may take at most, so that one that hangs leaves something for the others.
const steps = [
  {
    name: 'doctor',
    share: 0.2,
    run: async (seconds) => {
      await node(['dist/lib/cli/main.js', 'doctor', '--json'], { to: at('doctor.json'), seconds });
      return readDoctor();
    },
  },
  {
    name: 'parity',
    share: 0.2,
    run: async (seconds) => {
      const status = await node(['scripts/gpu/parity.mjs'], { to: at('parity.json'), seconds, settings: strict });
      return { status, ...(status === 'out of time' ? {} : readParity()) };
    },
  },
  {
    name: 'tests',
    share: 0.45,
    run: async (seconds) => {
      const ava = ['node_modules/ava/entrypoints/cli.mjs', '--config', 'ava.gpu.config.js', '--tap'];
      const status = await node(ava, { to: at('tests.tap'), seconds, settings: onGpu });
      const counts = readTests();
      return { status: counts.passed === 0 && status === 'ok' ? 'failed' : status, ...counts };
    },
  },
  { name: 'mnist on cuda', share: 0.35, run: (seconds) => mnist('cuda', seconds) },
  { name: 'mnist on cpu', share: 0.35, run: (seconds) => mnist('cpu', seconds) },
  {
    name: 'bench',
    share: 1,
    run: async (seconds) => {
      if (!existsSync(bench)) return { status: 'skipped', why: `there is no ${bench}` };
      // It ends by itself, some seconds before it would be ended; what it measured by then is in its files.
      const own = ['--seconds', String(Math.max(1, Math.floor(seconds - 15))), '--out', out];
      const more = (process.env.CUGRU_GPU_BENCH ?? '').split(' ').filter(Boolean);
      const status = await node([bench, ...own, ...more], { to: devNull, seconds });
      return { status, ...(status === 'failed' ? {} : readBench()) };
    },
  },
];

const summary = {
  node: process.version,
  processors: cpus().length,
  cudaPath,
  budget,
  seconds: 0,
  ok: false,
  steps: [],
};
const before = (readJson('summary.json')?.steps ?? []).filter(({ status }) => status === 'ok');

function record(step) {
  summary.steps.push(step);
  summary.seconds = Math.round((performance.now() - begun) / 1000);
  summary.ok = summary.steps.every(({ status }) => status === 'ok' || status === 'skipped');
  writeFileSync(at('summary.json'), `${JSON.stringify(summary, null, 1)}\n`);
  const { name, status, ...rest } = step;
  say(`${status.padEnd(11)} ${name} ${JSON.stringify(rest)}`);
}

say(`results go to ${out}; ${budget} s; CUGRU_CUDA_PATH=${cudaPath || '(not set)'}`);
for (const { name, share, run } of steps) {
  const done = before.find((step) => step.name === name);
  if (done !== undefined) record({ ...done, again: false });
  else if (remaining() < 5) record({ name, status: 'skipped', why: 'the budget is spent' });
  else {
    const start = performance.now();
    const result = await run(Math.min(remaining(), share * budget)).catch((error) => ({
      status: 'failed',
      why: String(error),
    }));
    record({ name, ...result, seconds: Number(((performance.now() - start) / 1000).toFixed(1)) });
    if (name === 'doctor' && result.status !== 'ok') break;
  }
}
process.exitCode = summary.ok ? 0 : 1;
