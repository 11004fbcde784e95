/** The GRU on its own. */
import {
  type RecurrentBackwardOptions,
  type RecurrentForwardOptions,
  type RecurrentGradients,
  RecurrentModule,
  type RecurrentModuleOptions,
  type RecurrentOutput,
} from './recurrent.js';
import type { Tensor } from './tensor.js';

/** Options of {@link GRU}, as PyTorch names them. */
export interface GRUOptions extends RecurrentModuleOptions {}
/** What {@link GRU.forward} takes besides the input. */
export interface GRUForwardOptions extends RecurrentForwardOptions {}
/** What {@link GRU.forward} gives. */
export interface GRUOutput extends RecurrentOutput {}
/** What {@link GRU.backward} takes: gradients of a loss with respect to the last forward's results; zero by default. */
export interface GRUBackwardOptions extends RecurrentBackwardOptions {}
/** What {@link GRU.backward} gives. */
export interface GRUGradients extends RecurrentGradients {}

/**
 * A GRU stack on its own: `forward`, `backward`, `stateDict`, and steps. Names, shapes and equations are those of PyTorch's
 * `nn.GRU(batch_first=True)` (see {@link layers.gru}); first weights are uniform in ±1/sqrt(hiddenSize).
 *
 * Calls are queued and run one after the other on a native thread.
 */
export class GRU extends RecurrentModule {
  /** @throws {@link CugruError} `ERR_VALUE`, `ERR_TYPE`, `ERR_CUDA_UNAVAILABLE`. */
  constructor(options: GRUOptions) {
    super({ name: 'GRU', cell: 'gru' }, options);
  }

  /**
   * Runs the whole stack over a batch.
   * @param x - `[batch, steps, inputSize]`
   * @throws {@link CugruError} `ERR_SHAPE`, `ERR_RANGE` (lengths), `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
   */
  async forward(x: Tensor, options: GRUForwardOptions = {}): Promise<GRUOutput> {
    const { output, hN } = await this.runForward(x, options);
    return { output, hN };
  }

  /**
   * Gradients of the last forward with `training: true`. May be called once for each.
   * @throws {@link CugruError} `ERR_STATE` without such a forward, `ERR_SHAPE`.
   */
  async backward(gradients: GRUBackwardOptions): Promise<GRUGradients> {
    const { input, h0, parameters } = await this.runBackward(gradients);
    return { input, h0, parameters };
  }

  /**
   * One time step of a batch.
   * @param x - `[batch, inputSize]`
   * @param h - states before, `[numLayers * directions, batch, hiddenSize]`; zeros by default.
   * @returns the states after. For one row at a time, {@link GRU.stream} is faster.
   */
  async step(x: Tensor, h?: Tensor): Promise<Tensor> {
    return (await this.forward(this.oneStep(x), h === undefined ? {} : { h0: h })).hN;
  }
}
