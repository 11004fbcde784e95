/** Predictions: all rows of a dataset, or of an array, through a program in chunks. */
import { expectInteger, expectRows, expectSignal, expectString, rejectUnknownKeys } from '../checks.js';
import { Dataset, fromArrays } from '../data/index.js';
import { CugruError } from '../errors.js';
import { native, segments } from '../native.js';
import { chunkSizer } from './chunks.js';
import type { LoweredOutput, Variant } from './lowering.js';
import type { Network } from './network.js';
import { disposeSlabs, expectInputs, inputVariant, slabBindings } from './source.js';
import { elements } from './tensor.js';
import { fromBuffer } from './transfer.js';

/** Options of {@link Network.predict}. */
export interface PredictOptions {
  /**
   * Rows of one batch at most.
   * @defaultValue 256
   */
  readonly batchSize?: number;
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * The name of the layer whose output is wanted, for example `gru_1`: features instead of the model's output.
   * @defaultValue the model's outputs
   */
  readonly layer?: string;
}

interface Wanted {
  readonly batchSize: number;
  readonly signal: AbortSignal | undefined;
  readonly until: Pick<Variant, 'until'>;
}

// Rows of one upload while predicting from an array.
const uploadRows = 4096;

/** The smallest power of two that is at least `rows`, at most `limit`. */
function bucket(rows: number, limit: number): number {
  let size = 1;
  while (size < rows && size < limit) size *= 2;
  return Math.min(size, limit);
}

function expectWanted(options: PredictOptions): Wanted {
  rejectUnknownKeys('predict', options, ['batchSize', 'signal', 'layer']);
  const { signal, layer } = options;
  expectSignal('signal', signal);
  return {
    batchSize: expectInteger('batchSize', options.batchSize ?? 256, { min: 1, max: 2 ** 20 }),
    signal,
    until: layer === undefined ? {} : { until: expectString('layer', layer) },
  };
}

function expectWholeRows(x: Uint8Array | Float32Array, shape: readonly number[]): number {
  const row = elements(shape);
  expectRows('x', x);
  if (x.length > 0 && x.length % row === 0) return row;
  throw new CugruError(
    'ERR_SHAPE',
    `x must hold one or more whole rows of [${shape.join(', ')}], that is ${row} numbers each, got ${x.length}`,
    { expected: shape, length: x.length },
  );
}

function arraysFor(outputs: readonly LoweredOutput[], rows: number): Float32Array[] {
  return outputs.map(({ shape }) => new Float32Array(rows * elements(shape)));
}

async function predictDataset(
  model: Network<unknown>,
  dataset: Dataset,
  { batchSize, signal, until }: Wanted,
): Promise<Float32Array[]> {
  const batch = model.expectBatches(dataset.size, bucket(dataset.size, batchSize));
  const compiled = await model.program({ ...inputVariant(dataset), ...until }, 'predict', batch);
  const { outputs } = compiled.lowered;
  const slabs = await model.slabs.get(dataset.storage);
  const results = arraysFor(outputs, dataset.size);
  const chunks = chunkSizer(batch);
  for (let first = 0; first < dataset.size; ) {
    signal?.throwIfAborted();
    const rows = Math.min(dataset.size - first, chunks.batches() * batch);
    const bindings = outputs.map(({ index, shape }) => ({
      index,
      buffer: native().createBuffer(rows * elements(shape) * 4),
    }));
    const result = await model.run(compiled, {
      segments: segments.forward,
      rows,
      indices: dataset.rows(first, first + rows),
      slabs: slabBindings(compiled.lowered, slabs),
      outputs: bindings,
    });
    chunks.took(result);
    for (const [i, { buffer }] of bindings.entries()) {
      const width = elements((outputs[i] as LoweredOutput).shape);
      await fromBuffer(buffer, (results[i] as Float32Array).subarray(first * width, (first + rows) * width));
    }
    first += rows;
  }
  return results;
}

/** @internal An array for each output of the model, or of the layer that the options name. */
export async function predictOutputs(
  model: Network<unknown>,
  x: Dataset | Uint8Array | Float32Array,
  options: PredictOptions,
): Promise<Float32Array[]> {
  const wanted = expectWanted(options);
  if (x instanceof Dataset) {
    expectInputs(x, model.inputShape);
    return predictDataset(model, x, wanted);
  }
  const row = expectWholeRows(x, model.inputShape);
  const rows = x.length / row;
  const { outputs } = model.lowered({ input: 'f32', lengths: false, ...wanted.until });
  const results = arraysFor(outputs, rows);
  // Whole batches, where they are fixed.
  const batch = model.expectBatches(rows, 1);
  const step = Math.ceil(uploadRows / batch) * batch;
  for (let first = 0; first < rows; first += step) {
    const part = x.subarray(first * row, Math.min(rows, first + step) * row);
    const dataset = fromArrays({ inputs: part, shape: model.inputShape });
    const made = await predictDataset(model, dataset, wanted);
    disposeSlabs(await model.slabs.get(dataset.storage));
    made.forEach((values, i) => {
      (results[i] as Float32Array).set(values, (first * values.length) / dataset.size);
    });
  }
  return results;
}
