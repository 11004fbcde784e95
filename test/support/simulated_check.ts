/** Runs build/simulated/sim_check: the simulated device's own cases, each in a process of its own. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where scripts/build-simulated.mjs puts the libraries. */
export const simulatedFolder = join('build', 'simulated');

const program = join(simulatedFolder, 'sim_check');
if (!existsSync(program)) throw new Error(`${program} is missing: run node scripts/build-simulated.mjs`);

/** What a process ended with. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** Runs sim_check, with the simulated device as the only GPU and with settings (CUGRU_SIMULATED_…) of the test's own. */
export function simCheck(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    CUGRU_CUDA_PATH: simulatedFolder,
    CUGRU_SIMULATED_KERNELS: join(simulatedFolder, 'libcheck_kernels.so'),
    ...settings,
  };
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { env, timeout: 60_000 }, (_error, _stdout, stderr) => {
      resolve({ status: child.exitCode, signal: child.signalCode, stderr });
    });
  });
}

/** The cases that sim_check has: a group and what each says. */
export function simCases(): { readonly group: string; readonly title: string }[] {
  return execFileSync(program, { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [group = '', title = ''] = line.split('\t');
      return { group, title };
    });
}
