/** The program, run as people run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

const main = resolve('dist/lib/cli/main.js');

/** How a run ended, and what it printed. */
export interface Run {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link cugru}. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The environment that `env` is added to; default: this process's. */
  readonly base?: Readonly<NodeJS.ProcessEnv>;
  readonly cwd?: string;
  /** Arguments for Node itself, to run something else than the command line. */
  readonly node?: readonly string[];
  /** Called with the process when it has started, to listen and to interfere. */
  readonly during?: (child: ChildProcess) => void;
}

/** Runs `cugru` with arguments to its end. */
export function cugru(
  args: readonly string[],
  { env = {}, base = process.env, cwd, node, during }: RunOptions = {},
): Promise<Run> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, node === undefined ? [main, ...args] : [...node], {
      cwd: cwd ?? process.cwd(),
      env: { ...base, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (data: string) => {
        text[stream] += data;
      });
    }
    child.on('error', failed).on('close', (status, signal) => done({ status, signal, ...text }));
    during?.(child);
  });
}

/** The JSON object of the last line of stdout. */
export function lastLine(run: Run): Record<string, unknown> {
  return JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}
