import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';

const node = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [...args])).stdout.trim();

const use = `
  const model = cugru.sequential([cugru.layers.gru({ units: 2 })], { inputShape: [3, 2] });
  model.predict(new Float32Array(6)).then((out) => console.log(out.length, typeof cugru.loadModel, cugru.version));`;

test('import and require of the package both work, and give the same module', async (t) => {
  const { version } = await import('../../lib/index.js');
  const expected = `2 function ${version}`;
  t.is(await node('--input-type=module', '-e', `import * as cugru from 'cugru';${use}`), expected);
  t.is(await node('--input-type=commonjs', '-e', `const cugru = require('cugru');${use}`), expected);
  const same = `import { createRequire } from 'node:module'; import { CugruError } from 'cugru';
    console.log(createRequire(import.meta.url)('cugru').CugruError === CugruError);`;
  t.is(await node('--input-type=module', '-e', same), 'true');
});

test('the process ends by itself with a model in use', async (t) => {
  const script = `import * as cugru from 'cugru';
    const model = cugru.sequential([cugru.layers.gru({ units: 2 })], { inputShape: [3, 2] });
    const stream = await model.stream();
    stream.step(new Float32Array(2));
    void model.predict(new Float32Array(6));
    console.log('end');`;
  t.is(await node('--input-type=module', '-e', script), 'end');
});
