/**
 * Learning rates over the steps of a fit.
 *
 * @module
 */
import { expectInteger, expectNumber, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';

/** A learning rate that changes with the step. */
export type Schedule =
  | { readonly kind: 'constant'; readonly learningRate: number; readonly warmupSteps: number }
  | {
      readonly kind: 'cosine';
      readonly learningRate: number;
      readonly minLearningRate: number;
      readonly warmupSteps: number;
      readonly decaySteps: number | undefined;
    };

/** Options of {@link constant}. */
export interface ConstantOptions {
  readonly learningRate: number;
  /**
   * Steps over which the rate rises in a straight line to its full value.
   * @defaultValue 0
   */
  readonly warmupSteps?: number;
}

/** Options of {@link cosine}. */
export interface CosineOptions extends ConstantOptions {
  /**
   * Rate at the end.
   * @defaultValue 0
   */
  readonly minLearningRate?: number;
  /** Steps until the end, warm-up included. By default all steps of the fit. */
  readonly decaySteps?: number;
}

function expectRate(name: string, value: unknown): number {
  return expectNumber(name, value, { min: 0, max: 1e6 });
}

/** The same rate at every step, after a warm-up. */
export function constant(options: ConstantOptions): Schedule {
  rejectUnknownKeys('schedules.constant', options, ['learningRate', 'warmupSteps']);
  return {
    kind: 'constant',
    learningRate: expectRate('learningRate', options.learningRate),
    warmupSteps: expectInteger('warmupSteps', options.warmupSteps ?? 0, { min: 0, max: 2 ** 31 }),
  };
}

/**
 * Half a cosine from the full rate down to `minLearningRate` (Loshchilov and Hutter, 2017, without restarts):
 * `min + (rate − min) · (1 + cos(π t / T)) / 2`, t and T counted after the warm-up.
 */
export function cosine(options: CosineOptions): Schedule {
  rejectUnknownKeys('schedules.cosine', options, ['learningRate', 'warmupSteps', 'minLearningRate', 'decaySteps']);
  const { decaySteps } = options;
  return {
    kind: 'cosine',
    learningRate: expectRate('learningRate', options.learningRate),
    minLearningRate: expectRate('minLearningRate', options.minLearningRate ?? 0),
    warmupSteps: expectInteger('warmupSteps', options.warmupSteps ?? 0, { min: 0, max: 2 ** 31 }),
    decaySteps:
      decaySteps === undefined ? undefined : expectInteger('decaySteps', decaySteps, { min: 1, max: 2 ** 31 }),
  };
}

/** A schedule from a number, or checked again from its plain form. */
export function resolveSchedule(rate: number | Schedule): Schedule {
  if (typeof rate === 'number') return constant({ learningRate: rate });
  if (typeof rate === 'object' && rate !== null) {
    const { kind, ...options } = rate as Schedule & Record<string, unknown>;
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    if (kind === 'constant') return constant(given as unknown as ConstantOptions);
    if (kind === 'cosine') return cosine(given as unknown as CosineOptions);
  }
  throw new CugruError('ERR_TYPE', 'learningRate must be a number, schedules.constant(...) or schedules.cosine(...)');
}

/** The rate of step `step` (from 0) in a fit of `totalSteps`. */
export function learningRateAt(schedule: Schedule, step: number, totalSteps: number): number {
  const { learningRate, warmupSteps } = schedule;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  if (schedule.kind === 'constant') return learningRate;
  const length = Math.max(1, (schedule.decaySteps ?? totalSteps) - warmupSteps);
  const progress = Math.min(1, (step - warmupSteps) / length);
  const { minLearningRate } = schedule;
  return minLearningRate + ((learningRate - minLearningRate) * (1 + Math.cos(Math.PI * progress))) / 2;
}
