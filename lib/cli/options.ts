/** Option values from the command line, checked. */
import { CommanderError, InvalidArgumentError } from 'commander';
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

/** A parser of shares: numbers above 0 and below 1. */
export function shareOption(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < 1)) {
    throw new InvalidArgumentError('It must be a number above 0 and below 1.');
  }
  return value;
}

/** A parser of sizes, `64` or `64x48`, in the order of `form`: across, then down. It gives them as images have them: down, across. */
export function pairOption(max: number, form: string): (text: string) => readonly [number, number] {
  return (text) => {
    const sides = text.split('x').map((side) => (/^\d+$/.test(side) ? Number(side) : Number.NaN));
    const [across = Number.NaN, down = across] = sides;
    if (sides.length > 2 || ![across, down].every((side) => side >= 1 && side <= max)) {
      throw new InvalidArgumentError(`It must be a number from 1 to ${max}, or ${form}.`);
    }
    return [down, across];
  };
}

/** Applies `--threads`. */
export function applyThreads(threads: number | undefined): void {
  if (threads !== undefined) setNumThreads(threads);
}

/** The result on stdout: one line of JSON, or text. */
export function printResult(json: boolean, result: unknown, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}

function messageOf(error: unknown): string {
  if (error instanceof CugruError) return `${error.message} (${error.code})`;
  if (!(error instanceof Error)) return String(error);
  // Those of the system (a full disk, a folder without permission) say what is wrong; all others are bugs.
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}

/**
 * Sets the exit status (1 failed, 2 wrong usage, 130 interrupted), and says why on stderr: the message with its code, and a
 * stack for bugs only.
 */
export function reportFailure(error: unknown): void {
  if (error instanceof CommanderError) {
    // It has printed what there is to say; --help and --version end here as well, with status 0.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  process.stderr.write(`cugru: ${messageOf(error)}\n`);
  process.exitCode = error instanceof CugruError && error.code === 'ERR_ABORTED' ? 130 : 1;
}

/** A reader that has gone (`| head`) is no failure: what it does not want is dropped, and the work goes on. */
export function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
