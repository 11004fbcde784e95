import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { search } from '../support/cuda_driver_search.js';
import { libraries, majors } from '../support/cuda_driver_vendor.js';

const folder = mkdtempSync(join(tmpdir(), 'cugru-vendor-'));
const program = join(folder, 'real_libraries');
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test.before(() => {
  const sources = ['libraries', 'places', 'shared_object'].map((name) => `native/cuda/driver/${name}.cc`);
  const args = ['-std=c++17', '-O1', '-Inative', 'test/vendor/real_libraries.cc', ...sources, '-ldl', '-o', program];
  execFileSync('c++', args);
});

for (const cuda of majors) {
  test.serial(`the libraries of CUDA ${cuda} are found, and do what they can without a GPU`, async (t) => {
    const root = await libraries(cuda);
    const { status, signal, stdout } = spawnSync(program, {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', CUGRU_CUDA_PATH: root },
      encoding: 'utf8',
    });
    t.is(status ?? signal, 0, stdout);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines.filter((one) => !/^ok (cudnn rnn|mapped)/.test(one))) t.log(line);
    t.deepEqual(
      lines.filter((line) => !line.startsWith('ok ')),
      [],
    );
    const compiled = lines.filter((line) => /^ok nvrtc sm_\d+ [1-9]\d+ bytes$/.test(line));
    t.deepEqual(
      compiled.map((line) => line.split(' ')[2]),
      [75, 80, 86, 89, 90, 100, 120].map((architecture) => `sm_${architecture}`),
    );
    // 4 cells, 4 algorithms, 3 types, 2 directions.
    t.is(lines.filter((line) => line.startsWith('ok cudnn rnn ')).length, 96);
    const mapped = lines.filter((line) => line.startsWith('ok mapped ')).map((line) => line.split(' ')[2] as string);
    t.true(mapped.length >= 6);
    t.deepEqual(
      mapped.filter((path) => !path.startsWith(root)),
      [],
    );
  });

  test.serial(`the addon's own search finds the libraries of CUDA ${cuda}`, async (t) => {
    const root = await libraries(cuda);
    const { library } = await search({ CUGRU_CUDA_PATH: root });
    for (const name of ['cudnn', 'cublasLt', 'nvrtc'] as const) {
      t.like(library(name), { source: 'CUGRU_CUDA_PATH', cudaMajor: cuda, problem: '' });
      t.true(library(name).path.startsWith(root));
      t.log(`${name} ${library(name).version}`);
    }
  });
}
