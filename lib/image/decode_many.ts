/** Many image files at a time, in order and bounded in memory. */
import { availableParallelism } from 'node:os';
import { expectInteger, expectSignal, rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { decodeInto, type ImageSource, labelOf } from './decode.js';
import { checkDecodeOptions, type DecodeOptions, type DecodePlan, decodeKeys, expectColour } from './decode_options.js';
import { loadSharp } from './load_sharp.js';

/** Options of {@link decodeImages}. */
export interface DecodeAllOptions extends DecodeOptions {
  /**
   * Images in work at the same time.
   * @defaultValue the number of processors, at most 8
   */
  readonly concurrency?: number;
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How many images are in work at a time. @internal */
export function expectConcurrency(value: unknown): number {
  return expectInteger('concurrency', value ?? Math.min(8, availableParallelism()), { min: 1, max: 1024 });
}

/** What {@link decodeEach} is given. @internal */
export interface DecodeJob {
  readonly sources: readonly ImageSource[];
  readonly plan: DecodePlan;
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  /** Where image `i` goes: `[height, width, channels]`. */
  readonly place: (i: number) => Uint8Array;
  /** After each image, with the reason when it is none. What it throws ends the job. */
  readonly done?: (i: number, failure: CugruError | undefined) => void;
}

/**
 * Decodes all sources, `concurrency` at a time: no more than that are in memory besides the results. Comes back when nothing runs
 * any more, also when it fails.
 * @internal
 */
export async function decodeEach(job: DecodeJob): Promise<void> {
  const { sources, plan, concurrency, signal, place, done } = job;
  signal?.throwIfAborted();
  const sharp = await loadSharp();
  expectColour(sharp, plan);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < sources.length) {
      signal?.throwIfAborted();
      const i = next++;
      const source = sources[i] as ImageSource;
      let failure: CugruError | undefined;
      try {
        await decodeInto(sharp, source, labelOf(source, i), plan, place(i));
      } catch (error) {
        if (done === undefined || !(error instanceof CugruError) || error.code !== 'ERR_IMAGE') throw error;
        failure = error;
      }
      done?.(i, failure);
    }
  };
  const stop = (error: unknown): never => {
    // The other workers end after the image in hand.
    next = sources.length;
    throw error;
  };
  const workers = Array.from({ length: Math.min(concurrency, sources.length) }, () => work().catch(stop));
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * Many images as `[sources, height, width, channels]` bytes, in the order of `sources`, several at a time. The first one that
 * fails ends the call.
 * @throws {@link CugruError} as `image.decode`; `ERR_VALUE` for an empty list or one that does not fit in memory.
 */
export async function decodeImages(sources: readonly ImageSource[], options: DecodeAllOptions): Promise<Uint8Array> {
  rejectUnknownKeys('image.decodeAll', options, [...decodeKeys, 'concurrency', 'signal']);
  const plan = checkDecodeOptions(options);
  const concurrency = expectConcurrency(options.concurrency);
  expectSignal('signal', options.signal);
  if (!Array.isArray(sources)) throw new CugruError('ERR_TYPE', `sources must be an array, got ${show(sources)}`);
  const row = plan.height * plan.width * plan.channels;
  expectInteger('the number of sources', sources.length, { min: 1, max: Math.floor(2 ** 32 / row) });
  options.signal?.throwIfAborted();
  const out = new Uint8Array(sources.length * row);
  const place = (i: number): Uint8Array => out.subarray(i * row, (i + 1) * row);
  await decodeEach({ sources, plan, concurrency, signal: options.signal, place });
  return out;
}
