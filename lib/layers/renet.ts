/** The ReNet layer: two recurrent sweeps over a feature map, one after the other. */
import { expectInteger, expectOneOf, show } from '../checks.js';
import { CugruError } from '../errors.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import type { CellName } from './cells.js';
import { Layer, type LayerConfig } from './layer.js';
import { lowerRearrange } from './rearrange.js';
import { lowerStack, type StackOptions } from './stack.js';
import { expectFeatureMap, lowerFromSweep, lowerTurn, windowMap } from './sweep.js';

/** A cell of the two-dimensional layers. */
export type SweepCell = 'gru' | 'lstm' | 'rnn';

/** @internal */
export const sweepCells: Readonly<Record<SweepCell, CellName>> = { gru: 'gru', lstm: 'lstm', rnn: 'rnn-tanh' };

/** @internal The sweeping stacks: one bidirectional layer with the defaults of the recurrent layers. */
export function sweepStack(cell: SweepCell, units: number): StackOptions {
  return {
    cell: sweepCells[cell],
    units,
    numLayers: 1,
    bidirectional: true,
    dropout: 0,
    kernelInitializer: 'glorotUniform',
    recurrentInitializer: 'orthogonal',
    biasInitializer: 'zeros',
    unitForgetBias: cell === 'lstm',
  };
}

/** Options of {@link renet}. */
export interface RenetOptions {
  /** Of each direction of each sweep, at least 1. */
  readonly units: number;
  /**
   * Pixels that are read together, `[height, width]` or one number for both: the map shrinks by it. A map that it does not divide is
   * filled up with zeros at the bottom and the right.
   * @defaultValue 2
   */
  readonly windowSize?: number | readonly [number, number];
  /** @defaultValue 'gru' */
  readonly cell?: SweepCell;
  readonly name?: string;
}

function expectWindow(value: unknown): readonly [number, number] {
  const pair = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new CugruError('ERR_TYPE', `windowSize must be a number or [height, width], got ${show(value)}`);
  }
  const [height, width] = pair.map((side, i) => expectInteger(`windowSize[${i}]`, side, { min: 1, max: 2 ** 12 }));
  return [height as number, width as number];
}

class RenetLayer extends Layer {
  readonly kind = 'renet';
  readonly config: LayerConfig;
  readonly #stack: StackOptions;
  readonly #window: readonly [number, number];

  constructor(options: RenetOptions) {
    super('layers.renet', options, ['units', 'windowSize', 'cell']);
    const units = expectInteger('units', options.units, { min: 1, max: 2 ** 20 });
    const cell = expectOneOf('cell', options.cell ?? 'gru', ['gru', 'lstm', 'rnn'] as const);
    this.#window = expectWindow(options.windowSize ?? 2);
    this.#stack = sweepStack(cell, units);
    this.config = { units, windowSize: this.#window, cell };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    const { shape, map } = windowMap(expectFeatureMap(name, input), this.#window);
    const form = { steps: shape.height, rows: shape.width, dims: [shape.channels] };
    const columns = lowerRearrange(builder, `${name}.windows`, input, form, map);
    const down = lowerStack(builder, this, `${name}.vertical`, columns, this.#stack).sequence;
    const lines = lowerTurn(builder, `${name}.turn`, down);
    const across = lowerStack(builder, this, `${name}.horizontal`, lines, this.#stack).sequence;
    return lowerFromSweep(builder, `${name}.map`, across, 'horizontal');
  }
}

/**
 * A ReNet layer (Visin et al., 2015, arXiv:1505.00393): the map is cut into windows, a bidirectional recurrent layer sweeps each column
 * of windows, and a second one sweeps each row of what the first gave, so that every output has seen the whole image.
 *
 * Input `[batch, height, width, channels]`, output `[batch, ⌈height / window⌉, ⌈width / window⌉, 2·units]`. Parameters as two
 * bidirectional layers, under `<name>.vertical` and `<name>.horizontal`: for a GRU
 * `6·(D·H + H² + 2·H)` with D = window height · window width · channels, and the same with D = 2·H.
 * @throws {@link CugruError} `ERR_VALUE` or `ERR_TYPE` for options out of range or unknown; `ERR_SHAPE` for an input that is no map.
 */
export function renet(options: RenetOptions): Layer {
  return new RenetLayer(options);
}
