// npm test: AVA's whole suite, then the conformance suite and the goldens once more on the simulated device. Arguments are AVA's. With
// files among them only those run, on the CPU.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const args = process.argv.slice(2);
const files = args.some((arg) => !arg.startsWith('-'));
const scripts = [resolve('node_modules', 'ava', 'entrypoints', 'cli.mjs')];
if (!files) scripts.push(resolve('scripts', 'test-simulated.mjs'));
for (const script of scripts) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = status ?? 1;
}
