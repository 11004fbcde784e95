/** A layer for each step of a sequence. */
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { type AnyLayer, Layer, type LayerConfig, saveLayer } from './layer.js';
import type { LayerTensor } from './layer_tensor.js';
import { type Form, lowerRearrange } from './rearrange.js';

/** What is done to each step: the steps and rows that lie side by side, and what one of them is. */
interface Cut {
  readonly steps: number;
  readonly rows: number;
  /** Of one step: `[features]`, `[steps, features]` or `[height, width, channels]`. */
  readonly dims: readonly number[];
}

// An image [height, width, channels] has its rows for steps.
function cut(name: string, { steps, rows, dims }: SymbolicTensor): Cut {
  if (steps > 0 && dims.length > 0) return { steps, rows, dims };
  if (steps === 0 && dims.length > 1) return { steps: dims[0] as number, rows, dims: dims.slice(1) };
  throw new CugruError(
    'ERR_SHAPE',
    `${name} expects [batch, steps, ...], got ${describeShape({ dtype: 'f32', steps, rows, dims })}`,
    { got: dims, steps },
  );
}

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

// [steps][rows][inner steps][features] as [inner steps][steps * rows][features]: what the inner layer sees as a sequence.
function innerMap(parts: number, steps: number, features: number): Int32Array {
  const map = new Int32Array(parts * steps * features);
  for (let t = 0, at = 0; t < steps; t++) {
    for (let part = 0; part < parts; part++) {
      for (let f = 0; f < features; f++) map[at++] = (part * steps + t) * features + f;
    }
  }
  return map;
}

// The way back of the same.
function outerMap(parts: number, steps: number, features: number): Int32Array {
  const map = new Int32Array(parts * steps * features);
  innerMap(parts, steps, features).forEach((from, to) => {
    map[from] = to;
  });
  return map;
}

// The input's own order of a row is [rows][first axis] for an image, [steps][rows] for a sequence.
function stepsFirst({ steps, rows, dims }: Cut, isImage: boolean): Int32Array | undefined {
  if (!isImage || rows === 1) return undefined;
  return innerMap(rows, steps, product(dims));
}

class TimeDistributedLayer<Output> extends Layer<Output> {
  readonly kind = 'timeDistributed';
  /** @internal */
  override readonly parts: readonly AnyLayer[];
  readonly #layer: Layer<Output>;

  constructor(layer: Layer<Output>, options: { readonly name?: string }) {
    super('layers.timeDistributed', options, []);
    if (!(layer instanceof Layer) || layer.inputCount.min !== 1) {
      throw new CugruError('ERR_TYPE', 'layers.timeDistributed takes a layer that has one input, and then its options');
    }
    this.#layer = layer;
    this.parts = [layer];
  }

  get config(): LayerConfig {
    return { layer: saveLayer(this.#layer) };
  }

  override lower(builder: GraphBuilder, name: string, input: SymbolicTensor): SymbolicTensor {
    return this.lowerMany(builder, name, [input])[0] as SymbolicTensor;
  }

  override lowerMany(
    builder: GraphBuilder,
    name: string,
    inputs: readonly SymbolicTensor[],
  ): readonly SymbolicTensor[] {
    const [input] = inputs as readonly [SymbolicTensor];
    const whole = cut(name, input);
    if (this.#layer.perPosition && input.steps > 0) return this.#layer.lowerMany(builder, name, inputs);
    if (builder.streaming) {
      throw new CugruError('ERR_UNSUPPORTED', `${name} takes each step for a sequence of its own, and cannot stream`);
    }
    const { lengths } = builder;
    builder.lengths = undefined;
    const outputs = this.#layer.lowerMany(builder, name, [this.#apart(builder, name, input, whole)]);
    builder.lengths = lengths;
    return outputs.map((output, i) => this.#together(builder, `${name}.together${i}`, output, whole));
  }

  // Steps become rows, which operations treat as more batch rows; what a step holds is the inner layer's input.
  #apart(builder: GraphBuilder, name: string, input: SymbolicTensor, whole: Cut): SymbolicTensor {
    const { steps, rows, dims } = whole;
    const parts = steps * rows;
    const ordered = stepsFirst(whole, input.steps === 0);
    if (dims.length !== 2)
      return lowerRearrange(builder, `${name}.apart`, input, { steps: 0, rows: parts, dims }, ordered);
    const [innerSteps, features] = dims as readonly [number, number];
    const map = innerMap(parts, innerSteps, features);
    const form: Form = { steps: innerSteps, rows: parts, dims: [features] };
    return lowerRearrange(
      builder,
      `${name}.apart`,
      input,
      form,
      ordered === undefined ? map : map.map((at) => ordered[at] as number),
    );
  }

  #together(builder: GraphBuilder, name: string, output: SymbolicTensor, { steps, rows }: Cut): SymbolicTensor {
    if (output.steps === 0) return lowerRearrange(builder, name, output, { steps, rows, dims: output.dims });
    const map = outerMap(steps * rows, output.steps, product(output.dims));
    return lowerRearrange(builder, name, output, { steps, rows, dims: [output.steps, ...output.dims] }, map);
  }
}

/**
 * Applies a layer to each step of a sequence, with the same parameters. A step that holds `[steps, features]` is a sequence for it, one
 * that holds `[features]` a vector: `timeDistributed(gru({ units: 8 }))` reads `[batch, S, T, F]` and gives `[batch, S, 8]`. An image
 * `[height, width, channels]` has its rows for steps: each a sequence of pixels.
 * Weights are named after this layer: `timeDistributed_1.weight_ih_l0`.
 * @throws {@link CugruError} `ERR_TYPE` for anything but a layer with one input.
 */
export function timeDistributed<Output = LayerTensor>(
  layer: Layer<Output>,
  options: { readonly name?: string } = {},
): Layer<Output> {
  return new TimeDistributedLayer(layer, options);
}
