import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { scratch } from '../support/edges_files.js';

const script = resolve('scripts/check-arrows.mjs');

/** A copy of the tree that may be spoilt. */
function copy(t: ExecutionContext): string {
  const folder = scratch(t);
  for (const room of ['lib', 'native']) {
    cpSync(room, join(folder, room), { recursive: true, filter: (path) => !path.startsWith('native/build') });
  }
  return folder;
}

function check(folder: string): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' });
  return { status, stderr };
}

function prepend(folder: string, file: string, text: string): void {
  const path = join(folder, file);
  writeFileSync(path, `${text}\n${readFileSync(path, 'utf8')}`);
}

test('the tree as it stands holds to the plan', (t) => {
  t.deepEqual(check(copy(t)), { status: 0, stderr: 'arrows: all run down\n' });
});

const upward: readonly [string, string, string, RegExp][] = [
  [
    'an import',
    'lib/layers/dense.ts',
    "import { native } from '../native.js';",
    /dense\.ts:1: layers may not use native\.ts/,
  ],
  [
    'an import of types',
    'lib/data/split.ts',
    "import type { Network } from '../model/network.js';",
    /split\.ts:1: data may not use model/,
  ],
  [
    'an import over lines',
    'lib/formats/idx.ts',
    "import {\n  Dataset,\n} from '../data/index.js';",
    /idx\.ts:1: formats may not use data/,
  ],
  [
    'an import for its side effects',
    'lib/errors.ts',
    "import './native.js';",
    /errors\.ts:1: errors\.ts may not use native\.ts/,
  ],
  [
    'a call of import',
    'lib/image/encode.ts',
    "const later = () => import('../model/network.js');",
    /encode\.ts:1: image may not use model/,
  ],
  ['an export', 'lib/report/index.ts', "export * from '../cli/recipe.js';", /index\.ts:1: report may not use cli/],
  ['an include', 'native/cpu/gemm.cc', '#include "program/program.h"', /gemm\.cc:1: cpu may not use program/],
  ['an include in core', 'native/core/tensor.h', '#include "cpu/gemm.h"', /tensor\.h:1: core may not use cpu/],
  ['an include by another way', 'native/cpu/gemm.h', '#include "../program/program.h"', /gemm\.h:1: cpu may not use/],
  [
    'an include in a room of a room',
    'native/cuda/driver/places.h',
    '#include "program/program.h"',
    /places\.h:1: cuda\/driver may not use program/,
  ],
  ['the door of Node', 'native/program/session.cc', '#include <napi.h>', /session\.cc: only addon includes napi\.h/],
];

for (const [what, file, line, message] of upward) {
  test(`${what} that runs up is found: ${file}`, (t) => {
    const folder = copy(t);
    prepend(folder, file, line);
    const { status, stderr } = check(folder);
    t.is(status, 1);
    t.regex(stderr, message);
    t.regex(stderr, /arrows: \d+ run up\n$/);
  });
}

test('a circle of imports, a second loader of the addon, and a room without a plan are found', (t) => {
  const folder = copy(t);
  appendFileSync(join(folder, 'lib/data/split.ts'), "export { Dataset } from './dataset.js';\n");
  appendFileSync(join(folder, 'lib/threads.ts'), "export const other = 'build/Release/cugru.node';\n");
  writeFileSync(join(folder, 'lib/extra.ts'), "export { version } from './version.js';\n");
  const { status, stderr } = check(folder);
  t.is(status, 1);
  t.regex(stderr, /import cycle: lib\/data\/dataset\.ts -> lib\/data\/split\.ts -> lib\/data\/dataset\.ts/);
  t.regex(stderr, /lib\/threads\.ts: only lib\/native\.ts loads the addon/);
  t.regex(stderr, /lib\/extra\.ts:1: extra\.ts is not a room/);
});
