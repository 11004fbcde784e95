// Lint and format: biome for TypeScript and JSON, clang-format for C++ (where it is installed). --fix writes.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const fix = process.argv.includes('--fix');
let failed = false;

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) failed = true;
}

const nativeFiles = ['native', 'test/simulated'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => /\.(cc|h|inl|cu|cuh)$/.test(file) && !file.startsWith('build/'))
    .map((file) => `${folder}/${file}`),
);

run('node_modules/.bin/biome', ['check', '--error-on-warnings', ...(fix ? ['--write'] : [])]);
if (spawnSync('clang-format', ['--version']).status === 0) {
  run('clang-format', fix ? ['-i', ...nativeFiles] : ['--dry-run', '--Werror', ...nativeFiles]);
} else if (process.env.CI) {
  console.error('clang-format is missing (Debian: apt install clang-format)');
  failed = true;
} else {
  console.error('clang-format is not installed: C++ formatting was not checked');
}
process.exitCode = failed ? 1 : 0;
