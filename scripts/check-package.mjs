// Packs, looks at what is in the tarballs, installs both into an empty project and uses them by import and by require.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const limits = { main: 500_000, platform: 3_000_000 };
const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

run(process.execPath, ['scripts/pack.mjs']);
const packages = readdirSync('build/packages').map((name) => resolve('build/packages', name));
const main = packages.find((path) => /\/cugru-\d/.test(path));
const platform = packages.find((path) => path !== main);
expect(main && platform, `expected two packages, got ${packages.join(', ')}`);
expect(statSync(main).size < limits.main, `the main package has ${statSync(main).size} bytes, at most ${limits.main}`);
expect(
  statSync(platform).size < limits.platform,
  `the platform package has ${statSync(platform).size} bytes, at most ${limits.platform}`,
);

const contents = run('tar', ['-tzf', main]).trim().split('\n');
for (const wanted of [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'package.json',
  'dist/lib/index.js',
  'dist/lib/index.d.ts',
  'dist/lib/cli/main.js',
]) {
  expect(contents.includes(`package/${wanted}`), `the main package lacks ${wanted}`);
}
const compiled = contents
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.replace(/^package\/dist\/(.*)\.js$/, '$1.ts'));
const sources = readdirSync('lib', { recursive: true })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `lib/${file}`);
const differing = [
  ...compiled.filter((file) => !sources.includes(file)),
  ...sources.filter((file) => !compiled.includes(file)),
];
expect(differing.length === 0, `the main package does not hold just what lib compiles to: ${differing.join(', ')}`);
const foreign = contents.filter((file) => /test|fixture|\.map$|native\/|\.node$|binding\.gyp/.test(file));
expect(foreign.length === 0, `the main package should not hold ${foreign.join(', ')}`);
run('node_modules/.bin/publint', [main, '--strict'], { stdio: ['ignore', 2, 2] });

const project = mkdtempSync(join(tmpdir(), 'cugru-install-'));
try {
  writeFileSync(join(project, 'package.json'), '{"name":"try","version":"1.0.0","private":true}');
  // Both at once, so that the platform package satisfies the optional dependency; those of other hosts are not to be had.
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', main, platform], {
    cwd: project,
  });
  run('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--force', 'sharp'], {
    cwd: project,
  });
  const use =
    'new GRU({ inputSize: 3, hiddenSize: 4 }).forward({ data: new Float32Array(6), shape: [1, 2, 3] }).then(({ hN }) => console.log(hN.shape.join()))';
  const byRequire = run(process.execPath, ['--no-warnings', '-e', `const { GRU } = require('cugru'); ${use}`], {
    cwd: project,
  });
  const byImport = run(process.execPath, ['--input-type=module', '-e', `import { GRU } from 'cugru'; await ${use}`], {
    cwd: project,
  });
  expect(byRequire.trim() === '1,1,4' && byImport.trim() === '1,1,4', `got ${byRequire} and ${byImport}`);
  const doctor = JSON.parse(run(join(project, 'node_modules/.bin/cugru'), ['doctor', '--json'], { cwd: project }));
  expect(doctor.cpu?.isa !== undefined, 'doctor found no CPU backend');
} finally {
  rmSync(project, { recursive: true, force: true });
}
console.error('package: packed, installed into an empty project, imported and required');
