/** The Sequencer block: recurrent sweeps in both directions of a map side by side, then a network at each place. */
import { expectInteger, expectNumber, expectOneOf } from '../checks.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import { lowerDense } from './dense.js';
import { Layer, type LayerConfig } from './layer.js';
import { lowerLayerNorm } from './norms.js';
import { lowerConcat } from './rearrange.js';
import { type SweepCell, sweepStack } from './renet.js';
import { lowerStack, type StackOptions } from './stack.js';
import { expectFeatureMap, lowerFromSweep, lowerToSweep, type MapShape, type SweepAxis } from './sweep.js';

/** Options of {@link sequencer}. */
export interface SequencerOptions {
  /** Of each direction of each sweep, at least 1. */
  readonly units: number;
  /** @defaultValue 'lstm' */
  readonly cell?: SweepCell;
  /**
   * Width of the network at each place, as a multiple of the channels.
   * @defaultValue 3
   */
  readonly mlpRatio?: number;
  /**
   * Chance that a branch is left out for a row while training (stochastic depth), in [0, 1).
   * @defaultValue 0
   */
  readonly dropPath?: number;
  readonly name?: string;
}

const linear = { useBias: true, activation: 'linear', kernel: 'glorotUniform', bias: 'zeros' } as const;

class SequencerLayer extends Layer {
  readonly kind = 'sequencer';
  readonly config: LayerConfig;
  readonly #stack: StackOptions;
  readonly #mlpRatio: number;
  readonly #dropPath: number;

  constructor(options: SequencerOptions) {
    super('layers.sequencer', options, ['units', 'cell', 'mlpRatio', 'dropPath']);
    const units = expectInteger('units', options.units, { min: 1, max: 2 ** 20 });
    const cell = expectOneOf('cell', options.cell ?? 'lstm', ['gru', 'lstm', 'rnn'] as const);
    this.#mlpRatio = expectNumber('mlpRatio', options.mlpRatio ?? 3, { min: 0.125, max: 64 });
    this.#dropPath = expectNumber('dropPath', options.dropPath ?? 0, { min: 0, below: 1 });
    this.#stack = sweepStack(cell, units);
    this.config = { units, cell, mlpRatio: this.#mlpRatio, dropPath: this.#dropPath };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const shape = expectFeatureMap(name, input);
    const mixed = this.#residual(builder, `${name}.sweeps`, input, (x) => this.#sweeps(builder, name, x, shape));
    return this.#residual(builder, `${name}.mlp`, mixed, (x) => this.#mlp(builder, name, x, shape.channels));
  }

  // x + dropPath(branch(layerNorm(x))).
  #residual(
    builder: GraphBuilder,
    name: string,
    x: SymbolicTensor,
    branch: (x: SymbolicTensor) => SymbolicTensor,
  ): SymbolicTensor {
    let y = branch(lowerLayerNorm(builder, this, `${name}.norm`, x));
    if (this.#dropPath > 0) {
      const kept = builder.like(y);
      builder.node(`${name}.dropPath`, 'dropout', { rate: this.#dropPath, scope: 'row' }, [y], [kept]);
      y = kept;
    }
    const sum = builder.like(x);
    builder.node(`${name}.add`, 'add', {}, [x, y], [sum]);
    return sum;
  }

  #sweep(builder: GraphBuilder, name: string, x: SymbolicTensor, axis: SweepAxis, shape: MapShape): SymbolicTensor {
    const sequence = lowerToSweep(builder, `${name}.${axis}.steps`, x, axis, shape);
    const y = lowerStack(builder, this, `${name}.${axis}`, sequence, this.#stack).sequence;
    return lowerFromSweep(builder, `${name}.${axis}.map`, y, axis);
  }

  #sweeps(builder: GraphBuilder, name: string, x: SymbolicTensor, shape: MapShape): SymbolicTensor {
    const sides = (['vertical', 'horizontal'] as const).map((axis) => this.#sweep(builder, name, x, axis, shape));
    const both = lowerConcat(builder, `${name}.concat`, sides);
    return lowerDense(builder, this, `${name}.projection`, both, { ...linear, units: shape.channels });
  }

  #mlp(builder: GraphBuilder, name: string, x: SymbolicTensor, channels: number): SymbolicTensor {
    const width = Math.max(1, Math.round(channels * this.#mlpRatio));
    const sums = lowerDense(builder, this, `${name}.mlp.in`, x, { ...linear, units: width });
    const active = builder.like(sums);
    builder.node(`${name}.mlp.gelu`, 'activation', { kind: 'gelu' }, [sums], [active]);
    return lowerDense(builder, this, `${name}.mlp.out`, active, { ...linear, units: channels });
  }
}

/**
 * A Sequencer2D block (Tatsunami and Taki, 2022, arXiv:2205.01972) on a feature map x:
 *
 *     x ← x + dropPath(dense([vertical sweep ∥ horizontal sweep](layerNorm(x))))
 *     x ← x + dropPath(dense(gelu(dense(layerNorm(x)))))
 *
 * Both sweeps are bidirectional, see the same map, and are concatenated. Input and output
 * `[batch, height, width, channels]`. Parameters, under `<name>.vertical`, `.horizontal`, `.projection`, `.mlp.in`, `.mlp.out`,
 * `.sweeps.norm` and `.mlp.norm`: two bidirectional recurrent layers, dense layers (4·units → channels) and
 * (channels → mlpRatio·channels → channels), and two normalisations.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown; `ERR_SHAPE` for an input that is no map.
 */
export function sequencer(options: SequencerOptions): Layer {
  return new SequencerLayer(options);
}
