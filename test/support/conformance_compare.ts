/** Distances between what a kernel gave and its float64 reference. */
import type { Outcome } from './conformance_program.js';

type Numbers = Float32Array | Float64Array;

/** The largest magnitude; infinite as soon as one element is not a finite number. */
export function largest(values: Numbers): number {
  let most = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) return Number.POSITIVE_INFINITY;
    most = Math.max(most, Math.abs(value));
  }
  return most;
}

/** max |got - wanted| / scale, where the scale is max |wanted| unless told. Exact zeros must be met exactly. */
export function relativeError(got: Numbers, wanted: Numbers, scale = largest(wanted)): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (const [i, value] of wanted.entries()) {
    const difference = Math.abs((got[i] as number) - value);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    most = Math.max(most, difference);
  }
  return most === 0 ? 0 : most / scale;
}

/** Worst errors by name over many cases, with the case that had each. */
export class Worst {
  readonly #worst = new Map<string, { error: number; where: string }>();
  readonly failures: string[] = [];

  /** Notes an error; above the limit it is a failure. */
  note(what: string, error: number, limit: number, where: string): void {
    if (!(error <= limit)) this.failures.push(`${what}: ${error} > ${limit} for ${where}`);
    const before = this.#worst.get(what);
    if (before === undefined || error > before.error) this.#worst.set(what, { error, where });
  }

  toString(): string {
    return [...this.#worst]
      .map(([what, { error, where }]) => `${what} ${error.toExponential(2)} (${where})`)
      .join('\n');
  }
}

/** Sum of products, in float64. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** The bytes as text, to compare two results bit for bit. */
export function bits(values: Float32Array | Float64Array | Int32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
}

/** All that a run gave, bit by bit: equal texts are equal runs. */
export function everything({ outputs, gradients, parameterGradients, loss }: Outcome): string {
  const arrays = [...Object.values(outputs), ...Object.values(gradients), parameterGradients];
  return [...arrays.map(bits), loss?.lossSum, loss?.correct, bits(loss?.confusion ?? new Float64Array(0))].join(' ');
}
