// The worker's side of the line protocol, for peers in JavaScript.
//   in:  pass steps batch inputs units layers directions seconds
//   out: ok <median ms> <least ms> <runs>  |  refused <why>
import { createInterface } from 'node:readline';

/** Runs `call` for at least `seconds` and five times; milliseconds. */
async function sample(call, seconds) {
  await call();
  await call();
  const times = [];
  const begin = performance.now();
  while (times.length < 5 || performance.now() - begin < seconds * 1000) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
    if (times.length >= 5 && performance.now() - begin > 60_000) break;
  }
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1], least: times[0], runs: times.length };
}

/** Synchronous steps: many between two looks at the clock. */
function sampleSteps(step, seconds) {
  const inner = 500;
  for (let i = 0; i < 5 * inner; i++) step();
  const times = [];
  const begin = performance.now();
  while (times.length < 5 || performance.now() - begin < seconds * 1000) {
    const start = performance.now();
    for (let i = 0; i < inner; i++) step();
    times.push((performance.now() - start) / inner);
  }
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1], least: times[0], runs: times.length };
}

/**
 * Answers requests until stdin ends. `prepare(case)` gives `{ call }` (awaited), `{ step }` (synchronous) or `{ milliseconds }`
 * (measured by itself), with an optional `dispose`; what it throws is a refusal.
 */
export async function serve(name, version, prepare) {
  process.stdout.write(`ready ${name} ${version}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const [pass, ...numbers] = line.trim().split(' ');
    const [steps, batch, inputs, units, layers, directions, seconds] = numbers.map(Number);
    try {
      const work = await prepare({ pass, steps, batch, inputs, units, layers, directions });
      let result;
      if (work.milliseconds !== undefined) {
        const ms = await work.milliseconds();
        result = { median: ms, least: ms, runs: 1 };
      } else {
        result = work.step === undefined ? await sample(work.call, seconds) : sampleSteps(work.step, seconds);
      }
      await work.dispose?.();
      process.stdout.write(`ok ${result.median} ${result.least} ${result.runs}\n`);
    } catch (error) {
      process.stdout.write(`refused ${String(error?.message ?? error).replaceAll('\n', ' ')}\n`);
    }
  }
}

/** Numbers in [-1, 1), the same in every run. */
export function numbers(count, seed = 1) {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
