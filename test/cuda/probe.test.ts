import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cudnnCode, driverCode, place, placeSource, placeWheels13 } from '../support/cuda_driver_fakes.js';
import { type Found, search } from '../support/cuda_driver_search.js';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

// These are the tests of the check itself, which test:simulated leaves out.
delete process.env['CUGRU_CUDA_PROBE'];

/** Libraries that work as far as the check goes, and a driver with code of its own. */
function host(t: ExecutionContext, driver = driverCode()): string {
  const root = scratch(t);
  placeWheels13(root);
  place(join(root, 'libcuda.so.1'), 'cuda', { code: driver });
  return root;
}

function replaced(code: string, name: string, body: string): string {
  return code.replace(new RegExp(`(int ${name}\\([^)]*\\)) \\{[^}]*\\}`), `$1 { ${body} }`);
}

const problems = ({ verdict }: Found): readonly { what: string; advice: string }[] => verdict.report?.problems ?? [];

test('a driver, a device and cuDNN that answer make a GPU usable', async (t) => {
  const { verdict } = await search({ CUGRU_CUDA_PATH: host(t) });
  t.true(verdict.usable);
  t.is(verdict.failure, undefined);
  t.like(verdict.report, { probed: 0, weightBytes: 4096, problems: [] });
  t.deepEqual(verdict.report?.devices, [
    {
      ordinal: 0,
      name: 'Pretend GPU',
      computeCapability: '9.0',
      multiprocessors: 4,
      totalBytes: 8 * 2 ** 30,
      availableBytes: 6 * 2 ** 30,
    },
  ]);
});

test('without the child process the report is the same', async (t) => {
  const root = host(t);
  const [child, here] = await Promise.all([
    search({ CUGRU_CUDA_PATH: root }),
    search({ CUGRU_CUDA_PATH: root, CUGRU_CUDA_PROBE: 'skip' }),
  ]);
  t.deepEqual(here.verdict, child.verdict);
});

for (const [what, result, env, message, advice] of [
  ['no device', 100, {}, /the driver does not start: CUDA_ERROR_PRETENDED \(as told\)/, /nvidia-smi/],
  ['no visible device', 100, { CUDA_VISIBLE_DEVICES: '' }, /does not start/, /^CUDA_VISIBLE_DEVICES is set/],
  ['the stub', 34, {}, /does not start/, /stub/],
  ['a driver that was updated', 803, {}, /does not start/, /restart/],
] as const) {
  test(`${what} is told with what to do`, async (t) => {
    const root = host(t, replaced(driverCode(), 'cuInit', `return ${result};`));
    const found = await search({ CUGRU_CUDA_PATH: root, ...env });
    t.false(found.verdict.usable);
    t.is(problems(found).length, 1);
    t.regex(problems(found)[0]?.what ?? '', message);
    t.regex(problems(found)[0]?.advice ?? '', advice);
  });
}

test('a device that is too old, and one that is not there, are refused', async (t) => {
  const old = await search({ CUGRU_CUDA_PATH: host(t, driverCode(13020, 61)) });
  t.deepEqual(problems(old), [
    {
      what: 'Pretend GPU has compute capability 6.1',
      advice: 'a GPU of compute capability 7.5 (Turing) or newer is needed',
    },
  ]);
  t.is(old.verdict.report?.devices.length, 1);
  const absent = await search({ CUGRU_CUDA_PATH: host(t) }, 3);
  t.is(problems(absent)[0]?.what, 'there is no device 3: the driver has 1');
});

test('a device whose memory is full, and a cuDNN that does not start, are told', async (t) => {
  const full = host(t, `${driverCode()} int cuDevicePrimaryCtxRetain(void** context, int device) { return 2; }`);
  t.regex(problems(await search({ CUGRU_CUDA_PATH: full }))[0]?.advice ?? '', /its memory is full/);
  const broken = host(t);
  place(join(broken, 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9'), 'cudnn', {
    code: `${cudnnCode()}
      int cudnnCreate(void** handle) { return 1008; }
      void cudnnGetLastErrorString(char* message, size_t size) { __builtin_strcpy(message, "no libcudnn_ops"); }`,
  });
  const [problem] = problems(await search({ CUGRU_CUDA_PATH: broken }));
  t.is(problem?.what, 'cuDNN does not start: CUDNN_PRETENDED, no libcudnn_ops');
  t.regex(problem?.advice ?? '', /one package/);
});

