/** A search for NVIDIA's libraries in a process of its own, with an environment of its own. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { CudaVerdict } from '../../lib/cuda/index.js';
import type { CudaLibrary } from '../../lib/native.js';

/** What a search found. */
export interface Found {
  readonly verdict: CudaVerdict;
  library(name: CudaLibrary['name']): CudaLibrary;
}

/** Nothing of this host but what Node needs: what it has of NVIDIA's must not be found. */
export function isolated(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = ['PATH', 'CUGRU_ADDON_PATH', 'LD_PRELOAD', 'ASAN_OPTIONS'];
  const own = kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] as string]]));
  return { ...Object.fromEntries(own), HOME: '/nonexistent', ...extra };
}

const probe = resolve('dist/lib/cuda/index.js');

/** Runs the search; the keys of `env` are all of the environment that points anywhere. */
export function search(env: Readonly<Record<string, string>>, ordinal = 0): Promise<Found> {
  const script = `import(${JSON.stringify(probe)}).then((m) => console.log(JSON.stringify(m.cudaVerdict(${ordinal}))))`;
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, ['-e', script], { env: isolated(env), stdio: ['ignore', 'pipe', 'pipe'] });
    const text = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (data: string) => {
        text[stream] += data;
      });
    }
    child.on('error', failed).on('close', (status, signal) => {
      if (status !== 0) return failed(new Error(`the search ended with ${status ?? signal}: ${text.stderr}`));
      const verdict = JSON.parse(text.stdout) as CudaVerdict;
      const library = (name: CudaLibrary['name']): CudaLibrary => {
        const found = verdict.report?.libraries.find((one) => one.name === name);
        if (found === undefined) throw new Error(`the report has no ${name}: ${text.stdout}`);
        return found;
      };
      done({ verdict, library });
    });
  });
}
