// Builds the simulated device (test/simulated) into build/simulated: shared libraries under the names of NVIDIA's, and the program
// that checks them. Compiles what is older than its sources. CUGRU_SANITIZE=address builds into build/simulated-asan. Prints to stderr.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const sanitize = process.env.CUGRU_SANITIZE;
const out = sanitize ? 'build/simulated-asan' : 'build/simulated';
const source = 'test/simulated';

const flags = [
  ...['-std=c++17', '-O2', '-g1', '-fPIC', '-pthread'],
  ...['-Wall', '-Wextra', '-Werror', '-Inative', `-I${source}`, '-isystem', 'node_modules/node-api-headers/include'],
  // The compiler warns of the standard library's own code when it is instrumented.
  ...(sanitize ? [`-fsanitize=${sanitize}`, '-fno-omit-frame-pointer', '-Wno-maybe-uninitialized'] : []),
];

const sourcesIn = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.cc'))
    .sort()
    .map((file) => `${folder}/${file}`);
const parts = (...names) => names.map((file) => ({ file, sources: [`${source}/parts/part.cc`] }));

// `core`: linked with the state that all of them share. `isNode`: what it wants of Node is found when Node loads it.
const libraries = [
  { file: 'libsimulated_core.so', sources: sourcesIn(`${source}/core`) },
  { file: 'libcuda.so.1', sources: sourcesIn(`${source}/driver`), core: true },
  { file: 'libnvrtc.so.13', sources: sourcesIn(`${source}/nvrtc`), core: true },
  { file: 'libcudnn.so.9', sources: sourcesIn(`${source}/cudnn`), core: true },
  { file: 'libcublasLt.so.13', sources: sourcesIn(`${source}/cublaslt`), core: true },
  { file: 'control.node', sources: sourcesIn(`${source}/control`), core: true, isNode: true },
  { file: 'libcheck_kernels.so', sources: [`${source}/check/kernels_host.cc`] },
  ...parts('libcudnn_graph.so.9', 'libcudnn_ops.so.9', 'libcudnn_cnn.so.9', 'libcudnn_adv.so.9'),
  ...parts('cudnn8/libcudnn_ops_infer.so.8', 'cudnn8/libcudnn_adv_infer.so.8'),
  ...parts('cudnn8/libcudnn_ops_train.so.8', 'cudnn8/libcudnn_adv_train.so.8'),
];
// A toolkit of another CUDA, and an older cuDNN, are the same files under other names: CUGRU_SIMULATED_CUDA and _CUDNN say what
// they answer.
const links = [
  ['libcublasLt.so.12', 'libcublasLt.so.13'],
  ['libnvrtc.so.12', 'libnvrtc.so.13'],
  ['cudnn8/libcudnn.so.8', '../libcudnn.so.9'],
];
const check = {
  file: 'sim_check',
  sources: [
    ...sourcesIn(`${source}/check`).filter((file) => !file.endsWith('/kernels_host.cc')),
    ...sourcesIn('native/cuda/driver'),
  ],
  core: true,
};

const objectOf = (file) => join(out, 'obj', `${relative('.', file).replaceAll('/', '_')}.o`);
const timeOf = (file) => (existsSync(file) ? statSync(file).mtimeMs : -1);

// A make rule as the compiler writes it: "object: file file \\\n file".
function dependenciesOf(object) {
  const rule = readFileSync(object.replace(/\.o$/, '.d'), 'utf8');
  return rule
    .slice(rule.indexOf(':') + 1)
    .split(/[\s\\]+/)
    .filter((file) => file !== '' && !file.startsWith('/'));
}

const times = new Map();
function cachedTime(file) {
  if (!times.has(file)) times.set(file, existsSync(file) ? statSync(file).mtimeMs : Number.POSITIVE_INFINITY);
  return times.get(file);
}

function isStale(object) {
  const made = timeOf(object);
  if (made < 0 || !existsSync(object.replace(/\.o$/, '.d'))) return true;
  return (
    dependenciesOf(object).some((file) => cachedTime(file) > made) || cachedTime('scripts/build-simulated.mjs') > made
  );
}

function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.env.CXX ?? 'g++', args, { stdio: ['ignore', 2, 2] });
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`the compiler failed for ${args[args.indexOf('-o') + 1]}`)),
    );
  });
}

async function inParallel(tasks) {
  const next = tasks.values();
  const worker = async () => {
    for (const task of next) await task();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

// Only what is meant to be is seen from outside: the addon has names of its own. The core's users see all of it.
const visibility = (file) => (file.startsWith(`${source}/core/`) ? [] : ['-fvisibility=hidden']);
const compile = (file) => () => run([...flags, ...visibility(file), '-MMD', '-c', file, '-o', objectOf(file)]);

function linkOf({ file, sources, core, isNode }) {
  const target = join(out, file);
  const objects = sources.map(objectOf);
  const shared = /\.(so|node)/.test(file) ? ['-shared', `-Wl,-soname,${file.split('/').pop()}`] : [];
  const sanitizer = sanitize ? [`-fsanitize=${sanitize}`] : isNode ? [] : ['-Wl,-z,defs'];
  const libraries = core ? [`-L${out}`, '-lsimulated_core', '-Wl,-rpath,$ORIGIN'] : [];
  return {
    target,
    inputs: [...objects, ...(core ? [join(out, 'libsimulated_core.so')] : [])],
    task: () => run([...shared, ...objects, '-o', target, ...sanitizer, ...libraries, '-ldl', '-pthread']),
  };
}

async function build() {
  for (const folder of ['obj', 'cudnn8']) mkdirSync(join(out, folder), { recursive: true });
  const targets = [...libraries, check];
  const files = [...new Set(targets.flatMap(({ sources }) => sources))];
  const stale = files.filter((file) => isStale(objectOf(file)));
  if (stale.length > 0) process.stderr.write(`cugru: compiling ${stale.length} files of the simulated device\n`);
  await inParallel(stale.map(compile));
  const needed = ({ target, inputs }) => inputs.some((input) => timeOf(input) > timeOf(target));
  const [core, ...rest] = targets.map(linkOf);
  if (needed(core)) await core.task();
  await inParallel(rest.filter(needed).map(({ task }) => task));
  for (const [name, to] of links) if (!existsSync(join(out, name))) symlinkSync(to, join(out, name));
}

if (process.platform !== 'linux') process.stderr.write('cugru: the simulated device is for Linux; it was not built\n');
else
  await build().catch((error) => {
    process.stderr.write(`cugru: the simulated device was not built: ${error.message}\n`);
    process.exitCode = 1;
  });
