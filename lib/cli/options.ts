/** Option values from the command line, checked. */
import { InvalidArgumentError } from 'commander';
import { type DatasetSplits, datasets } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Device } from '../model/runtime.js';
import { setNumThreads } from '../threads.js';

/** A parser of integers in [min, max]. */
export function integerOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser of numbers in (0, max]. */
export function positiveOption(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value > 0 && value <= max)) {
      throw new InvalidArgumentError(`It must be a number above 0, up to ${max}.`);
    }
    return value;
  };
}

/** A parser of device names. */
export function deviceOption(text: string): Device {
  if (!/^(auto|cpu|cuda(:\d{1,3})?)$/.test(text)) {
    throw new InvalidArgumentError("It must be 'auto', 'cpu', 'cuda' or 'cuda:N'.");
  }
  return text as Device;
}

/** A dataset by name, or a folder of IDX files. */
export function loadData(name: string): Promise<DatasetSplits> {
  return name === 'mnist' ? datasets.mnist() : datasets.idx({ dir: name });
}

/** Applies `--threads`. */
export function applyThreads(threads: number | undefined): void {
  if (threads !== undefined) setNumThreads(threads);
}

/** The result on stdout: one line of JSON, or text. */
export function printResult(json: boolean, result: unknown, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}

/** Ends the process with the error's message (and code) on stderr, without a stack for errors that users cause. */
export function reportFailure(error: unknown): void {
  if (error instanceof CugruError) {
    process.stderr.write(`cugru: ${error.message} (${error.code})\n`);
  } else if (error instanceof Error && error.name === 'AbortError') {
    process.stderr.write('cugru: interrupted\n');
  } else {
    process.stderr.write(`cugru: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  process.exitCode = 1;
}
