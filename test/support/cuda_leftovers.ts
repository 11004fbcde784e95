/** Trainings in a process of their own that must leave nothing on the simulated device, and do nothing that it forbids. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { simulatedEnvironment } from './cuda_simulated.js';
import { cugru } from './edges_cli.js';
import { scratch } from './edges_files.js';

/** What a process trains. */
export interface Training {
  /** JavaScript: the list of layers, with `layers` at hand. */
  readonly layers: string;
  /** One model after the other. */
  readonly precisions?: readonly string[];
  /** Rows have from one to four valid steps. */
  readonly lengths?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

function programOf({ layers, precisions = [], lengths = false }: Training): string {
  return `
    const { sequential, layers, datasets } = await import(${JSON.stringify(resolve('dist/lib/index.js'))});
    const inputs = Float32Array.from({ length: 20 * 12 }, (_, i) => Math.sin(i));
    const labels = Int32Array.from({ length: 20 }, (_, i) => i % 2);
    const lengths = ${lengths ? 'Int32Array.from({ length: 20 }, (_, i) => 1 + i % 4)' : 'undefined'};
    const data = datasets.fromArrays({ inputs, shape: [4, 3], labels, classes: 2, ...(lengths && { lengths }) });
    for (const more of ${JSON.stringify(precisions.length === 0 ? [{}] : precisions.map((precision) => ({ precision })))}) {
      const model = sequential(${layers}, { inputShape: [4, 3], seed: 1, device: 'cuda', ...more });
      model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
      await model.fit(data, { epochs: 2, batchSize: 8, validationData: data });
      await model.predict(inputs.subarray(0, 24));
      model.dispose();
    }
    for (let i = 0; i < 5; i++) { await new Promise((done) => setImmediate(done)); globalThis.gc(); }
    console.log(JSON.stringify({ done: true }));`;
}

/** Trains, evaluates, predicts and disposes; the device's report must be empty then. */
export async function leavesNothing(t: ExecutionContext, training: Training): Promise<void> {
  const report = join(scratch(t), 'report');
  const run = await cugru([], {
    env: { ...simulatedEnvironment, ...training.env, CUGRU_SIMULATED_REPORT: report },
    node: ['--expose-gc', '--input-type=module', '-e', programOf(training)],
  });
  t.regex(run.stdout, /"done":true/, run.stderr);
  t.is(readFileSync(report, 'utf8'), '');
}
