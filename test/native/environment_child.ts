// Prints what a process with this environment computes with, or the error. Argument: threads to set, or none.
import { CugruError } from '../../lib/errors.js';
import { getNumThreads, setNumThreads } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { smallDataset, smallModel } from '../support/door_models.js';

async function main(): Promise<unknown> {
  const [threads] = process.argv.slice(2);
  if (threads !== undefined) setNumThreads(Number(threads));
  const model = smallModel();
  const { epochs } = await model.fit(smallDataset(), { epochs: 3 });
  const { isa, processors } = native().processInfo();
  return { threads: getNumThreads(), isa, processors, loss: epochs.at(-1)?.loss };
}

const result = await main().catch((error: unknown) => {
  if (!(error instanceof CugruError)) throw error;
  return { code: error.code, message: error.message, tried: error.details['tried'] };
});
process.stdout.write(JSON.stringify(result));
