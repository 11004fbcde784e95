// Everything that CI runs. Ends with "N passed, N failed": the tests as AVA counted them, and one for each other check.
import { spawn } from 'node:child_process';

const checks = [
  ['lint', 'npm', ['run', '--silent', 'lint']],
  ['types', 'npm', ['run', '--silent', 'types']],
  ['arrows', 'npm', ['run', '--silent', 'arrows']],
  ['tests', 'npm', ['test', '--', '--tap']],
  ['docs', 'npm', ['run', '--silent', 'docs']],
  ['package', 'node', ['scripts/check-package.mjs']],
  ['builds', 'node', ['scripts/check-builds.mjs', ...(process.env.CUGRU_CHECK_BUILDS ?? 'cmake,gyp').split(',')]],
];

let passed = 0;
let failed = 0;

// Shows the command's output as it comes, and keeps what it printed to stdout.
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (data) => {
      stdout += data;
      process.stdout.write(data);
    });
    child.on('close', (status) => resolve({ status, stdout }));
  });
}

function countTests({ status, stdout }) {
  // One report for each run of AVA: the suite, and its part on the simulated device.
  const reports = (word) =>
    [...stdout.matchAll(new RegExp(`^# ${word} (\\d+)`, 'gm'))].map(([, tests]) => Number(tests));
  const count = (word) => reports(word).reduce((sum, tests) => sum + tests, 0);
  const skipped = [...stdout.matchAll(/^ok .*# SKIP.*$/gm)].map(([line]) => line);
  for (const line of skipped) console.log(`skipped: ${line}`);
  passed += count('pass');
  failed += count('fail');
  if (status !== 0 && count('fail') === 0) failed++;
  if (status === 0 && (reports('pass').length < 2 || reports('pass').includes(0))) failed++;
}

for (const [name, command, args] of checks) {
  console.log(`\n== ${name}`);
  const begin = performance.now();
  const result = await run(command, args);
  if (name === 'tests') countTests(result);
  else if (result.status === 0) passed++;
  else failed++;
  console.log(
    `== ${name}: ${result.status === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - begin) / 1000).toFixed(0)} s`,
  );
}

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
