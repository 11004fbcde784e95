import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);

test('the example of the README runs as it stands, and its model tells digits apart', async (t) => {
  t.timeout(240_000);
  const [, example] = readFileSync('README.md', 'utf8').match(/```js\n([\s\S]*?)```/) ?? [];
  t.truthy(example, 'the README has a js example');
  mkdirSync('build', { recursive: true });
  // Inside of the package, so that `import 'cugru'` finds the package itself.
  writeFileSync('build/readme-example.mjs', example as string);
  const { stdout } = await run(process.execPath, ['build/readme-example.mjs']);
  const [, accuracy, first] = stdout.match(/accuracy: ([\d.]+), first: (\d+)/) ?? [];
  t.true(Number(accuracy) > 0.97, `accuracy after one epoch: ${accuracy}`);
  t.is(first, '7', 'the first test image is a seven');
  const lines = (example as string).split('\n').filter((line) => line.trim() !== '');
  t.true(lines.length <= 20, `the example has ${lines.length} lines`);
});
