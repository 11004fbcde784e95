/**
 * The native door: the typed mirror of the addon, and its loader. The only file that loads a `.node`.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CugruError, type ErrorCode } from './errors.js';
import type { DType, GraphSpec, GroupSpec } from './graph_spec.js';

declare const kind: unique symbol;
/** An opaque native object; the addon refuses one of the wrong kind. */
interface Handle<Kind extends string> {
  readonly [kind]: Kind;
}
export type SessionHandle = Handle<'session'>;
export type BufferHandle = Handle<'buffer'>;
export type SlabHandle = Handle<'slab'>;
export type StoreHandle = Handle<'store'>;
export type ProgramHandle = Handle<'program'>;
export type CancelHandle = Handle<'cancel'>;
export type StreamerHandle = Handle<'streamer'>;
export type StreamStateHandle = Handle<'stream state'>;
export type AnyHandle =
  | SessionHandle
  | BufferHandle
  | SlabHandle
  | StoreHandle
  | ProgramHandle
  | CancelHandle
  | StreamerHandle
  | StreamStateHandle;

/** Typed arrays that cross the door. */
export type NumericArray = Float32Array | Int32Array | Uint8Array;

/** What the process and host offer. */
export interface ProcessInfo {
  /** Instruction sets that this build and host can run, best last. */
  readonly isas: readonly string[];
  /** The one that new sessions use. */
  readonly isa: string;
  readonly threads: number;
  readonly processors: number;
  readonly availableBytes: number;
  /** Allocations made so far by native compute threads. */
  readonly computeAllocations: number;
  /** Memory outside of its heap that V8 was told of, by all addons; `process.memoryUsage()` does not show it. */
  readonly externalBytes: number;
  readonly compiler: string;
}

/** An optimiser as the core knows it. */
export interface NativeOptimizer {
  readonly kind: 'sgd' | 'adam' | 'adamw';
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  readonly clipNorm?: number;
  /** Where gradients pass through float16: the first factor on them, a power of two from 1 to 2^24. */
  readonly lossScale?: number;
  /** After how many updates that did not overflow it is doubled. */
  readonly lossScaleGrowth?: number;
}

/** How gradients are scaled on their way through float16. */
export interface LossScale {
  readonly scale: number;
  /** Updates since it was last changed. */
  readonly good: number;
  /** Updates in all that overflowed and were left out. */
  readonly leftOut: number;
}

/** A choice among algorithms that a GPU's session found by trying, or that a saved model brought. */
export interface SessionChoice {
  /** Lines: kind, device, libraries, shape and type. */
  readonly key: string;
  /** As in the files of `lib/cuda/choices.ts`: `chosen …`, then what was tried. */
  readonly lines: string;
}

/** What of a parameter store is read or written. */
export type StoreContent = 'parameters' | 'gradients' | 'slot0' | 'slot1';

/** What a program is compiled for. */
export type Mode = 'train' | 'evaluate' | 'predict';

/** Bits of {@link RunRequest.segments}. */
export const segments = { forward: 1, loss: 2, backward: 4, update: 8, zeroGradients: 16 } as const;

/** A host buffer at a graph input or output; all rows of the run in canonical order. */
export interface HostBinding {
  readonly index: number;
  readonly buffer: BufferHandle;
}

/** Many batches in one native call. */
export interface RunRequest {
  readonly segments: number;
  readonly rows: number;
  readonly indices?: Int32Array;
  readonly learningRates?: Float32Array;
  readonly seed?: number;
  /** Passes over the data before this one: keys what augmentation draws for a sample. */
  readonly epoch?: number;
  readonly gradientScale?: number;
  /** Time each operation. */
  readonly profile?: boolean;
  /** Take the time of replayed steps by the device's own clock. Nothing waits for it. */
  readonly timeReplays?: boolean;
  readonly slabs?: readonly { readonly index: number; readonly slab: SlabHandle }[];
  readonly inputs?: readonly HostBinding[];
  readonly outputs?: readonly HostBinding[];
  readonly seeds?: readonly HostBinding[];
  readonly gradients?: readonly HostBinding[];
  readonly cancel?: CancelHandle;
}

/** What one loss node counted. */
export interface LossResult {
  readonly lossSum: number;
  readonly rows: number;
  readonly correct: number;
  readonly classes: number;
  /** `classes * classes` counts; a row is a true class, a column an answer. */
  readonly confusion: Float64Array;
}

/** How long one operation took. */
export interface NodeSeconds {
  readonly name: string;
  readonly op: string;
  readonly variant: string;
  readonly forward: number;
  readonly backward: number;
}

