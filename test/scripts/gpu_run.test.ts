/** scripts/gpu/run.mjs, which test:gpu and the GPU bundle run: without a GPU, and on the simulated device. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { isolated } from '../support/cuda_driver_search.js';
import { cugru } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';
import { simulatedFolder } from '../support/simulated_check.js';

interface Summary {
  readonly ok: boolean;
  readonly steps: readonly { readonly name: string; readonly status: string; readonly why?: string }[];
}

function run(out: string, env: Readonly<Record<string, string>> = {}) {
  return cugru([], {
    base: isolated(),
    env: { OUT: out, XDG_CACHE_HOME: join(out, '..', 'cache'), ...env },
    node: ['scripts/gpu/run.mjs'],
  });
}

const summaryIn = (out: string) => JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as Summary;

test('the tests that a GPU is given are the compiled ones of every backend', async (t) => {
  const config: { default: { readonly files: readonly string[] } } = await import(resolve('ava.gpu.config.js'));
  const { files } = config.default;
  for (const name of ['conformance/gru', 'conformance/rearrange', 'goldens/vision']) {
    t.true(files.includes(`dist/test/${name}.test.js`), name);
  }
  t.deepEqual(
    files.filter((file) => !existsSync(file)),
    [],
  );
});

test('without a GPU it says why, and fails', async (t) => {
  const out = join(scratch(t), 'out');
  const { status, stderr } = await run(out, { CUGRU_CUDA_PATH: '/nonexistent' });
  t.is(status, 1);
  t.regex(stderr, /NVIDIA's driver \(libcuda\.so\.1\) was not found\n +what to do: install NVIDIA's driver/);
  t.false(summaryIn(out).ok);
  t.deepEqual(
    summaryIn(out).steps.map(({ name, status, why }) => ({ name, status, why })),
    [{ name: 'doctor', status: 'failed', why: 'no GPU can be used' }],
  );
});

test('a second run does what is not done yet: here the parity with the CPU', async (t) => {
  const folder = scratch(t);
  const done = ['tests', 'mnist on cuda', 'mnist on cpu', 'bench'];
  writeFileSync(join(folder, 'summary.json'), JSON.stringify({ steps: done.map((name) => ({ name, status: 'ok' })) }));
  const { status, stderr } = await run(folder, { CUGRU_CUDA_PATH: resolve(simulatedFolder) });
  t.is(status, 0, stderr);
  t.true(summaryIn(folder).ok);
  t.deepEqual(
    summaryIn(folder).steps.map(({ name }) => name),
    ['doctor', 'parity', ...done],
  );
  t.deepEqual(readdirSync(folder).sort(), ['doctor.json', 'log.txt', 'parity.json', 'summary.json']);
  const parity = JSON.parse(readFileSync(join(folder, 'parity.json'), 'utf8')) as {
    readonly cases: readonly { readonly name: string; readonly forward: number; readonly gradients: number }[];
  };
  t.true(parity.cases.length > 15);
  for (const { name, forward, gradients } of parity.cases) t.true(forward < 1e-5 && gradients < 1e-4, name);
});

test('a budget that is no number of seconds is refused', async (t) => {
  const { status, stderr } = await run(scratch(t), { CUGRU_GPU_SECONDS: 'soon' });
  t.not(status, 0);
  t.regex(stderr, /CUGRU_GPU_SECONDS must be a number of seconds, got soon/);
});
