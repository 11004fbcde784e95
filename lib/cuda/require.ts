/** What stands between `device: 'cuda'` and a session. */
import { CugruError } from '../errors.js';
import { cudaVerdict } from './probe.js';
import { describeVerdict } from './words.js';

/**
 * Refuses a GPU that cannot be had, with the whole report.
 * @param device - 'cuda' or 'cuda:N'
 * @throws {@link CugruError} `ERR_CUDA_UNAVAILABLE`; `details.verdict` is the verdict.
 */
export function requireCuda(device: string): void {
  const verdict = cudaVerdict(Number(device.split(':')[1] ?? 0));
  if (verdict.usable) return;
  const lines = describeVerdict(verdict).map((line) => `\n  ${line}`);
  throw new CugruError('ERR_CUDA_UNAVAILABLE', `'${device}' cannot be used:${lines.join('')}`, { device, verdict });
}
