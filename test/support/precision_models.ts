/** Recurrent modules and models in each precision, and how near to float32 they must be. */
import { GRU, LSTM, type Precision, RNN, type StateDict, type Tensor } from '../../lib/index.js';
import { tensor } from './training_models.js';

/** Those whose numbers have 16 bits. */
export const halves = ['bf16', 'fp16'] as const;
export type Half = (typeof halves)[number];

/**
 * Distances to float32, relative to the largest number of an array: bfloat16 has 8 bits and float16 has 11, so that one rounding costs up
 * to 2^-9 and 2^-12; a few dozen of them add up in the sequences of these tests. `least` is what rounding must show at least.
 */
export const limits: Readonly<Record<Half, { readonly most: number; readonly least: number }>> = {
  bf16: { most: 0.04, least: 1e-4 },
  fp16: { most: 0.005, least: 1e-5 },
};

export interface ModuleCase {
  readonly name: string;
  readonly cell: 'gru' | 'lstm' | 'rnn-tanh' | 'rnn-relu';
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers?: number;
  readonly bidirectional?: boolean;
  readonly lengths?: readonly number[];
  readonly states?: boolean;
}

/** A module of a case, with the same first weights on each device. */
export function moduleOf(c: ModuleCase, device: 'cpu' | 'cuda', precision?: Precision) {
  const { inputSize, hiddenSize, numLayers = 1, bidirectional = false } = c;
  const options = {
    ...{ inputSize, hiddenSize, numLayers, bidirectional, device, seed: 3 },
    ...(precision === undefined ? {} : { precision }),
  };
  if (c.cell === 'gru') return new GRU(options);
  if (c.cell === 'lstm') return new LSTM(options);
  return new RNN({ ...options, nonlinearity: c.cell === 'rnn-relu' ? 'relu' : 'tanh' });
}

/** Everything that a training forward and its backward give, by name. */
export async function passOf(
  c: ModuleCase,
  device: 'cpu' | 'cuda',
  precision?: Precision,
): Promise<Map<string, Float32Array>> {
  const [batch, steps] = [c.lengths?.length ?? 3, 7];
  const module = moduleOf(c, device, precision);
  const directions = c.bidirectional === true ? 2 : 1;
  const state = [(c.numLayers ?? 1) * directions, batch, c.hiddenSize];
  const lstm = module instanceof LSTM;
  const given = c.states === true ? { h0: tensor(state, 5), ...(lstm ? { c0: tensor(state, 6) } : {}) } : {};
  const lengths = c.lengths === undefined ? {} : { lengths: Int32Array.from(c.lengths) };
  const x = tensor([batch, steps, c.inputSize], 4);
  const forward = await module.forward(x, { ...given, ...lengths, training: true });
  const seeds: { output: Tensor; hN?: Tensor; cN?: Tensor } = {
    output: tensor([batch, steps, directions * c.hiddenSize], 7),
  };
  if (c.states === true) seeds.hN = tensor(state, 8);
  if (c.states === true && lstm) seeds.cN = tensor(state, 9);
  const gradients = await module.backward(seeds);
  module.dispose();
  const all: Record<string, Tensor | undefined> & StateDict = {
    output: forward.output,
    hN: forward.hN,
    input: gradients.input,
    ...gradients.parameters,
  };
  if (gradients.h0 !== undefined) all['h0'] = gradients.h0;
  return new Map(Object.entries(all).map(([name, { data }]) => [name, data]));
}