/** What a run did. */
export interface RunResult {
  readonly batches: number;
  /** Of them, by replaying a recorded step (a CUDA graph). */
  readonly replayed: number;
  readonly cancelled: boolean;
  readonly seconds: number;
  /** Of the replayed steps together, on the device; where it was asked for and the device has a clock. */
  readonly replaySeconds?: number;
  /** Of all gradients together before clipping, at the last update. */
  readonly gradientNorm: number;
  /** Updates that were left out because gradients were not finite: the weights stayed what they were. */
  readonly skipped: number;
  /** Updates that were left out because gradients overflowed in float16; they count as steps. */
  readonly overflowed: number;
  readonly step: number;
  readonly losses: readonly LossResult[];
  /** When profiled: seconds of each operation over the run's batches. */
  readonly nodes: readonly NodeSeconds[];
}

/** A compiled program. */
export interface ProgramInfo {
  readonly nodes: readonly { readonly name: string; readonly op: string; readonly variant: string }[];
  readonly batch: number;
  readonly arenaBytes: number;
  /**
   * How its steps are done: `direct` (the CPU does work when it is called), `graph` (recorded and replayed), or `eager: ` and why
   * they are not recorded.
   */
  readonly steps: string;
}

/** One look at one place where a library of NVIDIA's might be. */
export interface CudaAttempt {
  readonly path: string;
  /** What led there: `CUGRU_CUDA_PATH`, `VIRTUAL_ENV`, `loader path`, ... */
  readonly source: string;
  /** Why it was not taken; empty for the one that was. */
  readonly reason: string;
}

/** How the search for one library went. */
export interface CudaLibrary {
  readonly name: 'driver' | 'cudnn' | 'cublasLt' | 'nvrtc';
  /** The file; empty when it was not found. */
  readonly path: string;
  readonly source: string;
  readonly version: string;
  /** The CUDA that it is for, or, of the driver, that it runs at most; 0 when not known. */
  readonly cudaMajor: number;
  /** Why it cannot be used; empty when it can. */
  readonly problem: string;
  readonly advice: string;
  /** Files of the same folder that were opened with it. */
  readonly parts: readonly string[];
  readonly attempts: readonly CudaAttempt[];
}

/** One GPU. */
export interface CudaDevice {
  readonly ordinal: number;
  readonly name: string;
  /** '9.0' */
  readonly computeCapability: string;
  readonly multiprocessors: number;
  readonly totalBytes: number;
  /** 0 for devices that were not probed. */
  readonly availableBytes: number;
}

/** What of CUDA can be found and used. */
export interface CudaReport {
  readonly usable: boolean;
  readonly problems: readonly { readonly what: string; readonly advice: string }[];
  readonly devices: readonly CudaDevice[];
  /** The device that was used a little; -1: none. */
  readonly probed: number;
  /** Of a small GRU as cuDNN has it; 0 when cuDNN was not reached. */
  readonly weightBytes: number;
  readonly libraries: readonly CudaLibrary[];
}

/** The addon's functions, one for one. */
export interface NativeAddon {
  setErrorClass(type: new (code: ErrorCode, message: string) => Error): void;
  processInfo(): ProcessInfo;
  setNumThreads(threads: number): void;
  dispose(handle: AnyHandle): void;
  /**
   * Opens NVIDIA's libraries and uses a GPU a little. A broken driver can end or hang the process: see lib/cuda.
   * `path`: folders to look in first; `traceDescriptor`: a file to which a line is written before each step.
   */
  cudaReport(options: {
    readonly path?: string;
    readonly ordinal?: number;
    readonly traceDescriptor?: number;
  }): CudaReport;

  createSession(options: { readonly device: string; readonly isa?: string }): SessionHandle;
  closeSession(session: SessionHandle): void;
  sessionInfo(session: SessionHandle): { readonly device: string; readonly description: string };
  /** What its kernels go by, and what it was offered; none on the CPU. */
  sessionChoices(session: SessionHandle): SessionChoice[];
  /** Those of other devices and libraries are left out, as is what cannot be used. */
  sessionOfferChoices(session: SessionHandle, choices: readonly SessionChoice[]): void;
  drainSession(session: SessionHandle): Promise<void>;

  /** Its bytes are not defined until they are written. */
  createBuffer(bytes: number): BufferHandle;
  bufferWrite(buffer: BufferHandle, offset: number, source: NumericArray): void;
  bufferRead(buffer: BufferHandle, offset: number, target: NumericArray): void;
  createSlab(session: SessionHandle, buffer: BufferHandle, dtype: DType): Promise<SlabHandle>;

