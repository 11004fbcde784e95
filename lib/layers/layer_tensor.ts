/** Symbolic tensors: what `input` and a layer's `apply` give, from which a model is put together. */
import { show } from '../checks.js';
import { CugruError } from '../errors.js';
import type { ToSequence } from '../image/index.js';
import { GraphBuilder, GroupTable, type SymbolicTensor } from './builder.js';
import type { AnyLayer } from './layer.js';
import { LayerNames } from './layer_names.js';
import { lowerNode } from './lower_node.js';
import { addSource, type InputSpec, type NodeSource, type Reading } from './reading.js';

/** One use of a layer, or one way of reading the input. */
export type Application = NodeSource & {
  readonly name: string;
  readonly inputs: readonly LayerTensor[];
  /** Applications are numbered as they are made, so that each comes after its inputs. */
  readonly order: number;
};

/**
 * A tensor of a model that is being described: what {@link input} and a layer's `apply` give. It holds no numbers; layers are
 * applied to it, and {@link model} makes a model of the path from the input to it.
 */
export class LayerTensor {
  /** Of one row, without the batch axis: `[steps, features]`, `[features]`, `[height, width, channels]`. */
  readonly shape: readonly number[];
  /** @internal */
  readonly source: InputSource;
  /** @internal */
  readonly application: Application;
  /** @internal Which of the application's outputs. */
  readonly output: number;
  /** @internal In the source's graph of shapes. */
  readonly symbolic: SymbolicTensor;

  /** @internal */
  constructor(source: InputSource, application: Application, output: number, symbolic: SymbolicTensor) {
    this.source = source;
    this.application = application;
    this.output = output;
    this.symbolic = symbolic;
    this.shape = Object.freeze(shapeOf(symbolic));
  }

  /** @internal Whether it is what `input` gave. */
  get isInput(): boolean {
    const { reading } = this.application;
    return reading !== undefined && reading.toSequence === undefined;
  }

  /** @internal Behind `image.toSequence(...).apply(x)`. */
  readAs(toSequence: ToSequence): LayerTensor {
    if (!this.isInput) {
      throw new CugruError(
        'ERR_GRAPH',
        `image.toSequence reads the model's input, and not the output of '${this.application.name}'`,
      );
    }
    return this.source.read({ toSequence, normalization: toSequence.normalization });
  }
}

/** Shape of one row, in JavaScript's order of axes. */
export function shapeOf({ steps, rows, dims }: SymbolicTensor): number[] {
  return [...(steps > 0 ? [steps] : []), ...(rows > 1 ? [rows] : []), ...dims];
}

/** A data input with all that was applied to it. It lowers each application once, to know the shapes. */
export class InputSource {
  readonly spec: InputSpec;
  readonly #names = new LayerNames();
  readonly #builder = new GraphBuilder({ groups: new GroupTable() });
  #count = 0;

  constructor(spec: InputSpec) {
    this.spec = spec;
    addSource(this.#builder, spec, 'f32');
  }

  read(reading: Reading): LayerTensor {
    const name = reading.toSequence === undefined ? 'input' : 'toSequence';
    return this.#add({ name, reading, inputs: [], order: this.#count })[0] as LayerTensor;
  }

  apply(layer: AnyLayer, inputs: readonly LayerTensor[]): readonly LayerTensor[] {
    const name = this.#names.of(layer);
    const outputs = this.#add({ name, layer, inputs, order: this.#count });
    this.#names.keep(layer, name);
    return outputs;
  }

  #add(application: Application): readonly LayerTensor[] {
    const inputs = application.inputs.map(({ symbolic }) => symbolic);
    const outputs = lowerNode(this.#builder, application, inputs);
    this.#count++;
    return outputs.map((tensor, i) => new LayerTensor(this, application, i, tensor));
  }
}

function expectTensors(layer: AnyLayer, inputs: unknown): readonly LayerTensor[] {
  const list: readonly unknown[] = Array.isArray(inputs) ? inputs : [inputs];
  const what = layer.name ?? layer.kind;
  list.forEach((tensor, i) => {
    if (tensor instanceof LayerTensor) return;
    const which = Array.isArray(inputs) ? `input ${i} of '${what}'` : `the input of '${what}'`;
    throw new CugruError(
      'ERR_TYPE',
      `${which} must be what input(...) or a layer's apply(...) gives, got ${show(tensor)}`,
    );
  });
  return list as readonly LayerTensor[];
}

/** Behind {@link Layer.apply}. */
export function applyLayer(layer: AnyLayer, inputs: unknown): readonly LayerTensor[] {
  const tensors = expectTensors(layer, inputs);
  const [first] = tensors;
  if (first === undefined) {
    throw new CugruError('ERR_GRAPH', `'${layer.name ?? layer.kind}' was applied to no tensor`);
  }
  if (tensors.some(({ source }) => source !== first.source)) {
    throw new CugruError(
      'ERR_GRAPH',
      `'${layer.name ?? layer.kind}' was applied to tensors of different inputs; a model has one input(...), from which all of them come`,
    );
  }
  return first.source.apply(layer, tensors);
}
