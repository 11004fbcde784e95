/** Half precision on the simulated device, which rounds as its types do: how near it comes to float32, and what is refused. */
import '../support/cuda_simulated.js';
import test, { type ExecutionContext } from 'ava';
import { GRU, layers, loadModel, type Precision, sequential } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { relativeError } from '../support/conformance_compare.js';
import { type Half, halves, limits, type ModuleCase, passOf } from '../support/precision_models.js';
import {
  bytesOf,
  classifier,
  dataOf,
  type Refusal,
  refuses,
  scratch,
  tensor,
  waves,
} from '../support/training_models.js';

const cases: readonly ModuleCase[] = [
  { name: 'a GRU', cell: 'gru', inputSize: 8, hiddenSize: 16 },
  { name: 'a GRU whose input is padded', cell: 'gru', inputSize: 5, hiddenSize: 12 },
  {
    name: 'a stack of GRUs in both directions',
    cell: 'gru',
    inputSize: 3,
    hiddenSize: 8,
    numLayers: 2,
    bidirectional: true,
  },
  { name: 'a GRU with first states', cell: 'gru', inputSize: 9, hiddenSize: 8, states: true },
  { name: 'a GRU with lengths that kernels cut off', cell: 'gru', inputSize: 4, hiddenSize: 8, lengths: [7, 2, 5, 1] },
  {
    name: 'a GRU with lengths that cuDNN is told',
    cell: 'gru',
    inputSize: 4,
    hiddenSize: 8,
    bidirectional: true,
    lengths: [3, 7, 1],
  },
  { name: 'an LSTM', cell: 'lstm', inputSize: 6, hiddenSize: 8, numLayers: 2, states: true },
  { name: 'an RNN with tanh', cell: 'rnn-tanh', inputSize: 6, hiddenSize: 8 },
  { name: 'an RNN with relu', cell: 'rnn-relu', inputSize: 6, hiddenSize: 8 },
];

// A unit of relu that is near to 0 may come to the other side of it, and its gradient goes or comes at once.
const limitFor = (c: ModuleCase, precision: Half): number => limits[precision].most * (c.cell === 'rnn-relu' ? 4 : 1);

for (const precision of halves) {
  for (const c of cases) {
    test.serial(`${c.name} in ${precision} is near to float32, and not the same`, async (t) => {
      const [there, here] = [await passOf(c, 'cpu'), await passOf(c, 'cuda', precision)];
      t.deepEqual([...here.keys()], [...there.keys()]);
      const { least } = limits[precision];
      const most = limitFor(c, precision);
      for (const [name, wanted] of there) {
        const error = relativeError(here.get(name) ?? new Float32Array(), wanted);
        t.true(error <= most, `${name}: ${error}`);
      }
      const weights = relativeError(
        here.get('weight_hh_l0') ?? new Float32Array(),
        there.get('weight_hh_l0') ?? new Float32Array(),
      );
      t.true(weights > least, `nothing was rounded: ${weights}`);
    });
  }

  test.serial(`a model trains in ${precision} as in float32, on weights that stay float32`, async (t) => {
    const train = async (device: 'cpu' | 'cuda', options: { readonly precision?: Precision }) => {
      const model = classifier({ device, ...options });
      const { epochs } = await model.fit(waves(30), { epochs: 4, batchSize: 8 });
      const weights = await model.getWeights();
      const kernels = (await model.summary()).layers.flatMap((layer) => layer.kernels);
      model.dispose();
      return { losses: Float32Array.from(epochs.map(({ loss }) => loss)), weights, kernels };
    };
    const [there, here] = [await train('cpu', {}), await train('cuda', { precision })];
    t.true(relativeError(here.losses, there.losses) < limits[precision].most);
    t.true((here.losses.at(-1) ?? 1) < 0.9 * (here.losses[0] ?? 0), 'it learns');
    const weight = dataOf(here.weights, 'gru_1.weight_hh_l0');
    const isNarrow = (x: number): boolean => (new Uint32Array(Float32Array.of(x).buffer)[0] ?? 0) % 2 ** 13 === 0;
    t.false(weight.every(isNarrow), 'more bits than a 16-bit number has');
    t.true(here.kernels.filter((kernel) => kernel.includes(precision)).length >= 2, here.kernels.join());
  });
}

test.serial('tf32 and fp32 may be named, and the CPU takes them', async (t) => {
  const x = { data: new Float32Array(6).fill(0.5), shape: [1, 2, 3] };
  const outputs = await Promise.all(
    (['cpu', 'cuda'] as const).flatMap((device) =>
      (['fp32', 'tf32'] as const).map(async (precision) => {
        const gru = new GRU({ inputSize: 3, hiddenSize: 4, device, precision });
        const { output } = await gru.forward(x);
        gru.dispose();
        return output.data;
      }),
    ),
  );
  for (const output of outputs) t.true(relativeError(output, outputs[0] ?? output) < 1e-5);
});

test('half precision on the CPU, and words that are none, are refused', async (t) => {
  const stack = () => [layers.gru({ units: 4 }), layers.dense({ units: 2 })];
  const folder = await scratch(t);
  const model = sequential(stack(), { inputShape: [4, 3] });
  await model.save(`${folder}/model`);
  model.dispose();
  const precision = 'fp8' as Precision;
  await refuses(t, [
    [
      'a model',
      () => sequential(stack(), { inputShape: [4, 3], precision: 'bf16' }),
      'ERR_UNSUPPORTED',
      /the CPU computes in float32; precision 'bf16' needs device 'cuda'/,
    ],
    [
      'a GRU',
      () => new GRU({ inputSize: 3, hiddenSize: 4, device: 'cpu', precision: 'fp16' }),
      'ERR_UNSUPPORTED',
      /precision 'fp16' needs device 'cuda'/,
    ],
    ['a file', () => loadModel(`${folder}/model`, { precision: 'fp16' }), 'ERR_UNSUPPORTED', /needs device 'cuda'/],
    [
      'a word',
      () => sequential(stack(), { inputShape: [4, 3], precision }),
      'ERR_VALUE',
      /precision must be one of .*fp32.*got 'fp8'/,
    ],
  ]);
});

