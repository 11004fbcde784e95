/** Programs with recorded steps in a process of their own: what the simulated device counted, and what it found when all had ended. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { simulatedEnvironment } from './cuda_simulated.js';
import { cugru, lastLine } from './edges_cli.js';
import { scratch } from './edges_files.js';

/** How a child ended. */
export interface ChildOutcome {
  /** The object that it printed last. */
  readonly said: Record<string, unknown>;
  /** What the device counted: see test/simulated/core/simulated.h. */
  readonly counts: Readonly<Record<string, number>>;
  /** Mistakes, and what was not given back; empty: none. */
  readonly report: string;
}

/** `body`: statements of a module, with `GraphRig`, `counted` and `lib` at hand and `say(object)` to answer; all is collected in the end. */
export async function graphsChild(
  t: ExecutionContext,
  body: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildOutcome> {
  const folder = scratch(t);
  const files = { report: join(folder, 'report'), counts: join(folder, 'counts') };
  const program = `
    const { GraphRig, counted, small } = await import(${JSON.stringify(resolve('dist/test/support/graphs_rig.js'))});
    const { native, segments } = await import(${JSON.stringify(resolve('dist/lib/native.js'))});
    const lib = await import(${JSON.stringify(resolve('dist/lib/index.js'))});
    let said = {};
    const say = (more) => { said = { ...said, ...more }; };
    await (async () => { ${body} })();
    for (let i = 0; i < 5; i++) { await new Promise((done) => setImmediate(done)); globalThis.gc(); }
    console.log(JSON.stringify(said));`;
  const run = await cugru([], {
    env: {
      ...simulatedEnvironment,
      CUGRU_SIMULATED_REPORT: files.report,
      CUGRU_SIMULATED_COUNTS: files.counts,
      ...env,
    },
    node: ['--expose-gc', '--input-type=module', '-e', program],
  });
  if (run.status !== 0) throw new Error(`the child ended with ${run.status}: ${run.stderr}`);
  return {
    said: lastLine(run),
    counts: JSON.parse(readFileSync(files.counts, 'utf8')) as Record<string, number>,
    report: readFileSync(files.report, 'utf8'),
  };
}
