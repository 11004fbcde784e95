/** What a step of the cells that cuDNN has not costs in calls: the floor that native/cuda/cells.cc tells, with lengths or without. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { CellName } from '../../lib/layers/cells.js';
import { simulatedEnvironment } from '../support/cuda_simulated.js';
import { cugru } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

interface Counts {
  readonly launches: number;
  readonly matmuls: number;
  readonly synchronizations: number;
}

/** Of a process that runs the cell forward and back once. */
async function counted(t: ExecutionContext, cell: CellName, directions: 1 | 2, steps: number): Promise<Counts> {
  const counts = join(scratch(t), 'counts');
  const shape = { cell, inputs: 3, units: 5, layers: 1, directions, batch: 2, steps, hasLengths: directions === 2 };
  const module = (name: string) => JSON.stringify(resolve('dist', 'test', 'support', name));
  const program = `
    const { cellProgram } = await import(${module('cells_cases.js')});
    const { paramsOf } = await import(${module('cells_reference.js')});
    const { parameterCount } = await import(${module('conformance_gru.js')});
    const { runOnce } = await import(${module('conformance_program.js')});
    const shape = ${JSON.stringify(shape)};
    const parameters = new Float32Array(parameterCount(paramsOf(shape))).fill(0.1);
    const x = new Float32Array(${2 * steps * 3}).fill(1);
    const inputs = { x, ...(shape.hasLengths ? { lengths: Int32Array.of(1, ${steps}) } : {}) };
    const seeds = { y: new Float32Array(${2 * steps * 5 * directions}).fill(1) };
    await runOnce({ name: 'simulated', device: 'cuda' }, cellProgram(shape, parameters), { inputs, seeds });`;
  const run = await cugru([], {
    env: { ...simulatedEnvironment, CUGRU_SIMULATED_COUNTS: counts },
    node: ['--input-type=module', '-e', program],
  });
  t.is(run.status, 0, run.stderr);
  return JSON.parse(readFileSync(counts, 'utf8')) as Counts;
}

const phases = { 'cifg-lstm': 1, 'leaky-cifg': 1, 'gru-reset-before': 2 } as const;

for (const [cell, count] of Object.entries(phases) as [keyof typeof phases, 1 | 2][]) {
  for (const directions of [1, 2] as const) {
    test(`a step of ${cell} in ${directions} direction(s) is ${count * directions} products and ${count} kernels, forward and back, and waits for nothing`, async (t) => {
      const [short, long] = [await counted(t, cell, directions, 4), await counted(t, cell, directions, 9)];
      t.is((long.launches - short.launches) / 5, 2 * count);
      t.is((long.matmuls - short.matmuls) / 5, 2 * count * directions);
      t.is(long.synchronizations, short.synchronizations);
    });
  }
}
