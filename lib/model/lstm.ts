/** The LSTM on its own. */
import {
  type RecurrentBackwardOptions,
  type RecurrentForwardOptions,
  type RecurrentGradients,
  RecurrentModule,
  type RecurrentModuleOptions,
  type RecurrentOutput,
} from './recurrent.js';
import type { Tensor } from './tensor.js';

/** Options of {@link LSTM}, as PyTorch names them. */
export interface LSTMOptions extends RecurrentModuleOptions {}

/** What {@link LSTM.forward} takes besides the input. */
export interface LSTMForwardOptions extends RecurrentForwardOptions {
  /** First cell states `[numLayers * directions, batch, hiddenSize]`; zeros by default. */
  readonly c0?: Tensor;
}

/** What {@link LSTM.forward} gives. */
export interface LSTMOutput extends RecurrentOutput {
  /** Final cell states, as `hN`. */
  readonly cN: Tensor;
}

/** What {@link LSTM.backward} takes: gradients of a loss with respect to the last forward's results; zero by default. */
export interface LSTMBackwardOptions extends RecurrentBackwardOptions {
  readonly cN?: Tensor;
}

/** What {@link LSTM.backward} gives. */
export interface LSTMGradients extends RecurrentGradients {
  /** As `c0`, when the forward had one. */
  readonly c0: Tensor | undefined;
}

/** Both states of an LSTM, each `[numLayers * directions, batch, hiddenSize]`. */
export interface LSTMStates {
  readonly h: Tensor;
  readonly c: Tensor;
}

/**
 * An LSTM stack on its own: `forward`, `backward`, `stateDict`, and steps. Names, shapes and equations are those of PyTorch's
 * `nn.LSTM(batch_first=True)` (see {@link layers.lstm}); first weights are uniform in ±1/sqrt(hiddenSize), all biases too.
 *
 * Calls are queued and run one after the other on a native thread.
 */
export class LSTM extends RecurrentModule {
  /** @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_CUDA_UNAVAILABLE`. */
  constructor(options: LSTMOptions) {
    super({ name: 'LSTM', cell: 'lstm' }, options);
  }

  /**
   * Runs the whole stack over a batch.
   * @param x - `[batch, steps, inputSize]`
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_RANGE` (lengths), `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  async forward(x: Tensor, options: LSTMForwardOptions = {}): Promise<LSTMOutput> {
    const { output, hN, cN } = await this.runForward(x, options);
    return { output, hN, cN: cN as Tensor };
  }

  /**
   * Gradients of the last forward with `training: true`. May be called once for each.
   * @throws {@link CugruError} `ERR_STATE` without such a forward, `ERR_SHAPE`.
   */
  backward(gradients: LSTMBackwardOptions): Promise<LSTMGradients> {
    return this.runBackward(gradients);
  }

  /**
   * One time step of a batch.
   * @param x - `[batch, inputSize]`
   * @param states - states before; zeros by default.
   * @returns the states after. For one row at a time, {@link LSTM.stream} is faster.
   */
  async step(x: Tensor, states?: LSTMStates): Promise<LSTMStates> {
    const { hN, cN } = await this.forward(this.oneStep(x), states === undefined ? {} : { h0: states.h, c0: states.c });
    return { h: hN, c: cN };
  }
}
