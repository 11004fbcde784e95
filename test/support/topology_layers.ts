/** Models with branches, for the tests of graphs. */
import { input, type LayerTensor, layers, type Model, model } from '../../lib/index.js';
import { classes, shape } from './training_models.js';

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

/** A model of one input and one tensor that comes from it. */
export function modelOf(build: (x: LayerTensor) => LayerTensor, inputShape: readonly number[] = shape): Model {
  const x = input({ shape: inputShape });
  return model({ inputs: x, outputs: build(x) }, { seed: 3, device: 'cpu' });
}