  createStore(session: SessionHandle, groups: readonly GroupSpec[]): Promise<StoreHandle>;
  storeInitialize(store: StoreHandle, seed: number): Promise<void>;
  storeRead(store: StoreHandle, content: StoreContent): Promise<BufferHandle>;
  storeWrite(store: StoreHandle, content: StoreContent, buffer: BufferHandle): Promise<void>;
  storeConfigure(store: StoreHandle, optimizer: NativeOptimizer): Promise<void>;
  storeSetGroup(
    store: StoreHandle,
    group: number,
    options: { readonly frozen?: boolean; readonly rateFactor?: number; readonly decayFactor?: number },
  ): Promise<void>;
  storeSetStep(store: StoreHandle, step: number): Promise<void>;
  storeSetLossScale(store: StoreHandle, scale: LossScale): Promise<void>;
  storeInfo(store: StoreHandle): Promise<{
    readonly step: number;
    readonly version: number;
    readonly bytes: number;
    /** Where something runs in float16 and there is an optimizer. */
    readonly lossScale: LossScale | undefined;
  }>;

  compile(
    store: StoreHandle,
    graph: GraphSpec,
    options: { readonly mode: Mode; readonly batch: number; readonly planOnly?: boolean },
  ): Promise<ProgramHandle>;
  programInfo(program: ProgramHandle): ProgramInfo;
  createCancel(): CancelHandle;
  cancel(flag: CancelHandle): void;
  run(program: ProgramHandle, request: RunRequest): Promise<RunResult>;

  createStreamer(
    store: StoreHandle,
    graph: GraphSpec,
    options: { readonly input: number; readonly output: number; readonly states: Int32Array },
  ): Promise<StreamerHandle>;
  streamerInfo(streamer: StreamerHandle): {
    readonly inputBytes: number;
    readonly inputType: DType;
    readonly outputLength: number;
    readonly stateLength: number;
  };
  createStreamState(streamer: StreamerHandle): StreamStateHandle;
  streamStep(state: StreamStateHandle, x: NumericArray, y: Float32Array): void;
  streamReset(state: StreamStateHandle): void;
  streamRead(state: StreamStateHandle, values: Float32Array): void;
  streamWrite(state: StreamStateHandle, values: Float32Array): void;
}

const require = createRequire(import.meta.url);

// The package's root: the nearest folder above with a package.json (this file is lib/ in sources, dist/lib/ when compiled).
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function platformPackage(): string {
  const { platform, arch } = process;
  if (platform !== 'linux') return `@cugru/${platform}-${arch}`;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return `@cugru/linux-${arch}-${report?.header?.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}

interface Attempt {
  readonly path: string;
  readonly error: unknown;
}

function candidates(): string[] {
  const forced = process.env['CUGRU_ADDON_PATH'];
  if (forced !== undefined && forced !== '') return [forced];
  const built = join(packageRoot(), 'build', 'Release', 'cugru.node');
  return existsSync(built) ? [built] : [platformPackage()];
}

function loadError(attempts: readonly Attempt[]): CugruError {
  const tried = attempts.map(
    ({ path, error }) => `  ${path}: ${error instanceof Error ? error.message : String(error)}`,
  );
  const help = [
    `- installed from the registry: reinstall with optional dependencies, so that ${platformPackage()} is there`,
    '- in a checkout: run "npm run build" (needs CMake or Python 3 with make, and a C++17 compiler)',
    '- elsewhere: set CUGRU_ADDON_PATH to a cugru.node',
  ];
  return new CugruError(
    'ERR_NATIVE_LOAD',
    `cugru's native addon could not be loaded on ${process.platform}-${process.arch}, Node ${process.version}.\n` +
      `Tried:\n${tried.join('\n')}\nWhat to do:\n${help.join('\n')}`,
    { tried: attempts.map(({ path }) => path) },
  );
}

function load(): NativeAddon {
  const attempts: Attempt[] = [];
  for (const path of candidates()) {
    try {
      const addon = require(path) as NativeAddon;
      addon.setErrorClass(CugruError);
      return addon;
    } catch (error) {
      attempts.push({ path, error });
    }
  }
  throw loadError(attempts);
}

let loaded: NativeAddon | undefined;

/**
 * The addon, loaded at the first call.
 * @throws {@link CugruError} `ERR_NATIVE_LOAD` with what was tried and what to do.
 */
export function native(): NativeAddon {
  loaded ??= load();
  return loaded;
}
