/** SGD, Adam and AdamW as PyTorch documents them, in float64, with the factors of parameter groups. */
import type { NativeOptimizer } from '../../lib/native.js';

export interface GroupState {
  readonly parameters: Float64Array;
  readonly slot0: Float64Array;
  readonly slot1: Float64Array;
  readonly frozen?: boolean | undefined;
  readonly rateFactor?: number | undefined;
  readonly decayFactor?: number | undefined;
}

export function groupState(
  parameters: Float32Array,
  options: Omit<GroupState, 'parameters' | 'slot0' | 'slot1'>,
): GroupState {
  const { length } = parameters;
  const parts = { slot0: new Float64Array(length), slot1: new Float64Array(length) };
  return { parameters: Float64Array.from(parameters), ...parts, ...options };
}

/** The norm of the gradients of all groups that are not frozen. */
export function gradientNorm(groups: readonly GroupState[], gradients: readonly Float64Array[]): number {
  let squares = 0;
  for (const [i, { frozen }] of groups.entries()) {
    if (frozen !== true) for (const g of gradients[i] ?? []) squares += g * g;
  }
  return Math.sqrt(squares);
}

/** One step, the `step`-th from 1 on. */
export function optimize(
  options: NativeOptimizer,
  groups: readonly GroupState[],
  gradients: readonly Float64Array[],
  learningRate: number,
  step: number,
): void {
  const { clipNorm = 0 } = options;
  const clip = clipNorm > 0 ? Math.min(1, clipNorm / (gradientNorm(groups, gradients) + 1e-6)) : 1;
  for (const [i, group] of groups.entries()) {
    if (group.frozen === true) continue;
    const rate = learningRate * (group.rateFactor ?? 1);
    const decay = (options.weightDecay ?? 0) * (group.decayFactor ?? 1);
    for (const [e, gradient] of (gradients[i] ?? new Float64Array(0)).entries()) {
      if (options.kind === 'sgd') sgd(options, group, e, clip * gradient, rate, decay);
      else adam(options, group, e, clip * gradient, rate, decay, step);
    }
  }
}

const at = (values: Float64Array, i: number) => values[i] as number;

function sgd(
  options: NativeOptimizer,
  group: GroupState,
  e: number,
  gradient: number,
  rate: number,
  decay: number,
): void {
  const { momentum = 0, nesterov = false } = options;
  const p = group.parameters;
  const g = gradient + decay * at(p, e);
  const velocity = momentum * at(group.slot0, e) + g;
  group.slot0[e] = velocity;
  p[e] = at(p, e) - rate * (nesterov ? g + momentum * velocity : velocity);
}

function adam(
  options: NativeOptimizer,
  group: GroupState,
  e: number,
  gradient: number,
  rate: number,
  decay: number,
  step: number,
): void {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const p = group.parameters;
  const decoupled = options.kind === 'adamw';
  const g = decoupled ? gradient : gradient + decay * at(p, e);
  if (decoupled) p[e] = at(p, e) * (1 - rate * decay);
  const mean = beta1 * at(group.slot0, e) + (1 - beta1) * g;
  const square = beta2 * at(group.slot1, e) + (1 - beta2) * g * g;
  group.slot0[e] = mean;
  group.slot1[e] = square;
  p[e] = at(p, e) - (rate * (mean / (1 - beta1 ** step))) / (Math.sqrt(square / (1 - beta2 ** step)) + epsilon);
}
