/** Single steps: one batch through a training program, and several of them with a clock. */
import type { Dataset } from '../data/index.js';
import type { Network } from '../model/network.js';
import type { CompiledGraph } from '../model/programs.js';
import { slabBindings } from '../model/source.js';
import { native, type RunResult, segments } from '../native.js';
import { LossTally } from './evaluation.js';
import { expectFinite } from './finite.js';
import type { Optimizer } from './optimizers.js';
import type { StepResult } from './options.js';
import { learningRateAt } from './schedules.js';

/** @internal Gradients from zero on, without a step of the optimiser. */
export const gradientParts = segments.zeroGradients | segments.forward | segments.loss | segments.backward;

/** @internal A whole step. */
export const stepParts = gradientParts | segments.update;

/** @internal What a batch is run for. */
export interface StepOptions {
  readonly parts: number;
  readonly gradientScale: number;
  readonly optimizer: Optimizer;
}

// Outside of a fit there is no end in sight: a cosine needs its decaySteps, or stays at its full rate.
async function ratesOf(model: Network<unknown>, { learningRate }: Optimizer): Promise<Float32Array> {
  const { step } = await native().storeInfo(await model.store());
  return Float32Array.of(learningRateAt(learningRate, step, Number.MAX_SAFE_INTEGER));
}

/** @internal Runs all rows as one batch. */
export async function runBatch(
  model: Network<unknown>,
  program: CompiledGraph,
  dataset: Dataset,
  { parts, gradientScale, optimizer }: StepOptions,
): Promise<StepResult> {
  const slabs = await model.slabs.get(dataset.storage);
  const result = await model.run(program, {
    segments: parts,
    rows: dataset.size,
    indices: dataset.rows(),
    learningRates: await ratesOf(model, optimizer),
    seed: model.seed,
    gradientScale,
    slabs: slabBindings(program.lowered, slabs),
  });
  if ((parts & segments.update) !== 0) expectFinite(result, () => ({ text: 'in this batch' }));
  const tally = new LossTally();
  tally.add(result);
  return { loss: tally.loss, accuracy: tally.accuracy };
}

/** @internal One step of the optimiser with the gradients that are there. */
export async function runUpdate(model: Network<unknown>, program: CompiledGraph, optimizer: Optimizer): Promise<void> {
  const result = await model.run(program, {
    segments: segments.update,
    rows: 1,
    learningRates: await ratesOf(model, optimizer),
  });
  expectFinite(result, () => ({ text: 'among those to apply' }));
}

/** @internal Measures the operations of some batches, after one that is not measured. */
export async function runProfiled(
  model: Network<unknown>,
  program: CompiledGraph,
  dataset: Dataset,
  batches: number,
): Promise<RunResult> {
  const slabs = slabBindings(program.lowered, await model.slabs.get(dataset.storage));
  const run = (count: number): Promise<RunResult> => {
    const indices = Int32Array.from({ length: count * program.batch }, (_, i) => i % dataset.size);
    const rows = indices.length;
    return model.run(program, { segments: gradientParts, rows, indices, seed: model.seed, slabs, profile: true });
  };
  await run(1);
  return run(batches);
}
