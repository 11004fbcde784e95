/** Trainings on the simulated device with timing on, a cache of their own, and costs, refusals and mistakes as told. */
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type CudaChoice, keptChoices } from '../../lib/cuda/choices.js';
import type { Precision } from '../../lib/index.js';
import { scratch } from './edges_files.js';
import { classifier, waves } from './training_models.js';

export type Settings = Readonly<Record<string, string>>;

/** Sets environment variables until the test is over. */
export function withEnvironment(t: ExecutionContext, settings: Settings): void {
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  t.teardown(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

/** `{ COST: ... }` as the simulated device has it. */
export const simulated = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CUGRU_SIMULATED_${name}`, value]));

/** Timing on, with a fresh cache; gives the folder of its choices. */
export function freshCache(t: ExecutionContext): string {
  const cache = scratch(t);
  withEnvironment(t, { XDG_CACHE_HOME: cache, CUGRU_CUDA_TIMING: 'on' });
  return join(cache, 'cugru', 'choices');
}

export interface Tuned {
  /** What the recurrent layer runs on, without the words that all have. */
  readonly algorithm: string;
  readonly loss: number;
  readonly choices: readonly CudaChoice[];
  /** Of the training's recurrent layer: why each algorithm that was tried is not used. */
  readonly refused: Readonly<Record<string, string>>;
}

/** One training step of a small model. */
export async function tune(
  folder: string,
  options: { readonly precision?: Precision; readonly units?: number } = {},
): Promise<Tuned> {
  const model = classifier({ device: 'cuda', ...options });
  try {
    const { loss } = await model.trainOnBatch(waves(4));
    const [recurrent] = (await model.summary()).layers;
    const algorithm = /cuda cudnn gru ([^\s,]+)/.exec(recurrent?.kernels.join() ?? '')?.[1] ?? '';
    const choices = keptChoices(folder);
    const tried = choices.find(({ kind, of }) => kind === 'rnn' && of['training'] === 'yes')?.tried ?? [];
    const refused = tried.flatMap((one) => (one.refused === undefined ? [] : [[one.algorithm, one.refused] as const]));
    return { algorithm, loss, choices, refused: Object.fromEntries(refused) };
  } finally {
    model.dispose();
  }
}
