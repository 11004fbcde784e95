/** The plain recurrent network on its own. */
import { expectOneOf } from '../checks.js';
import {
  type RecurrentBackwardOptions,
  type RecurrentForwardOptions,
  type RecurrentGradients,
  RecurrentModule,
  type RecurrentModuleOptions,
  type RecurrentOutput,
} from './recurrent.js';
import type { Tensor } from './tensor.js';

/** Options of {@link RNN}, as PyTorch names them. */
export interface RNNOptions extends RecurrentModuleOptions {
  /** @defaultValue 'tanh' */
  readonly nonlinearity?: 'tanh' | 'relu';
}
/** What {@link RNN.forward} takes besides the input. */
export interface RNNForwardOptions extends RecurrentForwardOptions {}
/** What {@link RNN.forward} gives. */
export interface RNNOutput extends RecurrentOutput {}
/** What {@link RNN.backward} takes: gradients of a loss with respect to the last forward's results; zero by default. */
export interface RNNBackwardOptions extends RecurrentBackwardOptions {}
/** What {@link RNN.backward} gives. */
export interface RNNGradients extends RecurrentGradients {}

/**
 * A plain recurrent stack on its own: `forward`, `backward`, `stateDict`, and steps. Names, shapes and equations are those of
 * PyTorch's `nn.RNN(batch_first=True)` (see {@link layers.rnn}); first weights are uniform in ±1/sqrt(hiddenSize).
 *
 * Calls are queued and run one after the other on a native thread.
 */
export class RNN extends RecurrentModule {
  /** @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_CUDA_UNAVAILABLE`. */
  constructor(options: RNNOptions) {
    const nonlinearity = expectOneOf('nonlinearity', options?.nonlinearity ?? 'tanh', ['tanh', 'relu'] as const);
    super({ name: 'RNN', cell: `rnn-${nonlinearity}`, options: ['nonlinearity'] }, options);
  }

  /**
   * Runs the whole stack over a batch.
   * @param x - `[batch, steps, inputSize]`
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_RANGE` (lengths), `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  async forward(x: Tensor, options: RNNForwardOptions = {}): Promise<RNNOutput> {
    const { output, hN } = await this.runForward(x, options);
    return { output, hN };
  }

  /**
   * Gradients of the last forward with `training: true`. May be called once for each.
   * @throws {@link CugruError} `ERR_STATE` without such a forward, `ERR_SHAPE`.
   */
  async backward(gradients: RNNBackwardOptions): Promise<RNNGradients> {
    const { input, h0, parameters } = await this.runBackward(gradients);
    return { input, h0, parameters };
  }

  /**
   * One time step of a batch.
   * @param x - `[batch, inputSize]`
   * @param h - states before, `[numLayers * directions, batch, hiddenSize]`; zeros by default.
   * @returns the states after. For one row at a time, {@link RNN.stream} is faster.
   */
  async step(x: Tensor, h?: Tensor): Promise<Tensor> {
    return (await this.forward(this.oneStep(x), h === undefined ? {} : { h0: h })).hN;
  }
}
