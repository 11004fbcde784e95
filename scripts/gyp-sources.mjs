// For native/binding.gyp: `sources` prints the addon's files, `flags NAME` those of an instruction set on this host.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedKernels } from './embed-kernels.mjs';

const native = join(dirname(fileURLToPath(import.meta.url)), '..', 'native');
const [what, name] = process.argv.slice(2);

function sources() {
  const written = ['core', 'program', 'cpu', 'cuda', 'addon']
    .flatMap((room) => readdirSync(join(native, room), { recursive: true }).map((file) => `${room}/${file}`))
    .filter((file) => file.endsWith('.cc') && !file.startsWith('cpu/isa/'))
    .sort();
  return [...written, relative(native, embedKernels())];
}

function flags() {
  const table = JSON.parse(readFileSync(join(native, 'isa-flags.json'), 'utf8'));
  const foreign = name.includes('avx') && process.arch !== 'x64';
  return [...table.common, ...(foreign ? [] : table[name])];
}

console.log((what === 'flags' ? flags() : sources()).join('\n'));
