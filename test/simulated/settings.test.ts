import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { simCheck, simulatedFolder } from '../support/simulated_check.js';

const probe = "the project's probe finds it usable";

test('the loader finds cuDNN 8 and a toolkit of CUDA 12 by their own names', async (t) => {
  const older = {
    CUGRU_CUDA_PATH: `${join(simulatedFolder, 'cudnn8')}:${simulatedFolder}`,
    CUGRU_SIMULATED_CUDA: '12',
  };
  const { status, stderr } = await simCheck([probe], older);
  t.is(status, 0, stderr);
});

test('a driver that is older than the libraries is found out', async (t) => {
  const { status, stderr } = await simCheck([probe], { CUGRU_SIMULATED_DRIVER: '12' });
  t.is(status, 1);
  t.regex(stderr, /it is for CUDA 13, and the driver runs CUDA 12 at most/);
});

test('a GPU that is too old is found out', async (t) => {
  const { status, stderr } = await simCheck([probe], { CUGRU_SIMULATED_CAPABILITY: '7.0' });
  t.is(status, 1);
  t.regex(stderr, /has compute capability 7\.0/);
});

test('a process that gives nothing back is reported when it ends', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cugru-simulated-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const report = join(folder, 'report');
  const { status, stderr } = await simCheck(['leak'], { CUGRU_SIMULATED_REPORT: report });
  t.is(status, 0, stderr);
  t.regex(readFileSync(report, 'utf8'), /^not given back: 77 bytes of device memory/);
});
