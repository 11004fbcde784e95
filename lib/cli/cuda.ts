/** `cugru cuda install`: NVIDIA's libraries for this user. */
import { type CudaMajor, cudaVerdict, type InstallPlan, installCuda, planInstall } from '../cuda/index.js';
import { printResult } from './options.js';

/** Options of `cugru cuda install`. */
export interface CudaInstallOptions {
  readonly cuda?: CudaMajor;
  readonly dir?: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

// What the driver runs; without one 12, which every driver since 525 runs.
function suitableCuda(): CudaMajor {
  const driver = cudaVerdict().report?.libraries.find(({ name }) => name === 'driver');
  return (driver?.cudaMajor ?? 0) >= 13 ? 13 : 12;
}

function useLine(plan: InstallPlan): string {
  return plan.environment === undefined
    ? 'cugru finds it there; see `cugru doctor`'
    : `let cugru find it there: export CUGRU_CUDA_PATH=${plan.environment}`;
}

/** Installs, or tells what it would do. */
export async function cudaInstallCommand(options: CudaInstallOptions): Promise<void> {
  const plan = planInstall({ cuda: options.cuda ?? suitableCuda(), dir: options.dir });
  if (options.dryRun) {
    const lines = [
      `CUDA ${plan.cuda}: ${plan.packages.join(', ')}`,
      `into ${plan.directory}`,
      `by   ${plan.command.join(' ')}`,
      'and a rename when all is there; nothing was done',
    ];
    printResult(options.json, { dryRun: true, ...plan }, lines.join('\n'));
    return;
  }
  process.stderr.write(`cugru: ${plan.packages.join(', ')} into ${plan.directory}\n`);
  const { versions } = await installCuda(plan, (text) => process.stderr.write(text));
  const text = [`installed in ${plan.directory}: ${versions.join(', ')}`, useLine(plan)].join('\n');
  printResult(options.json, { dryRun: false, ...plan, versions }, text);
}
