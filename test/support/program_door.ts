/** Graphs through the typed door: a session that a test owns, with what it takes to fill, run and read programs. */
import type { ExecutionContext } from 'ava';
import type { DType, GraphSpec, GroupSpec, InitializerSpec } from '../../lib/graph_spec.js';
import { GraphBuilder, GroupTable } from '../../lib/layers/builder.js';
import {
  type BufferHandle,
  type Mode,
  type NativeOptimizer,
  type NumericArray,
  native,
  type ProgramHandle,
  type RunRequest,
  type RunResult,
  type SessionHandle,
  type SlabHandle,
  type StoreContent,
  type StoreHandle,
  segments,
} from '../../lib/native.js';

/** All that one training step does. */
export const trainStep =
  segments.zeroGradients | segments.forward | segments.loss | segments.backward | segments.update;
/** A training step without the update. */
export const gradientStep = segments.zeroGradients | segments.forward | segments.loss | segments.backward;

/** Plain numbers in (-scale, scale), the same for the same seed on every host. */
export function numbers(length: number, seed: number, scale = 1): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) / 2 ** 23 - 1) * scale;
  });
}

/** An empty graph. */
export function graphBuilder(): GraphBuilder {
  return new GraphBuilder({ groups: new GroupTable() });
}

type GroupOptions = Partial<Omit<GroupSpec, 'name' | 'op' | 'params'>>;

export function denseGroup(name: string, inputs: number, units: number, options: GroupOptions = {}): GroupSpec {
  const params = [
    { name: 'weight', shape: [units, inputs] },
    { name: 'bias', shape: [units] },
  ];
  return { name, op: 'dense', params, ...options };
}

/** A GRU of one direction, or both. */
export function gruGroup(
  name: string,
  inputs: number,
  units: number,
  options: GroupOptions & { readonly layers?: number; readonly bidirectional?: boolean } = {},
): GroupSpec {
  const { layers = 1, bidirectional = false, ...rest } = options;
  const params = [];
  for (let layer = 0; layer < layers; layer++) {
    for (const direction of bidirectional ? ['', '_reverse'] : ['']) {
      const width = layer === 0 ? inputs : units * (bidirectional ? 2 : 1);
      params.push({ name: `weight_ih_l${layer}${direction}`, shape: [3 * units, width] });
      params.push({ name: `weight_hh_l${layer}${direction}`, shape: [3 * units, units] });
      params.push({ name: `bias_ih_l${layer}${direction}`, shape: [3 * units] });
      params.push({ name: `bias_hh_l${layer}${direction}`, shape: [3 * units] });
    }
  }
  return { name, op: 'rnn', attrs: { cell: 'gru', units, layers, bidirectional }, params, ...rest };
}

/** As many initializers as the group has parameters. */
export function initializedBy(group: GroupSpec, ...initializers: InitializerSpec[]): GroupSpec {
  return { ...group, initializers };
}

export function groupElements(group: GroupSpec): number {
  return group.params.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
}

/** The number of parameters of all groups, or of those that are optimised. */
export function parameterCount(groups: readonly GroupSpec[], optimised = false): number {
  return groups.filter((group) => !optimised || group.buffer !== true).reduce((sum, g) => sum + groupElements(g), 0);
}

/** One session, closed with its test. */
export class Door {
  readonly session: SessionHandle;

  constructor(t: ExecutionContext, isa?: string) {
    this.session = native().createSession({ device: 'cpu', ...(isa === undefined ? {} : { isa }) });
    t.teardown(() => native().closeSession(this.session));
  }

  /** A store whose parameters are small numbers from `seed`, with an optimiser if there is one. */
  async store(groups: readonly GroupSpec[], seed = 1, optimizer?: NativeOptimizer): Promise<StoreHandle> {
    const store = await native().createStore(this.session, groups);
    const length = parameterCount(groups);
    if (length > 0) await this.write(store, 'parameters', numbers(length, seed, 0.5));
    if (optimizer !== undefined) await native().storeConfigure(store, optimizer);
    return store;
  }

  compile(store: StoreHandle, graph: GraphSpec, mode: Mode, batch: number): Promise<ProgramHandle> {
    return native().compile(store, graph, { mode, batch });
  }

  async slab(values: NumericArray, dtype: DType): Promise<SlabHandle> {
    return native().createSlab(this.session, bufferOf(values), dtype);
  }

  async read(store: StoreHandle, content: StoreContent, length: number): Promise<Float32Array> {
    return floatsOf(await native().storeRead(store, content), length);
  }

  async write(store: StoreHandle, content: StoreContent, values: Float32Array): Promise<void> {
    await native().storeWrite(store, content, bufferOf(values));
  }

  run(program: ProgramHandle, request: Partial<RunRequest> & { readonly rows: number }): Promise<RunResult> {
    return native().run(program, { segments: segments.forward, ...request });
  }
}

/** A host buffer with these values. */
export function bufferOf(values: NumericArray): BufferHandle {
  const buffer = native().createBuffer(values.byteLength);
  native().bufferWrite(buffer, 0, values);
  return buffer;
}

/** An empty host buffer for so many floats. */
export function roomFor(floats: number): BufferHandle {
  return native().createBuffer(floats * 4);
}

/** The floats of a host buffer. */
export function floatsOf(buffer: BufferHandle, length: number): Float32Array {
  const values = new Float32Array(length);
  native().bufferRead(buffer, 0, values);
  return values;
}

/** The largest difference over the largest wanted value. */
export function relativeDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs((got[i] as number) - (want[i] as number));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(want[i] as number));
  }
  return worst === 0 ? 0 : worst / largest;
}

/** Gradient of a scalar function by central differences in float64. */
export function differences(f: (at: Float64Array) => number, at: ArrayLike<number>): Float64Array {
  const point = Float64Array.from(at);
  const h = 1e-5;
  return point.map((value, i) => {
    point[i] = value + h;
    const above = f(point);
    point[i] = value - h;
    const below = f(point);
    point[i] = value;
    return (above - below) / (2 * h);
  });
}

/** tanh(W x + b) for each row, in float64; W [width, width] and b [width] lie from `at` on in flat parameters. */
export function denseTanh64(params: ArrayLike<number>, at: number, x: ArrayLike<number>, width: number): Float64Array {
  return Float64Array.from(x, (_, i) => {
    const [row, unit] = [Math.floor(i / width), i % width];
    let sum = params[at + width * width + unit] as number;
    for (let k = 0; k < width; k++) {
      sum += (params[at + unit * width + k] as number) * (x[row * width + k] as number);
    }
    return Math.tanh(sum);
  });
}
