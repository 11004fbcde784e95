/** Streaming inference: one step in, one output out, synchronously. */
import { expectTypedArray } from '../checks.js';
import { CugruError } from '../errors.js';
import type { GraphSpec } from '../graph_spec.js';
import type { CarriedState } from '../layers/builder.js';
import { native, type StoreHandle, type StreamerHandle, type StreamStateHandle } from '../native.js';

/** What a stream runs on: shared by all streams that were opened on the same weights. */
export interface StreamGraph {
  readonly graph: GraphSpec;
  readonly input: number;
  readonly output: number;
  readonly carried: readonly CarriedState[];
}

/** @internal A packed copy of the weights and a one-step program, for any number of streams. */
export function openStreamer(store: StoreHandle, spec: StreamGraph): Promise<StreamerHandle> {
  const states = Int32Array.from(spec.carried.flatMap(({ input, output }) => [input, output]));
  return native().createStreamer(store, spec.graph, { input: spec.input, output: spec.output, states });
}

/**
 * A sequence that arrives step by step. The weights are those of the moment when the stream was opened; the state starts
 * at zero and lives in native memory. A step is a synchronous call of some microseconds: awaiting would cost more than
 * the work.
 */
export class ModelStream {
  /** Features of one step. */
  readonly features: number;
  /** Numbers that a step gives. */
  readonly outputLength: number;
  /** Numbers of the state of all layers. */
  readonly stateLength: number;
  readonly #bytes: boolean;
  #state: StreamStateHandle | undefined;

  /** @internal */
  constructor(streamer: StreamerHandle) {
    const info = native().streamerInfo(streamer);
    this.#bytes = info.inputType === 'u8';
    this.features = info.inputBytes / (this.#bytes ? 1 : 4);
    this.outputLength = info.outputLength;
    this.stateLength = info.stateLength;
    this.#state = native().createStreamState(streamer);
  }

  /**
   * Takes one step.
   * @param x - `features` numbers: pixel values from 0 to 1, or what the model's sequences hold; not yet normalised.
   * @param out - where the result goes; by default a new array.
   * @returns `outputLength` numbers: the model's output if the sequence ended here.
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_TYPE`, `ERR_DISPOSED`.
   */
  step(x: Float32Array, out: Float32Array = new Float32Array(this.outputLength)): Float32Array {
    native().streamStep(this.#open(), x, out);
    return out;
  }

  /** Back to the start of a sequence. */
  reset(): void {
    native().streamReset(this.#open());
  }

  /** A copy of the state: `stateLength` numbers, layer after layer. */
  getState(): Float32Array {
    const values = new Float32Array(this.stateLength);
    native().streamRead(this.#open(), values);
    return values;
  }

  /** Continues from a state that {@link getState} gave. */
  setState(values: Float32Array): void {
    expectTypedArray('state', values, Float32Array);
    native().streamWrite(this.#open(), values);
  }

  /** Frees the state; the stream cannot be used afterwards. */
  dispose(): void {
    if (this.#state !== undefined) native().dispose(this.#state);
    this.#state = undefined;
  }

  /** As {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #open(): StreamStateHandle {
    if (this.#state === undefined) throw new CugruError('ERR_DISPOSED', 'this stream was disposed');
    return this.#state;
  }
}
