/** SGD, Adam and AdamW as PyTorch documents them, in float64, with the factors of parameter groups and what holds weights down. */
import type { ParamRule } from '../../lib/graph_spec.js';
import type { NativeOptimizer } from '../../lib/native.js';

export interface GroupState {
  readonly parameters: Float64Array;
  readonly slot0: Float64Array;
  readonly slot1: Float64Array;
  readonly frozen?: boolean | undefined;
  readonly rateFactor?: number | undefined;
  readonly decayFactor?: number | undefined;
  /** Of its one parameter, which has so many rows. */
  readonly rule?: ParamRule | undefined;
  readonly rows?: number;
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

function addPenalty({ parameters, rule, frozen }: GroupState, gradients: Float64Array): void {
  const { l2 = 0 } = rule ?? {};
  if (frozen === true) return;
  for (const [e, w] of parameters.entries()) gradients[e] = at(gradients, e) + 2 * l2 * w;
}

/** Scales rows that are longer down to `maxNorm`. */
export function boundRows(weights: Float64Array, rows: number, maxNorm: number): void {
  const length = weights.length / rows;
  for (let row = 0; row < rows; row++) {
    const part = weights.subarray(row * length, (row + 1) * length);
    const norm = Math.hypot(...part);
    if (norm > maxNorm) for (const [i, w] of part.entries()) part[i] = (w * maxNorm) / norm;
  }
}

/** One step, the `step`-th from 1 on. The gradients get those of the penalties. */
export function optimize(
  options: NativeOptimizer,
  groups: readonly GroupState[],
  gradients: readonly Float64Array[],
  learningRate: number,
  step: number,
): void {
  const { clipNorm = 0 } = options;
  for (const [i, group] of groups.entries()) addPenalty(group, gradients[i] ?? new Float64Array(0));
  const clip = clipNorm > 0 ? Math.min(1, clipNorm / (gradientNorm(groups, gradients) + 1e-6)) : 1;
  for (const [i, group] of groups.entries()) {
    if (group.frozen === true) continue;
    const rate = learningRate * (group.rateFactor ?? 1);
    const decay = (options.weightDecay ?? 0) * (group.decayFactor ?? 1);
    for (const [e, gradient] of (gradients[i] ?? new Float64Array(0)).entries()) {
      if (options.kind === 'sgd') sgd(options, group, e, clip * gradient, rate, decay);
      else adam(options, group, e, clip * gradient, rate, decay, step);
    }
    const { maxNorm = 0 } = group.rule ?? {};
    if (maxNorm > 0) boundRows(group.parameters, group.rows ?? 1, maxNorm);
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
