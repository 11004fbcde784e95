/** A program with its data on the device once and for all, run as often as a test likes: what recorded steps need to be replayed. */

import { fromBuffer, toBuffer } from '../../lib/model/transfer.js';
import {
  type HostBinding,
  type Mode,
  type NativeOptimizer,
  native,
  type ProgramHandle,
  type RunRequest,
  type RunResult,
  type SessionHandle,
  type SlabHandle,
  type StoreHandle,
  segments,
} from '../../lib/native.js';
import { bits } from './conformance_compare.js';
import { type Model, type ModelShape, model } from './conformance_model.js';

/** One direction, one layer: lengths are cut off by kernels, so that its steps can be recorded. */
export const small: ModelShape = {
  inputs: 3,
  units: 5,
  layers: 1,
  directions: 1,
  batch: 4,
  steps: 6,
  hidden: 7,
  classes: 3,
};

export const trainStep =
  segments.zeroGradients | segments.forward | segments.loss | segments.backward | segments.update;

/** Slabs of one dataset, by the graph's inputs. */
export type Slabs = NonNullable<RunRequest['slabs']>;

/** Sets an environment variable of this process until the call is done. */
export async function withVariable<T>(name: string, value: string, call: () => Promise<T>): Promise<T> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return await call();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

/** See the file's head. */
export class GraphRig {
  readonly session: SessionHandle;
  readonly store: StoreHandle;
  readonly program: ProgramHandle;
  readonly slabs: Slabs;
  readonly #model: Model;
  readonly #made: SlabHandle[];

  private constructor(session: SessionHandle, store: StoreHandle, program: ProgramHandle, made: Model, slabs: Slabs) {
    this.session = session;
    this.store = store;
    this.program = program;
    this.slabs = slabs;
    this.#model = made;
    this.#made = slabs.map(({ slab }) => slab);
  }

  static async open(
    options: { shape?: ModelShape; device?: string; rows?: number; mode?: Mode } = {},
  ): Promise<GraphRig> {
    const { shape = small, device = 'cuda', rows = 4 * shape.batch + 1, mode = 'train' } = options;
    const made = model(shape, rows, 1, mode);
    const session = native().createSession({ device });
    const store = await native().createStore(session, made.options.groups ?? []);
    const { graph, batch, parameters = new Float32Array(0) } = made.options;
    const program = await native().compile(store, graph, { mode, batch });
    await native().storeWrite(store, 'parameters', await toBuffer('parameters', parameters));
    const rig = new GraphRig(session, store, program, made, []);
    return new GraphRig(session, store, program, made, await rig.upload());
  }

  /** The data once more, in slabs of their own. */
  async upload(): Promise<Slabs> {
    const slabs: { index: number; slab: SlabHandle }[] = [];
    for (const [index, { name, tensor }] of this.#model.options.graph.inputs.entries()) {
      const array = this.#model.inputs[name];
      const dtype = this.#model.options.graph.tensors[tensor]?.dtype;
      if (array === undefined || dtype === undefined) continue;
      slabs.push({ index, slab: await native().createSlab(this.session, await toBuffer(name, array), dtype) });
    }
    return slabs;
  }

  configure(optimizer: NativeOptimizer = { kind: 'adam' }): Promise<void> {
    return native().storeConfigure(this.store, optimizer);
  }

  /** Some batches of training; each has a learning rate of its own. */
  train(batches: number, more: Partial<RunRequest> = {}): Promise<RunResult> {
    const rows = more.rows ?? batches * this.#model.options.batch;
    const learningRates = Float32Array.from({ length: batches }, (_, i) => 0.01 / (1 + i));
    const indices = Int32Array.from({ length: rows }, (_, i) => (i * 7) % (4 * this.#model.options.batch));
    const request = { segments: trainStep, rows, learningRates, indices, seed: 5, slabs: this.slabs, ...more };
    return native().run(this.program, request);
  }

  run(request: Omit<RunRequest, 'rows'> & { readonly rows?: number }): Promise<RunResult> {
    return native().run(this.program, { rows: this.#model.options.batch, slabs: this.slabs, ...request });
  }

  get steps(): string {
    return native().programInfo(this.program).steps;
  }

  /** Weights and both moments, as text that is the same where every byte is. */
  async state(
    contents: readonly ('parameters' | 'gradients' | 'slot0' | 'slot1')[] = ['parameters', 'slot0', 'slot1'],
  ) {
    const count = this.#model.options.parameters?.length ?? 0;
    const parts: string[] = [];
    for (const content of contents) {
      parts.push(bits(await fromBuffer(await native().storeRead(this.store, content), new Float32Array(count))));
    }
    return parts.join(' ');
  }

  close(): void {
    native().closeSession(this.session);
    for (const handle of [...this.#made, this.program, this.store, this.session]) native().dispose(handle);
  }
}

/** A host buffer of floats, for an output. */
export function output(index: number, floats: number): HostBinding {
  return { index, buffer: native().createBuffer(4 * floats) };
}

/** What a run counted, as text that is the same where every byte is. */
export function counted({ losses, gradientNorm, skipped, step }: RunResult): string {
  const each = losses.map(({ lossSum, rows, correct, confusion }) => [lossSum, rows, correct, bits(confusion)].join());
  return [gradientNorm, skipped, step, ...each].join(' ');
}
