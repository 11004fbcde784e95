import test from 'ava';
import { simCases, simCheck } from '../support/simulated_check.js';

// This one ends as it does on a GPU's host: by a fault.
const faults = 'device memory cannot be read from the host';

for (const { group, title } of simCases()) {
  test(`${group}: ${title}`, async (t) => {
    const { status, signal, stderr } = await simCheck([title]);
    if (title === faults) {
      t.is(signal, 'SIGSEGV');
      t.regex(stderr, /the host touched device memory/);
    } else {
      t.is(status, 0, `${signal ?? ''} ${stderr}`);
    }
  });
}

test('there are cases', (t) => {
  t.true(simCases().length > 70);
});

test('a failed expectation fails its case', async (t) => {
  const { status, stderr } = await simCheck(['the device describes itself as simulated'], {
    CUGRU_SIMULATED_INIT_ERROR: '100',
  });
  t.is(status, 1);
  t.regex(stderr, /cuInit/);
});
