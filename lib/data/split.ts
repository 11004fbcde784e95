/** Which positions go into which part of a split. */
import { shuffleForSplit } from './shuffle.js';

/** @internal */
export interface SplitPlan {
  readonly size: number;
  /** Positions of the first part. */
  readonly count: number;
  readonly seed: number;
  /** For a stratified split: the class of each position. */
  readonly classOf: Int32Array | undefined;
}

function positionsByClass(classOf: Int32Array): Int32Array[] {
  const lists = new Map<number, number[]>();
  classOf.forEach((label, position) => {
    const list = lists.get(label);
    if (list === undefined) lists.set(label, [position]);
    else list.push(position);
  });
  return [...lists].sort(([a], [b]) => a - b).map(([, list]) => Int32Array.from(list));
}

// The largest remainder gets the rows that rounding down leaves over; equal ones in the order of the groups.
function quotas(groups: readonly Int32Array[], { size, count }: SplitPlan): number[] {
  const exact = groups.map((group) => (group.length * count) / size);
  const result = exact.map(Math.floor);
  const left = count - result.reduce((sum, quota) => sum + quota, 0);
  const order = exact.map((_, i) => i).sort((a, b) => ((exact[b] as number) % 1) - ((exact[a] as number) % 1) || a - b);
  for (const i of order.slice(0, left)) result[i] = (result[i] as number) + 1;
  return result;
}

/** Positions of both parts, each in ascending order. @internal */
export function splitPositions(plan: SplitPlan): [Int32Array, Int32Array] {
  const all = new Int32Array(plan.size);
  for (let i = 0; i < all.length; i++) all[i] = i;
  const groups = plan.classOf === undefined ? [all] : positionsByClass(plan.classOf);
  const first = new Uint8Array(plan.size);
  quotas(groups, plan).forEach((quota, g) => {
    const group = shuffleForSplit((groups[g] as Int32Array).slice(), plan.seed, g);
    for (const position of group.subarray(0, quota)) first[position] = 1;
  });
  return [all.filter((i) => first[i] === 1), all.filter((i) => first[i] === 0)];
}
