/**
 * Optimisers, with PyTorch's update rules and Keras's names.
 *
 * @module
 */
import { expectBoolean, expectInteger, expectNumber, expectOneOf, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import type { NativeOptimizer } from '../native.js';
import { resolveSchedule, type Schedule } from './schedules.js';

/** What all optimisers take. */
export interface CommonOptimizerOptions {
  /** A number, or a schedule. */
  readonly learningRate?: number | Schedule;
  /**
   * Scale all gradients together so that their norm is at most this (Pascanu et al., 2013); 0: off.
   * @defaultValue 0
   */
  readonly clipNorm?: number;
}

/** Options of {@link sgd}. */
export interface SgdOptions extends CommonOptimizerOptions {
  /** @defaultValue 0 */
  readonly momentum?: number;
  /** @defaultValue false */
  readonly nesterov?: boolean;
  /**
   * Added to the gradient as `weightDecay · w`.
   * @defaultValue 0
   */
  readonly weightDecay?: number;
}

/** Options of {@link adam} and {@link adamw}. */
export interface AdamOptions extends CommonOptimizerOptions {
  /** @defaultValue 0.9 */
  readonly beta1?: number;
  /** @defaultValue 0.999 */
  readonly beta2?: number;
  /** @defaultValue 1e-8 */
  readonly epsilon?: number;
  /**
   * adam: added to the gradient as `weightDecay · w`. adamw: taken from the weight as `rate · weightDecay · w`.
   * @defaultValue 0 for adam, 0.01 for adamw
   */
  readonly weightDecay?: number;
}

/** An optimiser with all options. */
export interface Optimizer extends Required<Omit<NativeOptimizer, 'lossScale' | 'lossScaleGrowth'>> {
  readonly learningRate: Schedule;
}

/** Names that stand for an optimiser with default options. */
export type OptimizerName = Optimizer['kind'];

const common = ['learningRate', 'clipNorm', 'weightDecay'] as const;
const neutral = { momentum: 0, nesterov: false, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

function shared(options: CommonOptimizerOptions & { readonly weightDecay?: number }, rate: number, decay: number) {
  return {
    learningRate: resolveSchedule(options.learningRate ?? rate),
    clipNorm: expectNumber('clipNorm', options.clipNorm ?? 0, { min: 0, max: 1e30 }),
    weightDecay: expectNumber('weightDecay', options.weightDecay ?? decay, { min: 0, max: 1e3 }),
  };
}

/**
 * Stochastic gradient descent, with momentum as in PyTorch: `v = momentum · v + g`, `w −= rate · v`
 * (nesterov: `w −= rate · (g + momentum · v)`). The rate is 0.01 by default.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  rejectUnknownKeys('optimizers.sgd', options, [...common, 'momentum', 'nesterov']);
  return {
    kind: 'sgd',
    ...neutral,
    ...shared(options, 0.01, 0),
    momentum: expectNumber('momentum', options.momentum ?? 0, { min: 0, below: 1 }),
    nesterov: expectBoolean('nesterov', options.nesterov ?? false),
  };
}

function adamLike(kind: 'adam' | 'adamw', options: AdamOptions, decay: number): Optimizer {
  rejectUnknownKeys(`optimizers.${kind}`, options, [...common, 'beta1', 'beta2', 'epsilon']);
  return {
    kind,
    ...neutral,
    ...shared(options, 1e-3, decay),
    beta1: expectNumber('beta1', options.beta1 ?? 0.9, { min: 0, below: 1 }),
    beta2: expectNumber('beta2', options.beta2 ?? 0.999, { min: 0, below: 1 }),
    epsilon: expectNumber('epsilon', options.epsilon ?? 1e-8, { min: 1e-30, max: 1 }),
  };
}

/** Adam (Kingma and Ba, 2015), with bias correction. The rate is 0.001 by default. */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamLike('adam', options, 0);
}

/** AdamW (Loshchilov and Hutter, 2019): Adam with weight decay apart from the gradient. The rate is 0.001 by default. */
export function adamw(options: AdamOptions = {}): Optimizer {
  return adamLike('adamw', options, 0.01);
}

/** An optimiser from its name or description. */
export function resolveOptimizer(optimizer: Optimizer | OptimizerName): Optimizer {
  if (typeof optimizer === 'string') {
    const name = expectOneOf('optimizer', optimizer, ['sgd', 'adam', 'adamw'] as const);
    return { sgd, adam, adamw }[name]();
  }
  if (typeof optimizer !== 'object' || optimizer === null) {
    throw new CugruError(
      'ERR_TYPE',
      "optimizer must be optimizers.adam(...), optimizers.sgd(...), ... or a name such as 'adam'",
    );
  }
  const { kind, learningRate, clipNorm, weightDecay, momentum, nesterov, beta1, beta2, epsilon } = optimizer;
  const name = expectOneOf('optimizer.kind', kind, ['sgd', 'adam', 'adamw'] as const);
  if (name === 'sgd') return sgd({ learningRate, clipNorm, weightDecay, momentum, nesterov });
  return adamLike(name, { learningRate, clipNorm, weightDecay, beta1, beta2, epsilon }, 0);
}

/**
 * How gradients are scaled on their way through float16, so that small ones are not lost (Micikevicius et al., 2018). A step whose
 * gradients overflow is left out and halves the scale; many in a row that do not double it. At a scale of 1 an overflow ends the fit, as
 * in the other precisions.
 */
export interface LossScaleOptions {
  /**
   * A power of two, from 1 to 2^24.
   * @defaultValue 65536
   */
  readonly initial?: number;
  /**
   * Steps without an overflow after which the scale is doubled, to 2^24 at most.
   * @defaultValue 2000
   */
  readonly growthInterval?: number;
}

/** @internal With all options, checked. */
export function resolveLossScale(options: LossScaleOptions = {}): Required<LossScaleOptions> {
  rejectUnknownKeys('lossScale', options, ['initial', 'growthInterval']);
  const initial = expectInteger('lossScale.initial', options.initial ?? 65536, { min: 1, max: 2 ** 24 });
  if (!Number.isInteger(Math.log2(initial))) {
    throw new CugruError('ERR_VALUE', `lossScale.initial must be a power of two, got ${initial}`);
  }
  const growthInterval = expectInteger('lossScale.growthInterval', options.growthInterval ?? 2000, {
    min: 1,
    max: 2 ** 31 - 1,
  });
  return { initial, growthInterval };
}

/** What the core needs to know. @internal */
export function nativeOptimizer(optimizer: Optimizer, lossScale: Required<LossScaleOptions>): NativeOptimizer {
  const { learningRate: _, ...rest } = optimizer;
  return { ...rest, lossScale: lossScale.initial, lossScaleGrowth: lossScale.growthInterval };
}
