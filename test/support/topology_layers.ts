/** Layers and models with branches, for the tests of graphs. */
import { input, type LayerTensor, layers, type Model, model, type StateDict } from '../../lib/index.js';
import type { GraphBuilder, SymbolicTensor } from '../../lib/layers/builder.js';
import { type LayerConfig, MergeLayer } from '../../lib/layers/index.js';
import { classes, shape } from './training_models.js';

/** The sum of its inputs. */
export class Sum extends MergeLayer {
  readonly kind = 'sum';
  readonly config: LayerConfig = {};

  constructor() {
    super('sum', {}, []);
  }

  override merge(builder: GraphBuilder, name: string, inputs: readonly SymbolicTensor[]): SymbolicTensor {
    const output = builder.like(inputs[0] as SymbolicTensor);
    builder.node(name, 'add', {}, inputs, [output]);
    return output;
  }
}

/** The features of its inputs, one after the other. */
export class Join extends MergeLayer {
  readonly kind = 'join';
  readonly config: LayerConfig = {};

  constructor() {
    super('join', {}, []);
  }

  override merge(builder: GraphBuilder, name: string, inputs: readonly SymbolicTensor[]): SymbolicTensor {
    const width = inputs.reduce((sum, { dims }) => sum + (dims[0] as number), 0);
    const output = builder.like(inputs[0] as SymbolicTensor, [width]);
    builder.node(name, 'concat', {}, inputs, [output]);
    return output;
  }
}

/** A softmax over the classes of `waves`. */
export const head = (name?: string): layers.Layer =>
  layers.dense({ units: classes, activation: 'softmax', ...(name === undefined ? {} : { name }) });

/** An encoder whose states a decoder begins with; the decoder reads the encoder's sequence. */
export function encoderDecoder(
  make: (options: layers.RecurrentOptions & layers.ReturningState) => layers.RecurrentLayer<layers.SeveralTensors>,
  options: Omit<layers.RecurrentOptions, 'returnSequences' | 'returnState'> = { units: 4 },
): Model {
  const x = input({ shape });
  const [sequence, ...states] = make({ ...options, returnSequences: true, returnState: true }).apply(x);
  const [last] = make({ ...options, returnState: true }).apply(sequence, { initialState: states });
  return model({ inputs: x, outputs: head().apply(last) }, { seed: 5, device: 'cpu' });
}

/** Weights whose names begin with `from` under names that begin with `to`. */
export function renamed(weights: Readonly<StateDict>, from: string, to: string): StateDict {
  return Object.fromEntries(
    Object.entries(weights).flatMap(([name, tensor]) =>
      name.startsWith(from) ? [[to + name.slice(from.length), tensor]] : [],
    ),
  );
}

/** A model of one input and one tensor that comes from it. */
export function modelOf(build: (x: LayerTensor) => LayerTensor, inputShape: readonly number[] = shape): Model {
  const x = input({ shape: inputShape });
  return model({ inputs: x, outputs: build(x) }, { seed: 3, device: 'cpu' });
}
