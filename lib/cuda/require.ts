/** What stands between `device: 'cuda'` and a session. */
import { CugruError } from '../errors.js';
import { cudaVerdict } from './probe.js';
import { describeVerdict } from './words.js';

/**
 * Why a GPU that works is not used: this version finds GPUs and has no backend for them. When it gets one, this goes, and the two
 * places that say it.
 */
export const noBackend = 'this version of cugru has no CUDA backend yet';

/**
 * Refuses a GPU that cannot be had, with the whole report.
 * @param device - 'cuda' or 'cuda:N'
 * @throws {@link CugruError} `ERR_CUDA_UNAVAILABLE`; `details.verdict` is the verdict.
 */
export function requireCuda(device: string): void {
  const verdict = cudaVerdict(Number(device.split(':')[1] ?? 0));
  const refuse = (why: string): never => {
    const lines = describeVerdict(verdict).map((line) => `\n  ${line}`);
    throw new CugruError('ERR_CUDA_UNAVAILABLE', `'${device}' ${why}${lines.join('')}`, { device, verdict });
  };
  if (!verdict.usable) refuse('cannot be used:');
  refuse(`could be used, but ${noBackend}; use 'cpu'. Found:`);
}
