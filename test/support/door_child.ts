/** Child processes for what might crash, hang or exit: there it is a failed test and not the end of the runner. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a child process ended. */
export interface ChildResult {
  readonly code: number | null;
  /** Set when it crashed, or ran out of time (SIGKILL). */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/** Options of {@link runChild}. */
export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** @defaultValue 60 seconds */
  readonly timeout?: number;
}

/** Runs `test/native/<name>` with arguments, with `gc()` at hand. Never rejects. */
export function runChild(name: string, args: readonly string[] = [], options: ChildOptions = {}): Promise<ChildResult> {
  const file = fileURLToPath(new URL(`../native/${name}.js`, import.meta.url));
  const begin = performance.now();
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--expose-gc', file, ...args],
      {
        env: { ...process.env, ...options.env },
        timeout: options.timeout ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: 2 ** 24,
      },
      (_error, stdout, stderr) => {
        const { exitCode: code, signalCode: signal } = child;
        resolve({ code, signal, stdout, stderr, milliseconds: performance.now() - begin });
      },
    );
  });
}

/** What to say when a child did not end well. */
export function describeChild({ code, signal, stdout, stderr }: ChildResult): string {
  return `code ${code}, signal ${signal}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`;
}
