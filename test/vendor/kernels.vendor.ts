import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { libraries, majors } from '../support/cuda_driver_vendor.js';

const folder = mkdtempSync(join(tmpdir(), 'cugru-vendor-'));
const program = join(folder, 'kernels');
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test.before(() => {
  execFileSync(process.execPath, ['scripts/embed-kernels.mjs']);
  const driver = ['libraries', 'places', 'shared_object'].map((name) => `native/cuda/driver/${name}.cc`);
  const sources = ['native/cuda/modules.cc', 'native/cuda/disk_cache.cc', 'build/generated/kernels.cc', ...driver];
  execFileSync('c++', ['-std=c++17', '-O1', '-Inative', 'test/vendor/kernels.cc', ...sources, '-ldl', '-o', program]);
});

for (const cuda of majors) {
  test.serial(`NVRTC of CUDA ${cuda} compiles every kernel for every architecture`, async (t) => {
    const root = await libraries(cuda);
    const { status, signal, stdout } = spawnSync(program, {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', CUGRU_CUDA_PATH: root },
      encoding: 'utf8',
    });
    t.is(status ?? signal, 0, stdout);
    const sources = readdirSync('native/cuda/kernels').filter((name) => name.endsWith('.cu'));
    const compiled = stdout.match(/^ok \w+\.cu sm_(75|80|86|89|90|100|120) \d+ bytes$/gm) ?? [];
    t.is(compiled.length, 7 * sources.length, stdout);
  });
}
