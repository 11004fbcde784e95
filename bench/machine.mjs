// The machine that a result comes from.
import { cpus, totalmem } from 'node:os';
import { native } from '../dist/lib/native.js';

export function machine() {
  const { isa, threads, compiler } = native().processInfo();
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    isa,
    threads,
    compiler,
  };
}