for (const precision of halves) {
  test.serial(`what lies behind a row's end is not read in ${precision}, be it NaN`, async (t) => {
    const [steps, features] = [5, 4];
    const lengths = Int32Array.from([2, 5, 1]);
    const valid = tensor([3, steps, features], 2);
    const passWith = async (behind: number) => {
      const gru = new GRU({ inputSize: features, hiddenSize: 8, device: 'cuda', precision, seed: 3 });
      const isValid = (i: number) =>
        Math.floor(i / features) % steps < (lengths[Math.floor(i / features / steps)] ?? 0);
      const x = { ...valid, data: valid.data.map((value, i) => (isValid(i) ? value : behind)) };
      const { output } = await gru.forward(x, { lengths, training: true });
      const { input, parameters } = await gru.backward({ output: tensor([3, steps, 8], 7) });
      gru.dispose();
      return [output, input, ...Object.values(parameters)].map(({ data }) => bytesOf(data));
    };
    t.deepEqual(await passWith(Number.NaN), await passWith(0));
  });

  test.serial(`convolutions and cells that cuDNN has not are refused in ${precision}, by name`, async (t) => {
    const summary =
      (first: readonly layers.AnyLayer[], inputShape: readonly number[], wanted: Precision) => async () => {
        const model = sequential([...first, layers.dense({ units: 2 })], {
          inputShape,
          device: 'cuda',
          precision: wanted,
        });
        try {
          return String(await model.summary());
        } finally {
          model.dispose();
        }
      };
    const convolution = [layers.conv2d({ filters: 2, kernelSize: 3 }), layers.flatten()];
    const cells = [
      [layers.gru({ units: 4, resetAfter: false }), 'gru-reset-before'],
      [layers.leakyCifg({ units: 4 }), 'leaky-cifg'],
    ] as const;
    const words = (what: string) =>
      new RegExp(`the precision '${precision}' is not there for ${what}; use 'tf32' or 'fp32'`);
    await refuses(t, [
      ['a convolution', summary(convolution, [6, 6, 1], precision), 'ERR_UNSUPPORTED', words('convolution')],
      ...cells.map(
        ([layer, name]): Refusal => [
          name,
          summary([layer], [4, 3], precision),
          'ERR_UNSUPPORTED',
          words(`the cell ${name}`),
        ],
      ),
    ]);
    t.regex(await summary(convolution, [6, 6, 1], 'fp32')(), /cuda cudnn/);
    for (const [layer, name] of cells) t.true((await summary([layer], [4, 3], 'fp32')()).includes(name));
  });
}

/** Tries to make a GRU or a dense layer in bf16 through the native door. */
async function attempt(t: ExecutionContext, op: 'rnn' | 'dense', environment: Record<string, string>) {
  Object.assign(process.env, environment);
  t.teardown(() => {
    for (const name of Object.keys(environment)) delete process.env[name];
  });
  const session = native().createSession({ device: 'cuda' });
  t.teardown(() => native().closeSession(session));
  const attrs = { precision: 'bf16', ...(op === 'rnn' ? { cell: 'gru', units: 4 } : { units: 12 }) };
  const params = [
    { name: 'weight_ih_l0', shape: [12, 3] },
    { name: 'weight_hh_l0', shape: [12, 4] },
    { name: 'bias_ih_l0', shape: [12] },
    { name: 'bias_hh_l0', shape: [12] },
  ];
  const shown =
    op === 'rnn'
      ? params
      : [
          { name: 'weight', shape: [12, 3] },
          { name: 'bias', shape: [12] },
        ];
  await native().createStore(session, [{ name: 'layer', op, attrs, params: shown }]);
}

test.serial('bf16 on a GPU that is too old is refused with its name', async (t) => {
  for (const op of ['rnn', 'dense'] as const) {
    await t.throwsAsync(attempt(t, op, { CUGRU_SIMULATED_CAPABILITY: '7.5' }), {
      code: 'ERR_UNSUPPORTED',
      message: /group 'layer': bf16 needs a GPU of compute capability 8\.0 or newer, and .+ has 7\.5; use 'fp16'/,
    });
  }
});

test.serial('bf16 with a cuDNN that is too old is refused with its version, for recurrent layers alone', async (t) => {
  await t.throwsAsync(attempt(t, 'rnn', { CUGRU_SIMULATED_CUDNN: '91200' }), {
    code: 'ERR_UNSUPPORTED',
    message: /bf16 in recurrent layers needs cuDNN 9\.13 or newer, and this is cuDNN 9\./,
  });
  await t.notThrowsAsync(attempt(t, 'dense', { CUGRU_SIMULATED_CUDNN: '91200' }));
});

test.serial('the environment names a precision for those that name none', async (t) => {
  const before = process.env['CUGRU_CUDA_PRECISION'];
  process.env['CUGRU_CUDA_PRECISION'] = 'bf16';
  t.teardown(() => {
    process.env['CUGRU_CUDA_PRECISION'] = before;
  });
  const kernels = async (options: { readonly precision?: Precision }) => {
    const model = classifier({ device: 'cuda', ...options });
    const { layers: all } = await model.summary();
    model.dispose();
    return all.flatMap((layer) => layer.kernels).join();
  };
  t.regex(await kernels({}), /bf16/);
  t.notRegex(await kernels({ precision: 'fp32' }), /bf16/);
});