const atStart = (body: string): string => `__attribute__((constructor)) static void begin(void) { ${body} }`;

test('a library that ends the process when it is opened ends the check only, and is named', async (t) => {
  const root = scratch(t);
  const path = placeSource(join(root, 'libcuda.so.1'), atStart('__builtin_trap();'));
  const { verdict } = await search({ CUGRU_CUDA_PATH: root });
  t.false(verdict.usable);
  t.is(verdict.report, undefined);
  t.regex(verdict.failure?.what ?? '', /^the check for a GPU was ended by SIG(ILL|TRAP), while opening /);
  t.true(verdict.failure?.what.includes(path));
});

test('a library that leaves in the middle is named, with what it printed', async (t) => {
  const root = host(t, replaced(driverCode(), 'cuInit', 'dprintf(2, "no luck today\\n"); _exit(7);'));
  const { verdict } = await search({ CUGRU_CUDA_PATH: root });
  t.is(verdict.failure?.what, 'the check for a GPU was ended with status 7, while starting the driver: no luck today');
});

test('a library that never comes back is given up after CUGRU_CUDA_PROBE_TIMEOUT seconds, and is named', async (t) => {
  const root = scratch(t);
  const path = placeSource(join(root, 'libcuda.so.1'), `int pause(void); ${atStart('for (;;) pause();')}`);
  const { verdict } = await search({ CUGRU_CUDA_PATH: root, CUGRU_CUDA_PROBE_TIMEOUT: '3' });
  t.is(verdict.failure?.what, `the check for a GPU did not end within 3 s, while opening ${path}`);
});

test("options of Node's do not reach the check", async (t) => {
  const preload = join(scratch(t), 'other.cjs');
  writeFileSync(preload, "if (process.argv[1]?.endsWith('child.js')) process.exit(9);\n");
  const { verdict } = await search({ CUGRU_CUDA_PATH: host(t), NODE_OPTIONS: `--require=${preload}` });
  t.true(verdict.usable);
});

// A driver that leaves a file behind when it is opened.
function witness(t: ExecutionContext): { env: Record<string, string>; opened: () => boolean } {
  const root = host(t);
  const file = join(root, 'opened');
  place(join(root, 'libcuda.so.1'), 'cuda', {
    code: `${driverCode()} int creat(const char*, unsigned); ${atStart(`creat("${file}", 0600);`)}`,
  });
  return { env: { CUGRU_CUDA_PATH: root, CUGRU_MNIST_DIR: join(root, 'none') }, opened: () => existsSync(file) };
}

const makeModel = (device: string): string[] => [
  '--input-type=module',
  '-e',
  `import { sequential, layers } from './dist/lib/index.js';
   const model = sequential([layers.dense({ units: 2 })], { inputShape: [3], device: '${device}' });
   console.log(JSON.stringify({ device: model.device }));`,
];

test.serial("'cpu' and 'auto' open nothing of CUDA; 'cuda' does", async (t) => {
  const { env, opened } = witness(t);
  for (const device of ['cpu', 'auto']) {
    const run = await cugru([], { env, node: makeModel(device) });
    t.deepEqual(lastLine(run), { device: 'cpu' });
    t.false(opened());
  }
  const run = await cugru([], { env, node: makeModel('cuda') });
  t.not(run.status, 0);
  t.true(opened());
});

test.serial("what only the session finds out is told by 'cuda' as well", async (t) => {
  const run = await cugru([], { env: { CUGRU_CUDA_PATH: host(t) }, node: makeModel('cuda') });
  t.not(run.status, 0);
  t.regex(run.stderr, /NVRTC 13\.2 compiles for nothing that compute capability 9\.0 runs/);
  t.regex(run.stderr, /code: 'ERR_CUDA_UNAVAILABLE'/);
});

test.serial('a driver that crashes is an error with its path, not a crash', async (t) => {
  const root = scratch(t);
  const path = placeSource(join(root, 'libcuda.so.1'), atStart('__builtin_trap();'));
  const run = await cugru([], { env: { CUGRU_CUDA_PATH: root }, node: makeModel('cuda:1') });
  t.is(run.signal, null);
  t.true(run.stderr.includes(`'cuda:1' cannot be used:\n  - the check for a GPU was ended by `), run.stderr);
  t.true(run.stderr.includes(path));
});
