// The tests of every backend: what test:simulated, test:gpu and the GPU bundle run. Left out are same_bytes, which is about the
// CPU's threads, and the tests of the references themselves; of the goldens, the test of the fixtures.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const leftOut = ['same_bytes', 'reference', 'cells_reference', 'fixtures'];
const ending = '.test.js';

function namesIn(folder) {
  return readdirSync(folder)
    .flatMap((file) => (file.endsWith(ending) ? [file.slice(0, -ending.length)] : []))
    .filter((name) => !leftOut.includes(name))
    .sort();
}

/** Names of the suites, from the compiled tests of a checkout or a bundle. */
export function suiteNames(root = '.') {
  return ['conformance', 'goldens'].flatMap((room) =>
    namesIn(join(root, 'dist', 'test', room)).map((name) => `${room}/${name}`),
  );
}

/** Their compiled files, from the root of a checkout or a bundle. */
export function compiledTests(root = '.') {
  return suiteNames(root).map((name) => `dist/test/${name}${ending}`);
}
