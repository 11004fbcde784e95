/** The progress line on stderr: redrawn in a terminal, one line for each epoch elsewhere. */
import type { EpochLogs, ProgressEvent } from '../training/index.js';

const barWidth = 24;

function percent(value: number | undefined): string {
  return value === undefined ? '' : ` accuracy ${(value * 100).toFixed(2)} %`;
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** One line of text for an event. */
export function progressText(event: ProgressEvent, batchSize: number): string {
  const share = event.batch / event.batches;
  const filled = Math.round(share * barWidth);
  const left = ((event.batches - event.batch) * batchSize) / event.imagesPerSecond;
  const bar = '#'.repeat(filled) + '.'.repeat(barWidth - filled);
  return (
    `epoch ${event.epoch + 1}/${event.epochs} [${bar}] loss ${event.loss.toFixed(4)}${percent(event.accuracy)} ` +
    `${Math.round(event.imagesPerSecond)} images/s, ${duration(left)} left`
  );
}

/** One line of text for a finished epoch. */
export function epochText(logs: EpochLogs, epochs: number): string {
  const validation =
    logs.valLoss === undefined ? '' : `, validation loss ${logs.valLoss.toFixed(4)}${percent(logs.valAccuracy)}`;
  return (
    `epoch ${logs.epoch + 1}/${epochs}: loss ${logs.loss.toFixed(4)}${percent(logs.accuracy)}${validation}, ` +
    `${Math.round(logs.imagesPerSecond)} images/s, ${logs.seconds.toFixed(1)} s`
  );
}

/** Draws to a stream, by default stderr. */
export class ProgressLine {
  readonly #out: NodeJS.WriteStream;
  #drawn = false;

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out;
  }

  draw(text: string): void {
    if (!this.#out.isTTY) return;
    // Some terminals do not tell their width.
    const columns = this.#out.columns || 80;
    this.#out.write(`\r\x1b[K${text.slice(0, Math.max(20, columns - 1))}`);
    this.#drawn = true;
  }

  line(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  /** Removes what was drawn last. */
  clear(): void {
    if (this.#drawn) this.#out.write('\r\x1b[K');
    this.#drawn = false;
  }
}
