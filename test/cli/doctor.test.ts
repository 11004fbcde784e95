import { join } from 'node:path';
import test from 'ava';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

test.serial('doctor tells in lines what is there and what is missing', async (t) => {
  const run = await cugru(['doctor']);
  t.is(run.status, 0);
  t.is(run.stderr, '');
  const [head, ...lines] = run.stdout.trimEnd().split('\n');
  const findings = lines.filter((line) => !line.startsWith(' '.repeat(16)));
  t.is(
    head,
    `cugru ${(await cugru(['--version'])).stdout.trim()}, Node ${process.version}, ${process.platform}-${process.arch}`,
  );
  t.true(
    findings.length === 3 && findings.every((line) => /^(ok {6}|missing ) (cpu|cuda|sharp) +\S/.test(line)),
    run.stdout,
  );
  t.regex(
    findings[0] as string,
    /^ok {7}cpu +\w+ \(can run .*\), \d+ threads on \d+ processors, [\d.]+ GiB available$/,
  );
  t.regex(findings[2] as string, /^ok {7}sharp +libvips \d/);
});

test.serial('doctor --json has the same findings for programs', async (t) => {
  const run = await cugru(['doctor', '--json'], { env: { CUGRU_NUM_THREADS: '1' } });
  t.is(run.status, 0);
  t.is(run.stdout.trimEnd().split('\n').length, 1);
  const result = lastLine(run);
  t.like(result, { node: process.version, platform: `${process.platform}-${process.arch}` });
  const findings = result['findings'] as { name: string; ok: boolean; detail: string }[];
  t.deepEqual(
    findings.map(({ name }) => name),
    ['cpu', 'cuda', 'sharp'],
  );
  t.true(findings.every(({ ok, detail }) => typeof ok === 'boolean' && detail.length > 0));
  t.like(result['cpu'], { threads: 1 });
});

test.serial('an addon that cannot be loaded is found, and every other command says the same', async (t) => {
  const env = { CUGRU_ADDON_PATH: join(scratch(t), 'none.node') };
  const run = await cugru(['doctor'], { env });
  t.is(run.status, 1);
  t.regex(run.stdout, /^missing {2}cpu .*none\.node.*^ {16}What to do:$/ms);
  const json = await cugru(['doctor', '--json'], { env });
  t.is(json.status, 1);
  t.is((lastLine(json)['findings'] as { ok: boolean }[])[0]?.ok, false);
  const train = await cugru(['train', '--out', join(scratch(t), 'model')], { env });
  t.is(train.status, 1);
  t.regex(train.stderr, /^cugru: .*none\.node.*\(ERR_NATIVE_LOAD\)\n$/s);
  t.notRegex(train.stderr, /^ {4}at /m);
});
