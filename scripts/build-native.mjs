// Builds build/Release/cugru.node: with cmake-js where there is CMake, else with node-gyp. CUGRU_BUILD=cmake|gyp forces one,
// CUGRU_SANITIZE=address builds build/asan/Release/cugru.node instead. Prints to stderr only.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedKernels } from './embed-kernels.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const jobs = String(availableParallelism());

function has(command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function fail(message) {
  process.stderr.write(`cugru: ${message}\n`);
  process.exit(1);
}

function run(script, args) {
  process.stderr.write(`cugru: building the native addon with ${args[0] === 'rebuild' ? 'node-gyp' : 'cmake-js'}\n`);
  // npm hands its own settings down as npm_config_*; a nodedir among them would send cmake-js after other headers.
  const env = { ...process.env };
  delete env.npm_config_nodedir;
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (status !== 0) fail('the native build failed; it needs a C++17 compiler (Debian: apt install g++ make cmake)');
}

function buildWithCmake() {
  const sanitize = process.env.CUGRU_SANITIZE;
  const out = sanitize ? ['--out', 'build/asan', `--CDCUGRU_SANITIZE=${sanitize}`] : [];
  run(require.resolve('cmake-js/bin/cmake-js'), ['compile', '--parallel', jobs, ...out]);
}

// node-gyp wants Node's own headers in <prefix>/include/node; without them it would download some. Ours come from
// node-api-headers, so a prefix made of those will do.
function nodeDir() {
  const prefix = dirname(dirname(process.execPath));
  if (existsSync(join(prefix, 'include', 'node', 'common.gypi'))) return prefix;
  fail(
    `node-gyp needs Node's headers in ${join(prefix, 'include', 'node')}; install CMake instead (Debian: apt install cmake)`,
  );
}

function buildWithGyp() {
  if (process.env.CUGRU_SANITIZE) fail('CUGRU_SANITIZE needs CMake');
  run(require.resolve('node-gyp/bin/node-gyp.js'), ['rebuild', '-C', 'native', `--nodedir=${nodeDir()}`, '-j', jobs]);
  mkdirSync(join(root, 'build', 'Release'), { recursive: true });
  copyFileSync(join(root, 'native', 'build', 'Release', 'cugru.node'), join(root, 'build', 'Release', 'cugru.node'));
}

embedKernels();
const wanted = process.env.CUGRU_BUILD ?? (has('cmake') ? 'cmake' : 'gyp');
if (wanted === 'cmake') buildWithCmake();
else if (wanted === 'gyp') buildWithGyp();
else fail(`CUGRU_BUILD must be cmake or gyp, got ${wanted}`);
