/** Every call of NVIDIA's libraries fails in turn, on the simulated device: an error with a code, nothing left, and the CPU goes on. */
import '../support/cuda_simulated.js';
import test, { type ExecutionContext } from 'ava';
import { CugruError, type ErrorCode } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { cache } from '../support/cuda_simulated.js';
import {
  type FaultKind,
  faults,
  gruOverBytes,
  lstmWithLengths,
  remains,
  simulatedControl,
  use,
  type Workload,
} from '../support/proof_faults.js';

const control = simulatedControl();

/** What may be told of a fault, by what fails. */
const codes: Readonly<Record<FaultKind, readonly ErrorCode[]>> = {
  call: ['ERR_INTERNAL', 'ERR_CUDA_UNAVAILABLE', 'ERR_OUT_OF_MEMORY'],
  allocation: ['ERR_OUT_OF_MEMORY'],
  lost: ['ERR_INTERNAL', 'ERR_CUDA_UNAVAILABLE', 'ERR_STATE'],
  nvrtc: ['ERR_INTERNAL'],
};

/**
 * Every fault of a kind in a workload; how many there were. One that is not told must not matter: of a call that gives back, of a
 * kernel in the cache that the driver does not take, of a way to be faster.
 */
async function sweep(t: ExecutionContext, workload: Workload, kind: FaultKind): Promise<number> {
  const [here, there] = [await use(workload, 'cuda'), await use(workload, 'cpu')];
  t.is(await remains(control), '');
  let [seen, told] = [0, 0];
  for await (const { title, error, outcome } of faults(control, kind, () => use(workload, 'cuda'))) {
    seen++;
    if (error === undefined) {
      t.deepEqual(outcome, here, `${title} changed the result`);
    } else {
      told++;
      t.true(error instanceof CugruError, `${title}: ${String(error)}`);
      t.true(codes[kind].includes((error as CugruError).code), `${title}: ${String(error)}`);
    }
    t.is(await remains(control), '', `after ${title}`);
    if (seen % 16 === 1) t.deepEqual(await use(workload, 'cpu'), there, `the CPU after ${title}`);
  }
  t.deepEqual(await use(workload, 'cuda'), here);
  t.deepEqual(await use(workload, 'cpu'), there);
  t.log(`${seen} faults, ${told} of them told`);
  t.true(told > seen / 2);
  return seen;
}

for (const workload of [gruOverBytes, lstmWithLengths]) {
  test.serial(`${workload.name}: each call fails in turn`, async (t) => {
    t.true((await sweep(t, workload, 'call')) > 400);
  });

  test.serial(`${workload.name}: each allocation fails in turn`, async (t) => {
    const allocations = () => control.count('allocations') + control.count('hostAllocations');
    const before = allocations();
    await use(workload, 'cuda');
    const each = allocations() - before;
    t.true(each > 20);
    t.is(await sweep(t, workload, 'allocation'), each);
  });

  test.serial(`${workload.name}: each call of the compiler fails in turn`, async (t) => {
    process.env['XDG_CACHE_HOME'] = '/proc/no/cache';
    t.teardown(() => {
      process.env['XDG_CACHE_HOME'] = cache;
    });
    t.true((await sweep(t, workload, 'nvrtc')) > 20);
  });
}

test.serial('the device is lost at each call in turn', async (t) => {
  t.true((await sweep(t, gruOverBytes, 'lost')) > 400);
});

test.serial('the check for a GPU tells each call that fails in turn, and throws at none', async (t) => {
  const look = () => native().cudaReport({ ordinal: 0 });
  t.true(look().problems.length === 0);
  let seen = 0;
  for await (const { failed, title, error, outcome } of faults(control, 'call', look)) {
    seen++;
    t.is(error, undefined, title);
    const report = outcome as ReturnType<typeof look>;
    const told = report.problems.length > 0 || report.libraries.some(({ problem }) => problem !== '');
    t.true(told || /Destroy|Free|Release|cuCtxSetCurrent/.test(failed), `${title} was not told`);
    for (const problem of report.problems) t.true(problem.what !== '' && problem.advice !== '', title);
    t.is(await remains(control), '', `after ${title}`);
  }
  t.log(`${seen} faults`);
  t.true(seen > 20);
  t.true(look().problems.length === 0);
});
