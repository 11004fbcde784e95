/** The PyTorch goldens of test/fixtures/pytorch, as their README describes them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, type TensorData } from '../../lib/formats/index.js';
import { native } from '../../lib/native.js';
import { onGpu } from './conformance_program.js';

/** Where fixtures, script and README are. */
export const fixtureFolder = join('test', 'fixtures', 'pytorch');

/** Names of all fixtures, without the suffix. */
export const fixtureNames: readonly string[] = readdirSync(fixtureFolder)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.slice(0, -'.safetensors'.length))
  .sort();

/** The instruction sets that this host can run; the GPU or the simulated device alone, when it is asked for. */
export const isas: readonly string[] = onGpu() ? ['the GPU'] : native().processInfo().isas;

/** Where a module or model of one of {@link isas} runs. */
export function placeOf(isa: string): { readonly device: 'cpu' | 'cuda'; readonly isa?: string } {
  return onGpu() ? { device: 'cuda' } : { device: 'cpu', isa };
}

/** Inputs as the tests hand them over, in float32. */
export interface F32Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** One fixture. */
export class Golden {
  readonly name: string;
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly #tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: TensorData }>;

  private constructor(name: string, contents: Awaited<ReturnType<typeof readSafetensors>>) {
    this.name = name;
    this.metadata = contents.metadata;
    this.#tensors = new Map(contents.tensors.map((tensor) => [tensor.name, tensor]));
    this.names = [...this.#tensors.keys()];
  }

  static async load(name: string, folder = fixtureFolder): Promise<Golden> {
    return new Golden(name, await readSafetensors(join(folder, `${name}.safetensors`)));
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#get(name).shape;
  }

  /** An input or first weight, stored in float32. */
  f32(name: string): F32Tensor {
    const { data, shape } = this.#get(name);
    if (!(data instanceof Float32Array)) throw new Error(`${this.name}: ${name} is not float32`);
    return { data, shape };
  }

  /** Something that PyTorch computed, in float64. */
  f64(name: string): Float64Array {
    const { data } = this.#get(name);
    if (!(data instanceof Float64Array)) throw new Error(`${this.name}: ${name} is not float64`);
    return data;
  }

  i32(name: string): Int32Array {
    const { data } = this.#get(name);
    if (!(data instanceof Int32Array)) throw new Error(`${this.name}: ${name} is not int32`);
    return data;
  }

  text(key: string): string {
    const value = this.metadata[key];
    if (value === undefined) throw new Error(`${this.name} has no metadata '${key}'`);
    return value;
  }

  number(key: string): number {
    const value = Number(this.text(key));
    if (!Number.isFinite(value)) throw new Error(`${this.name}: metadata '${key}' is no number`);
    return value;
  }

  flag(key: string): boolean {
    return this.text(key) === 'true';
  }

  #get(name: string): { readonly shape: readonly number[]; readonly data: TensorData } {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`${this.name} has no tensor '${name}'`);
    return tensor;
  }
}

/** Largest absolute difference; infinite when lengths differ or something is no number. */
export function maxError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs((got[i] as number) - (want[i] as number));
    if (!(error <= worst)) worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst;
}

/** The largest absolute difference over the largest absolute value that is wanted. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i] as number));
  const error = maxError(got, want);
  return error === 0 ? 0 : error / largest;
}
