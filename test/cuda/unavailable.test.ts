/** What a host lacks for a GPU: an error with a code that says what and what to do, and the same process goes on with the CPU. */
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isolated } from '../support/cuda_driver_search.js';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';
import { simulatedFolder } from '../support/simulated_check.js';

/** Something that is not as it must be. */
interface Lack {
  readonly title: string;
  /** Libraries of the simulated device that this host has not. */
  readonly without?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly what: RegExp;
  readonly advice: RegExp;
}

const lacks: readonly Lack[] = [
  {
    title: 'no driver',
    without: ['libcuda.so.1'],
    what: /NVIDIA's driver \(libcuda\.so\.1\) was not found/,
    advice: /driver/,
  },
  {
    title: 'a driver without a device',
    env: { CUGRU_SIMULATED_DEVICES: '0' },
    what: /the driver does not start: CUDA_ERROR_NO_DEVICE/,
    advice: /no GPU is visible: see `nvidia-smi`/,
  },
  {
    title: 'CUDA_VISIBLE_DEVICES that is empty',
    env: { CUDA_VISIBLE_DEVICES: '' },
    what: /the driver does not start: CUDA_ERROR_NO_DEVICE/,
    advice: /CUDA_VISIBLE_DEVICES is set/,
  },
  {
    title: "the toolkit's stub in the driver's place",
    env: { CUGRU_SIMULATED_INIT_ERROR: '34' },
    what: /the driver does not start: CUDA_ERROR_STUB_LIBRARY/,
    advice: /this is the toolkit's stub; install the driver/,
  },
  {
    title: 'no cuDNN',
    without: ['libcudnn.so.9'],
    what: /cuDNN \(libcudnn\.so\.9\) was not found/,
    advice: /`cugru cuda install/,
  },
  {
    title: 'a cuDNN that is too old',
    env: { CUGRU_SIMULATED_CUDNN: '8401' },
    what: /libcudnn\.so\.9: cuDNN 8\.4\.1 is older than 8\.9/,
    advice: /`cugru cuda install/,
  },
  ...['graph', 'ops', 'adv'].map((part) => ({
    title: `a cuDNN without its part ${part}`,
    without: [`libcudnn_${part}.so.9`],
    what: new RegExp(`libcudnn_${part}\\.so\\.9 is not beside it`),
    advice: /`cugru cuda install/,
  })),
  {
    title: "a cuDNN with parts of another one's",
    env: { CUGRU_SIMULATED_CUDNN_PARTS: '91800' },
    what: /cuDNN does not start: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, the parts are of 91800/,
    advice: /one package/,
  },
  ...['libcublasLt', 'libnvrtc'].flatMap((name) => [
    {
      title: `no ${name}`,
      without: [`${name}.so.12`, `${name}.so.13`],
      what: new RegExp(`${name}\\.so\\.13 was not found`),
      advice: /`cugru cuda install --cuda 13`/,
    },
    {
      title: `a ${name} of another CUDA only`,
      without: [`${name}.so.13`],
      what: new RegExp(`${name}\\.so\\.13 was not found, and cuDNN is for that CUDA`),
      advice: /`cugru cuda install --cuda 13`/,
    },
  ]),
  {
    title: 'a driver that is older than the libraries',
    env: { CUGRU_SIMULATED_DRIVER: '12' },
    what: /it is for CUDA 13, and the driver runs CUDA 12 at most/,
    advice: /580 or newer/,
  },
];

/** A folder with the simulated device, but for some of its libraries. */
function host(t: ExecutionContext, without: readonly string[]): string {
  const folder = join(scratch(t), 'host');
  mkdirSync(folder);
  for (const name of readdirSync(simulatedFolder)) {
    if (name.includes('.so') && !without.includes(name))
      symlinkSync(resolve(simulatedFolder, name), join(folder, name));
  }
  return folder;
}

// Asks for a GPU, and then trains on the CPU, in one process.
const program = `
  const { sequential, layers, datasets } = await import(${JSON.stringify(resolve('dist/lib/index.js'))});
  const fit = async (device) => {
    const model = sequential([layers.gru({ units: 4 }), layers.dense({ units: 2, activation: 'softmax' })],
      { inputShape: [4, 3], seed: 1, device });
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    const inputs = Float32Array.from({ length: 6 * 12 }, (_, i) => Math.sin(i));
    const data = datasets.fromArrays({ inputs, shape: [4, 3], labels: Int32Array.from([0, 1, 0, 1, 0, 1]), classes: 2 });
    const { epochs } = await model.fit(data, { epochs: 1, batchSize: 4 });
    model.dispose();
    return epochs[0].loss;
  };
  const told = await fit('cuda').then((loss) => ({ loss }), ({ name, code, message }) =>
    ({ name, code, message }));
  console.log(JSON.stringify({ told, loss: await fit('cpu') }));`;

interface Told {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly loss?: number;
}

async function ask(folder: string, env: Readonly<Record<string, string>>): Promise<{ told: Told; loss: number }> {
  const run = await cugru([], {
    env: { CUGRU_CUDA_PATH: folder, CUGRU_CUDA_PRECISION: 'fp32', XDG_CACHE_HOME: join(folder, 'cache'), ...env },
    base: isolated(),
    node: ['--input-type=module', '-e', program],
  });
  if (run.status !== 0) throw new Error(`ended with ${run.status ?? run.signal}: ${run.stderr}`);
  return lastLine(run) as unknown as { told: Told; loss: number };
}

test('a host that lacks nothing trains on its GPU, as it does on the CPU', async (t) => {
  const { told, loss } = await ask(host(t, []), {});
  t.is(told.code, undefined, told.message);
  t.true(Math.abs((told.loss ?? Number.NaN) - loss) < 1e-6);
});

for (const { title, without = [], env = {}, what, advice } of lacks) {
  test(`${title} is told`, async (t) => {
    const { told, loss } = await ask(host(t, without), env);
    t.like(told, { name: 'CugruError', code: 'ERR_CUDA_UNAVAILABLE' }, JSON.stringify(told));
    const message = told.message ?? '';
    t.true(message.startsWith("'cuda' cannot be used:\n  - "));
    t.regex(message, what);
    t.true(advice.test(/what to do: .*/.exec(message)?.[0] ?? ''), message);
    t.true(loss > 0.5 && loss < 1, 'the CPU trains');
  });
}
