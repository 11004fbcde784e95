/** A session with its device: where a model's native objects live. */
import { expectOneOf } from '../checks.js';
import { requireCuda } from '../cuda/index.js';
import { CugruError } from '../errors.js';
import type { DType, GraphSpec, Precision } from '../graph_spec.js';
import type { NamedGroup } from '../layers/builder.js';
import {
  type AnyHandle,
  type Mode,
  type NumericArray,
  native,
  type ProgramHandle,
  type RunRequest,
  type RunResult,
  type SessionChoice,
  type SessionHandle,
  type SlabHandle,
  type StoreHandle,
} from '../native.js';
import { toBuffer } from './transfer.js';

/**
 * Where a model runs. `'auto'` takes the best that this version can use, which is the CPU, and says so in `model.device`;
 * `'cuda'` fails with a report when there is no GPU; `'cpu'` never touches CUDA.
 */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

function expectDevice(device: unknown): string {
  // The CUDA backend is young: it is used by those who name it. Nothing is looked for, no process is started.
  if (device === 'auto') return 'cpu';
  if (typeof device === 'string' && /^(cpu|cuda(:\d{1,3})?)$/.test(device)) return device;
  throw new CugruError('ERR_VALUE', `device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got ${String(device)}`);
}

/**
 * @internal Checks the option `precision` for a device.
 * @throws {@link CugruError} `ERR_UNSUPPORTED` for half precision on the CPU, which computes in float32 whatever else it is told.
 */
export function expectPrecision(precision: unknown, device: Device): Precision | undefined {
  if (precision === undefined) return undefined;
  const known = expectOneOf('precision', precision, ['fp32', 'tf32', 'bf16', 'fp16'] as const);
  if (expectDevice(device) === 'cpu' && (known === 'bf16' || known === 'fp16')) {
    throw new CugruError('ERR_UNSUPPORTED', `the CPU computes in float32; precision '${known}' needs device 'cuda'`, {
      precision: known,
    });
  }
  return known;
}

export type { Precision } from '../graph_spec.js';

/** Frees a handle that may still be in the making. */
export function disposeWhenMade(made: Promise<AnyHandle> | undefined): void {
  void made?.then(
    (handle) => native().dispose(handle),
    () => {},
  );
}

/** See the file's head. */
export class Runtime {
  /** 'cpu' or 'cuda:0'. */
  readonly device: string;
  /** With instruction set and threads, or the GPU's name. */
  readonly description: string;
  readonly #session: SessionHandle;
  #closed = false;

  constructor(device: Device, isa?: string) {
    const name = expectDevice(device);
    if (name !== 'cpu') requireCuda(name);
    this.#session = native().createSession({ device: name, ...(isa === undefined ? {} : { isa }) });
    const info = native().sessionInfo(this.#session);
    this.device = info.device;
    this.description = info.description;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Refuses work after close. */
  expectOpen(what: string): void {
    if (this.#closed) throw new CugruError('ERR_DISPOSED', `this ${what} was disposed`);
  }

  createStore(groups: readonly NamedGroup[]): Promise<StoreHandle> {
    return native().createStore(this.#session, groups);
  }

  compile(store: StoreHandle, graph: GraphSpec, mode: Mode, batch: number, planOnly = false): Promise<ProgramHandle> {
    return native().compile(store, graph, { mode, batch, planOnly });
  }

  run(program: ProgramHandle, request: RunRequest): Promise<RunResult> {
    return native().run(program, request);
  }

  /** A dataset's array in the device's memory. */
  async upload(name: string, array: NumericArray, dtype: DType): Promise<SlabHandle> {
    const buffer = await toBuffer(name, array);
    const slab = await native().createSlab(this.#session, buffer, dtype);
    native().dispose(buffer);
    return slab;
  }

  /** The choices among algorithms that it goes by; none on the CPU. */
  choices(): SessionChoice[] {
    return native().sessionChoices(this.#session);
  }

  /** Choices of an earlier session, which spare it to time algorithms anew. */
  offerChoices(choices: readonly SessionChoice[]): void {
    native().sessionOfferChoices(this.#session, choices);
  }

  /** Stops what runs after its batch, and refuses what waits. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    native().closeSession(this.#session);
    native().dispose(this.#session);
  }
}
