/** Small models and data that can be learnt, for the tests of layers, model and training. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  type Dataset,
  datasets,
  type ErrorCode,
  layers,
  type Network,
  optimizers,
  type Precision,
  type Sequential,
  type StateDict,
  sequential,
  type Tensor,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';

/** Of the sequences that {@link waves} makes. */
export const shape = [6, 3] as const;
/** How many kinds of them there are. */
export const classes = 3;

/** Numbers from 0 to below 1 that look random: the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Floats between -1 and 1. */
export function noise(length: number, seed = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length }, () => 2 * next() - 1);
}

export function tensor(dims: readonly number[], seed = 1): Tensor {
  return {
    data: noise(
      dims.reduce((a, b) => a * b),
      seed,
    ),
    shape: dims,
  };
}

export interface WaveOptions {
  readonly seed?: number;
  readonly lengths?: readonly number[];
  readonly labels?: 'classes' | 'soft' | 'none';
}

/** Rows of {@link shape}: waves whose frequency is their class, with a phase and some noise. */
export function waves(rows: number, { seed = 1, lengths, labels = 'classes' }: WaveOptions = {}): Dataset {
  const next = random(seed);
  const [steps, features] = shape;
  const inputs = new Float32Array(rows * steps * features);
  const truth = Int32Array.from({ length: rows }, (_, i) => i % classes);
  truth.forEach((label, row) => {
    const phase = 0.5 * next();
    for (let s = 0; s < steps; s++) {
      for (let f = 0; f < features; f++) {
        const value = Math.sin(phase + (label + 1) * 0.7 * s + f) + 0.1 * (next() - 0.5);
        inputs[(row * steps + s) * features + f] = value;
      }
    }
  });
  const soft = Float32Array.from({ length: rows * classes }, (_, i) =>
    truth[Math.floor(i / classes)] === i % classes ? 0.8 : 0.1,
  );
  return datasets.fromArrays({
    inputs,
    shape,
    ...(lengths === undefined ? {} : { lengths }),
    ...(labels === 'none' ? {} : { classes, labels: labels === 'soft' ? soft : truth }),
  });
}

export interface ClassifierOptions {
  readonly seed?: number;
  readonly device?: 'cpu' | 'cuda';
  readonly units?: number;
  readonly dropout?: number;
  readonly bidirectional?: boolean;
  /** A GRU by default. */
  readonly recurrent?: (options: Parameters<typeof layers.gru>[0]) => layers.Layer;
  readonly optimizer?: optimizers.Optimizer | optimizers.OptimizerName;
  readonly precision?: Precision;
  readonly lossScale?: optimizers.LossScaleOptions;
}

/** A compiled classifier of {@link waves}. */
export function classifier(options: ClassifierOptions = {}): Sequential {
  const { seed = 1, device = 'cpu', units = 8, dropout = 0, bidirectional = false } = options;
  const { recurrent = layers.gru } = options;
  const model = sequential(
    [
      recurrent({ units, numLayers: 2, dropout, bidirectional }),
      layers.dropout({ rate: dropout }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { inputShape: shape, seed, device, ...(options.precision === undefined ? {} : { precision: options.precision }) },
  );
  const optimizer = options.optimizer ?? optimizers.adam({ learningRate: 0.01, clipNorm: 1 });
  const { lossScale } = options;
  model.compile({ optimizer, loss: 'categoricalCrossentropy', ...(lossScale === undefined ? {} : { lossScale }) });
  return model;
}

export function bytesOf(array: Float32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

export function dictBytes(dict: Readonly<StateDict>): Buffer {
  return Buffer.concat(Object.values(dict).map(({ data }) => bytesOf(data)));
}

function digest(...parts: readonly Buffer[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}

/** All weights as one hash: equal where every byte is. */
export async function weightHash(model: Network): Promise<string> {
  return digest(dictBytes(await model.getWeights()));
}

/** Hash of weights and both moments of Adam, and the step. */
export async function trainingState(model: Network): Promise<{ readonly hash: string; readonly step: number }> {
  const store = await model.store();
  const { step } = await native().storeInfo(store);
  const slots = step === 0 ? [] : (['slot0', 'slot1'] as const);
  const parts = [dictBytes(await model.getWeights())];
  for (const slot of slots) parts.push(dictBytes(await model.table().read(store, slot)));
  return { hash: digest(...parts), step };
}

/** The data of one weight. */
export function dataOf(dict: Readonly<StateDict>, name: string): Float32Array {
  const found = dict[name];
  if (found === undefined) throw new Error(`there is no ${name}, only ${Object.keys(dict).join(', ')}`);
  return found.data;
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}

/** A folder that is gone after the test. */
export async function scratch(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cugru-training-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a call must be refused with: its name, the call, the code, and what the message says. */
export type Refusal = readonly [name: string, call: () => unknown, code: ErrorCode, message: RegExp];

/** Checks that each call throws, or rejects, as it says. */
export async function refuses(t: ExecutionContext, cases: readonly Refusal[]): Promise<void> {
  for (const [name, call, code, message] of cases) {
    const error = await t.throwsAsync(async () => call(), { name: 'CugruError' }, name);
    t.is((error as { code?: string } | undefined)?.code, code, name);
    t.regex(error?.message ?? '', message, name);
  }
}
