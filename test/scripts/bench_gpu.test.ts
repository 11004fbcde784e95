/** npm run bench:gpu on the simulated device, everything small: it runs whole, says what is not there, and goes on where it stopped. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { scratch } from '../support/edges_files.js';

interface Result {
  readonly tiny: boolean;
  readonly notes: readonly string[];
  readonly peak: Readonly<Record<string, { readonly tflops: number | null }>>;
  readonly shapes: readonly Case[];
  readonly latency: readonly Case[];
  readonly epoch: readonly {
    readonly idleShare: number | null;
    readonly engines: {
      readonly cugru?: {
        readonly seconds: number;
        readonly idle?: { readonly share: number; readonly replaySeconds: number };
      };
    };
  }[];
  readonly matrix: readonly {
    readonly layout: string;
    readonly chosen?: string;
    readonly tried?: readonly { readonly refused?: string }[];
  }[];
}
interface Case {
  readonly pass: string;
  readonly engines: { readonly cugru?: { readonly ms: number; readonly microsecondsPerTimeStep: number } };
}

function bench(
  t: ExecutionContext,
  out: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
) {
  const env = {
    ...process.env,
    CUGRU_CUDA_PATH: resolve('build/simulated'),
    CUGRU_CUDA_PROBE: 'skip',
    XDG_CACHE_HOME: join(out, 'cache'),
    CUGRU_SIMULATED_PROTECT: '0',
    CUGRU_SIMULATED_COST: 'algo=0:4;algo=3:2;algo=2:9',
    ...settings,
  };
  const all = ['bench/gpu/run.mjs', '--tiny', '--rounds', '1', '--precisions', 'bf16', '--out', out, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { env, encoding: 'utf8' });
  t.is(status, 0, stderr);
  return { stdout, result: JSON.parse(readFileSync(join(out, 'gpu.json'), 'utf8')) as Result };
}

test.serial('it runs whole without PyTorch, and says so', (t) => {
  const { stdout, result } = bench(t, scratch(t), ['--python', '/nowhere/python3']);
  t.true(result.tiny);
  t.regex(result.notes.join(), /PyTorch is left out: .*ENOENT/);
  t.true((result.peak['bf16']?.tflops ?? 0) > 0);
  t.deepEqual(
    [...result.shapes, ...result.latency].map(({ pass, engines }) => [
      pass,
      (engines.cugru?.microsecondsPerTimeStep ?? 0) > 0,
    ]),
    [
      ['train', true],
      ['forward', true],
      ['latency', true],
      ['train latency', true],
    ],
  );
  t.true((result.epoch[0]?.engines.cugru?.seconds ?? 0) > 0);
  t.is(result.epoch[0]?.idleShare, result.epoch[0]?.engines.cugru?.idle?.share);
  t.true((result.epoch[0]?.engines.cugru?.idle?.replaySeconds ?? 0) > 0);
  t.deepEqual(
    result.matrix.map(({ layout, chosen, tried }) => [layout, chosen, tried?.length]),
    [
      ['time-major', 'small-h', 5],
      ['batch-major', 'small-h', 5],
    ],
  );
  t.regex(stdout, /Tiny shapes: these figures mean nothing/);
});

test.serial('points of the matrix are kept from run to run, unless they are asked for afresh', (t) => {
  const out = scratch(t);
  const chosen = (args: readonly string[], COST: string) =>
    bench(t, out, ['--parts', 'matrix', '--python', '/nowhere/python3', ...args], {
      CUGRU_SIMULATED_COST: COST,
    }).result.matrix.map((point) => point.chosen);
  const first = chosen([], 'algo=0:4;algo=3:2;algo=2:9');
  t.deepEqual(
    first,
    first.map(() => 'small-h'),
  );
  t.deepEqual(chosen([], 'algo=0:1;algo=3:2;algo=2:9'), first);
  t.deepEqual(
    chosen(['--fresh'], 'algo=0:1;algo=3:2;algo=2:9'),
    first.map(() => 'standard'),
  );
});

test.serial('without a GPU it says why and fails', (t) => {
  const run = spawnSync(process.execPath, ['bench/gpu/run.mjs', '--tiny', '--out', scratch(t)], {
    env: { ...process.env, CUGRU_CUDA_PATH: scratch(t), CUGRU_CUDA_PROBE: 'skip' },
    encoding: 'utf8',
  });
  t.is(run.status, 1);
  t.regex(run.stderr, /cugru finds no GPU: /);
});
