// Makes what is published, in build/packages: the main package without sources of the addon, and the platform package of this
// host with the addon. The packed manifest names the platform packages as optional dependencies; the repository's does not,
// since an unpublished one would break npm ci.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'build', 'packages');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? (glibc ? '-gnu' : '-musl') : ''}`;
const platforms = ['linux-x64-gnu', 'linux-arm64-gnu'];

function stage(name) {
  const folder = join(out, 'stage', name);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return folder;
}

function pack(folder) {
  execFileSync('npm', ['pack', '--pack-destination', out, '--ignore-scripts', '--silent'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  });
}

// Folders, and what was compiled from a file that is still there: a build leaves the output of deleted ones behind.
function hasSource(path) {
  const file = relative(join(root, 'dist'), path);
  if (file.endsWith('.map')) return false;
  return existsSync(join(root, file.replace(/(\.d\.ts|\.js)$/, '.ts')));
}

function mainPackage() {
  const folder = stage('cugru');
  const { devDependencies: _, scripts: __, binary: ___, ...published } = manifest;
  const optionalDependencies = Object.fromEntries(platforms.map((name) => [`@cugru/${name}`, manifest.version]));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...published, optionalDependencies }, null, 2)}\n`);
  for (const file of ['README.md', 'CHANGELOG.md']) copyFileSync(join(root, file), join(folder, file));
  cpSync(join(root, 'dist', 'lib'), join(folder, 'dist', 'lib'), {
    recursive: true,
    filter: hasSource,
  });
  pack(folder);
}

function platformPackage() {
  const folder = stage(platform);
  const name = `@cugru/${platform}`;
  const { version, license, engines } = manifest;
  const libc = process.platform === 'linux' ? { libc: [glibc ? 'glibc' : 'musl'] } : {};
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify({ name, version, license, engines, main: 'cugru.node', os: [process.platform], cpu: [process.arch], ...libc, files: ['cugru.node'], preferUnplugged: true }, null, 2)}\n`,
  );
  const addon = join(folder, 'cugru.node');
  copyFileSync(join(root, 'build', 'Release', 'cugru.node'), addon);
  if (process.platform === 'linux') execFileSync('strip', ['--strip-unneeded', addon]);
  pack(folder);
}

rmSync(out, { recursive: true, force: true });
mainPackage();
platformPackage();
rmSync(join(out, 'stage'), { recursive: true });
console.error(`packed for ${platform} into build/packages`);
