/** Trainings of small models in which a chosen call of NVIDIA's libraries fails. On the simulated device; see cuda_simulated.js. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type Dataset, datasets, layers, type Sequential, sequential } from '../../lib/index.js';
import { noise } from './training_models.js';

/** Which calls are counted, and what comes of the one that fails: see core/simulated.h. */
export type FaultKind = 'call' | 'allocation' | 'lost' | 'nvrtc';

/** What build/simulated/control.node tells of the device, and does to it. */
export interface SimulatedControl {
  /** Mistakes, and what was not given back; a line each. */
  report(): string;
  forget(): void;
  /** The call number `at` fails from now on; 0: none. */
  fail(what: FaultKind, at: number): void;
  /** The function that did, or ''. */
  failed(): string;
  count(what: string): number;
}

/** Of the device that CUGRU_CUDA_PATH names. */
export function simulatedControl(): SimulatedControl {
  const folder = process.env['CUGRU_CUDA_PATH'] ?? '';
  return createRequire(import.meta.url)(resolve(folder, 'control.node')) as SimulatedControl;
}

/** A model and its data, made anew for each fault. */
export interface Workload {
  readonly name: string;
  readonly model: (device: 'cpu' | 'cuda') => Sequential;
  readonly data: () => Dataset;
}

const classes = 2;
const rows = 6;
const shape = [4, 3] as const;

function rowsOf(inputs: Float32Array | Uint8Array, lengths?: readonly number[]): Dataset {
  const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
  return datasets.fromArrays({ inputs, shape, labels, classes, ...(lengths === undefined ? {} : { lengths }) });
}

const last = () => layers.dense({ units: classes, activation: 'softmax' });

export const gruOverBytes: Workload = {
  name: 'a GRU over bytes',
  model: (device) => sequential([layers.gru({ units: 5 }), last()], { inputShape: shape, seed: 1, device }),
  data: () => rowsOf(Uint8Array.from({ length: rows * 12 }, (_, i) => (i * 37) % 256)),
};

export const lstmWithLengths: Workload = {
  name: 'an LSTM over rows of several lengths',
  model: (device) => sequential([layers.lstm({ units: 4 }), last()], { inputShape: shape, seed: 1, device }),
  data: () => rowsOf(noise(rows * 12), [1, 4, 2, 3, 4, 1]),
};

/** What a workload came to. */
export interface Result {
  readonly losses: readonly number[];
  readonly probabilities: Float32Array;
}

/** Trains, evaluates, reads weights and predicts; whatever happens, all is disposed. */
export async function use({ model: make, data }: Workload, device: 'cpu' | 'cuda'): Promise<Result> {
  const model = make(device);
  try {
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    const rows = data();
    const { epochs } = await model.fit(rows, { epochs: 1, batchSize: 4 });
    const { loss } = await model.evaluate(rows);
    await model.getWeights();
    return { losses: [...epochs.map((epoch) => epoch.loss), loss], probabilities: await model.predict(rows) };
  } finally {
    model.dispose();
  }
}

/**
 * What the device reports once all is given back: '' when nothing is left. Sessions close on their own threads; a call that failed
 * leaves some handles to the garbage collector.
 */
export async function remains(control: SimulatedControl): Promise<string> {
  for (let i = 0; i < 20; i++) {
    await new Promise((done) => setImmediate(done));
    if (control.report() === '') return '';
    if (i > 0) globalThis.gc?.();
  }
  return control.report();
}

/** What came of one fault. */
export interface Fault<Outcome> {
  /** The function that failed. */
  readonly failed: string;
  /** 'the 17th call, cuMemAlloc_v2' */
  readonly title: string;
  readonly error: unknown;
  /** Undefined where there is an error. */
  readonly outcome: Outcome | undefined;
}

/** Runs `work` again and again, its first call failing, its second, …, until it ends before the call that should fail. */
export async function* faults<Outcome>(
  control: SimulatedControl,
  kind: FaultKind,
  work: () => Outcome | Promise<Outcome>,
): AsyncGenerator<Fault<Outcome>> {
  for (let at = 1; ; at++) {
    control.fail(kind, at);
    let error: unknown;
    let outcome: Outcome | undefined;
    try {
      outcome = await work();
    } catch (caught) {
      error = caught;
    }
    const failed = control.failed();
    control.fail(kind, 0);
    if (failed === '') return;
    yield { failed, title: `call number ${at}, ${failed}`, error, outcome };
  }
}
