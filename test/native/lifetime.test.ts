/** Processes and workers end in the middle of native work: nothing crashes, hangs or is lost. */
import test from 'ava';
import { describeChild, runChild } from '../support/door_child.js';

test('workers are terminated in the middle of a fit', async (t) => {
  const child = await runChild('lifetime_child', ['terminateInFit', '20']);
  t.is(child.code, 0, describeChild(child));
  t.is(child.stdout, '"terminated"\n');
});

test('workers are terminated in the middle of a predict', async (t) => {
  const child = await runChild('lifetime_child', ['terminateInPredict', '20']);
  t.is(child.code, 0, describeChild(child));
  t.is(child.stdout, '"terminated"\n');
});

test('two workers and the main thread fit at once, each as if it were alone', async (t) => {
  const child = await runChild('lifetime_child', ['fitTogether']);
  t.is(child.code, 0, describeChild(child));
  const [here, there, other] = JSON.parse(child.stdout) as number[];
  t.true(Number.isFinite(here));
  t.is(there, here);
  t.is(other, here);
});

test('workers load the addon and end, one after the other, though the main thread never loads it', async (t) => {
  const child = await runChild('lifetime_child', ['oneAfterTheOther', '5']);
  t.is(child.code, 0, describeChild(child));
});

test('handles are collected while their work waits; every promise is settled', async (t) => {
  const child = await runChild('lifetime_child', ['collectQueued']);
  t.is(child.code, 0, describeChild(child));
  t.is(child.stdout, '100\n"collected"\n');
});

for (const way of ['exitInFit', 'exitInNativeCall']) {
  test(`process.exit ends the process at once: ${way}`, async (t) => {
    const child = await runChild('lifetime_child', [way], { timeout: 30_000 });
    t.is(child.code, 7, describeChild(child));
  });
}

test('a process with an undisposed model ends by itself, promptly', async (t) => {
  const child = await runChild('lifetime_child', ['endUndisposed'], { timeout: 30_000 });
  t.is(child.code, 0, describeChild(child));
  t.true(Date.now() - Number(child.stdout) < 2000);
});

test('what a callback throws ends the fit, and the model goes on', async (t) => {
  const child = await runChild('lifetime_child', ['throwInCallback']);
  t.is(child.stdout, 'true\n', describeChild(child));
});

test('calls that wait when a session is closed are told so', async (t) => {
  const child = await runChild('lifetime_child', ['closeWhileWaiting']);
  t.deepEqual(JSON.parse(child.stdout), ['ERR_DISPOSED', true], describeChild(child));
});
