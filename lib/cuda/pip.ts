/** The host's own pip. */
import { type ChildProcess, spawn } from 'node:child_process';
import { CugruError } from '../errors.js';

/** Is given what a program prints, as it comes. */
export type Output = (text: string) => void;

type Failure = (message: string, details?: Readonly<Record<string, unknown>>) => CugruError;

interface End {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it printed. */
  readonly tail: string;
}

type Environment = Readonly<Record<string, string>>;

function run(
  command: readonly string[],
  extra: Environment,
  onOutput: Output,
  onStart: (child: ChildProcess) => void,
): Promise<End> {
  const [program = '', ...args] = command;
  // --user, as some hosts have it in their settings, cannot go with --target.
  const env = { ...process.env, PIP_USER: '0', ...extra };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        tail = (tail + text).slice(-4000);
        onOutput(text);
      });
    }
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, tail }));
    onStart(child);
  });
}

// Without this, SIGINT would end this process before it could tidy up.
async function interruptibly(body: (stop: (child: ChildProcess) => void) => Promise<End>): Promise<End> {
  let child: ChildProcess | undefined;
  let interrupted: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    interrupted = signal;
    child?.kill(signal);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const end = await body((started) => {
      child = started;
    });
    if (interrupted !== undefined) {
      throw new CugruError('ERR_ABORTED', `the installation was ended by ${interrupted}; nothing was changed`);
    }
    return end;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function expectPip(python: string, failure: Failure): Promise<void> {
  const end = await run(
    [python, '-m', 'pip', '--version'],
    {},
    () => {},
    () => {},
  ).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EACCES') throw error;
    throw failure(`${python} was not found; install Python 3 with pip (Debian: apt install python3-pip)`);
  });
  if (end.status === 0) return;
  throw failure(`${python} has no pip; install it (Debian: apt install python3-pip)`, { output: end.tail });
}

/** Runs `python3 -m pip ...` to its end; `failure` makes the error of what goes wrong. */
export async function runPip(
  command: readonly string[],
  environment: Environment,
  onOutput: Output,
  failure: Failure,
): Promise<void> {
  await expectPip(command[0] ?? 'python3', failure);
  const { status, signal, tail } = await interruptibly((started) => run(command, environment, onOutput, started));
  if (status === 0) return;
  const lines = tail.split('\n').filter((line) => line.trim() !== '');
  const reason = lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? 'it printed nothing';
  throw failure(`pip failed (${signal ?? `status ${status}`}): ${reason.trim()}`, { output: tail });
}
