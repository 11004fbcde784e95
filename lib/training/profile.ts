/** Where the time of a training step goes. */
import { stepsSuffix, textTable } from '../model/summary.js';
import type { RunResult } from '../native.js';

/** One operation of a {@link Profile}. */
export interface OperationProfile {
  /** The layer's name, or `layer.part`. */
  readonly name: string;
  /** The native operation. */
  readonly operation: string;
  /** Which implementation ran it. */
  readonly kernel: string;
  /** Of one batch, in milliseconds. */
  readonly forwardMilliseconds: number;
  readonly backwardMilliseconds: number;
}

/** What `model.profile` gives; print it with `String(profile)`. */
export interface Profile {
  readonly operations: readonly OperationProfile[];
  /** All operations of one batch, without the optimiser. */
  readonly milliseconds: number;
  readonly batchSize: number;
  /**
   * How steps are done when they are not profiled, as in `ModelSummary.steps`: `direct`, `graph`, or `eager: ` and the reason.
   * A profile itself is eager, since each operation is waited for.
   */
  readonly steps: string;
  /** The table as text. */
  toString(): string;
}

/** @internal */
export function profileOf(result: RunResult, batchSize: number, steps: string): Profile {
  const operations = result.nodes.map(
    ({ name, op, variant, forward, backward }): OperationProfile => ({
      name,
      operation: op,
      kernel: variant,
      forwardMilliseconds: (1000 * forward) / result.batches,
      backwardMilliseconds: (1000 * backward) / result.batches,
    }),
  );
  const milliseconds = operations.reduce((sum, o) => sum + o.forwardMilliseconds + o.backwardMilliseconds, 0);
  const cells = operations.map((o) => {
    const both = o.forwardMilliseconds + o.backwardMilliseconds;
    const share = `${((100 * both) / milliseconds).toFixed(1)} %`;
    return [o.name, o.operation, o.forwardMilliseconds.toFixed(3), o.backwardMilliseconds.toFixed(3), share, o.kernel];
  });
  const head = ['layer', 'operation', 'forward ms', 'backward ms', 'share', 'kernel'];
  return {
    operations,
    milliseconds,
    batchSize,
    steps,
    toString: () =>
      `${textTable([head, ...cells])}\n${milliseconds.toFixed(3)} ms for a batch of ${batchSize}${stepsSuffix(steps)}`,
  };
}
