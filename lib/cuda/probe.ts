/**
 * Asks for a GPU in a child process: a broken driver or library can hang a process or end it, and must not take this one along.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type CudaReport, native } from '../native.js';

/** Whether device `ordinal` can be used, and all that was found out on the way. */
export interface CudaVerdict {
  readonly usable: boolean;
  /** None when the check itself did not end. */
  readonly report: CudaReport | undefined;
  /** How the check failed, when it did: a crash, a time-out. */
  readonly failure: { readonly what: string; readonly advice: string } | undefined;
}

const defaultTimeout = 60_000;
const verdicts = new Map<number, CudaVerdict>();

function timeout(): number {
  const seconds = Number(process.env['CUGRU_CUDA_PROBE_TIMEOUT'] ?? '');
  return seconds > 0 && seconds <= 3600 ? seconds * 1000 : defaultTimeout;
}

function failed(what: string, advice: string): CudaVerdict {
  return { usable: false, report: undefined, failure: { what, advice } };
}

function lastStep(lines: readonly string[]): string {
  const step = lines.at(-1);
  return step === undefined ? 'before it began' : `while ${step}`;
}

// The environment without what would make of the child another program: options of Node's, and Electron's own main.
function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...rest } = process.env;
  return { ...rest, ELECTRON_RUN_AS_NODE: '1' };
}

function askChild(ordinal: number): CudaVerdict {
  const script = fileURLToPath(new URL('./child.js', import.meta.url));
  const milliseconds = timeout();
  let child: SpawnSyncReturns<Buffer>;
  try {
    child = spawnSync(process.execPath, [script, String(ordinal)], {
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      timeout: milliseconds,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
  } catch (error) {
    return notStarted(error);
  }
  return verdictOf(child, milliseconds);
}

function notStarted(error: unknown): CudaVerdict {
  return failed(
    `the check for a GPU could not run in a process of its own: ${error instanceof Error ? error.message : String(error)}`,
    'CUGRU_CUDA_PROBE=skip checks in this process instead',
  );
}

function verdictOf(child: SpawnSyncReturns<Buffer>, milliseconds: number): CudaVerdict {
  const lines = String(child.output?.[3] ?? '')
    .split('\n')
    .filter((line) => line !== '');
  const answer = lines.at(-1);
  if (answer?.startsWith('{')) {
    const report = JSON.parse(answer) as CudaReport;
    return { usable: report.usable, report, failure: undefined };
  }
  const where = lastStep(lines);
  if (child.error !== undefined && (child.error as NodeJS.ErrnoException).code === 'ETIMEDOUT') {
    return failed(
      `the check for a GPU did not end within ${milliseconds / 1000} s, ${where}`,
      'CUGRU_CUDA_PROBE_TIMEOUT gives it more seconds; if it hangs again, the library or driver named is at fault',
    );
  }
  if (child.error !== undefined) return notStarted(child.error);
  const end = child.signal === null ? `with status ${child.status}` : `by ${child.signal}`;
  const words = String(child.stderr).trim().split('\n').slice(-3).join(' ').slice(0, 500);
  return failed(
    `the check for a GPU was ended ${end}, ${where}${words === '' ? '' : `: ${words}`}`,
    'the library or driver named is at fault: reinstall it, or put a good one before it with CUGRU_CUDA_PATH',
  );
}

function askHere(ordinal: number): CudaVerdict {
  const report = native().cudaReport({ ordinal });
  return { usable: report.usable, report, failure: undefined };
}

/**
 * Whether a GPU can be used. The first call for an `ordinal` takes seconds where there is one, and blocks; its verdict is kept
 * for the life of the process. With `CUGRU_CUDA_PROBE=skip` the child process is left out and this process looks for itself.
 * @throws {@link CugruError} `ERR_NATIVE_LOAD` when there is no addon to ask.
 */
export function cudaVerdict(ordinal = 0): CudaVerdict {
  const known = verdicts.get(ordinal);
  if (known !== undefined) return known;
  native();
  const verdict = process.env['CUGRU_CUDA_PROBE'] === 'skip' ? askHere(ordinal) : askChild(ordinal);
  verdicts.set(ordinal, verdict);
  return verdict;
}
