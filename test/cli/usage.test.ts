import test from 'ava';
import { cugru } from '../support/edges_cli.js';

const wrong: readonly [readonly string[], RegExp][] = [
  [['fit'], /unknown command 'fit'/],
  [['train', '--epoch', '3'], /unknown option '--epoch' \(ERR_USAGE\)\n\(Did you mean --epochs\?\)/],
  [['train', '--epochs', '0'], /argument '0' is invalid\. It must be an integer from 1 to 1000000\./],
  [['train', '--epochs', '1.5'], /integer/],
  [['train', '--epochs', ''], /integer/],
  [['train', '--epochs'], /argument missing/],
  [['train', '--batch-size', 'many'], /integer/],
  [['train', '--learning-rate', '0'], /It must be a number above 0, up to 100\./],
  [['train', '--learning-rate', 'NaN'], /number above 0/],
  [['train', '--units', '-1'], /integer/],
  [['train', '--seed', '-1'], /integer from 0/],
  [['train', '--threads', '0'], /integer from 1 to 1024/],
  [['train', '--device', 'gpu'], /It must be 'auto', 'cpu', 'cuda' or 'cuda:N'\./],
  [['train', '--device', 'cuda:x'], /'cuda:N'/],
  [['train', '--augment', 'shift,blur'], /'blur' is not one of flip, shift, rotate, /],
  [['train', '--augment', 'flip=2'], /flip takes no value\./],
  [['train', '--augment', 'rotate=far'], /rotate: degrees must be a number above 0 to 180, got NaN\./],
  [['train', 'mnist'], /too many arguments/],
  [['evaluate'], /required option '--model <folder>' not specified/],
  [['predict', '--model', 'model'], /missing required argument 'files'/],
  [['predict', 'a.png'], /required option '--model <folder>' not specified/],
  [['doctor', '--verbose'], /unknown option '--verbose'/],
];

for (const [args, message] of wrong) {
  test.serial(`wrong usage: cugru ${args.map((arg) => arg || "''").join(' ')}`, async (t) => {
    const run = await cugru(args);
    t.is(run.status, 2);
    t.is(run.stdout, '');
    t.regex(run.stderr, /^cugru: .* \(ERR_USAGE\)\n/);
    t.regex(run.stderr, message);
    t.regex(run.stderr, /^Usage: cugru /m);
    t.notRegex(run.stderr, /^ {4}at /m, 'no stack');
  });
}

test.serial('without a command, the help is on stderr', async (t) => {
  const run = await cugru([]);
  t.is(run.status, 2);
  t.is(run.stdout, '');
  t.regex(run.stderr, /^Usage: cugru \[options\] \[command\]\n/);
});

test.serial('help and version are results', async (t) => {
  const help = await cugru(['--help']);
  t.is(help.status, 0);
  t.regex(
    help.stdout,
    /train .*evaluate .*predict .*doctor .*Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted\.\n$/s,
  );
  const train = await cugru(['train', '--help']);
  t.is(train.status, 0);
  for (const text of ['--epochs <n>', '--augment <list>', '(default: 10)', '--json', "'mnist', a folder of"]) {
    t.true(train.stdout.includes(text), text);
  }
  const version = await cugru(['--version']);
  t.is(version.status, 0);
  t.regex(version.stdout, /^\d+\.\d+\.\d+\n$/);
  t.deepEqual([help.stderr, train.stderr, version.stderr], ['', '', '']);
});
