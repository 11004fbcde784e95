/** Models from tensors: any graph of layers between an input and its outputs. */
import { rejectUnknownKeys, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { LayerTensor } from '../layers/layer_tensor.js';
import { topologyOf } from '../layers/topology.js';
import type { ModelOptions } from '../model/network.js';
import { Model } from './model.js';

/** The ends of a model. */
export interface ModelEnds<Outputs extends LayerTensor | readonly LayerTensor[]> {
  /** What `input(...)` gave: a model has one data input. */
  readonly inputs: LayerTensor;
  /** One tensor, or an array of them: then predictions are an array as well. Training needs one. */
  readonly outputs: Outputs;
}

/** What a model with these outputs predicts. */
export type PredictionOf<Outputs> = Outputs extends readonly LayerTensor[] ? Float32Array[] : Float32Array;

function expectInput(inputs: unknown): LayerTensor {
  if (Array.isArray(inputs) && inputs.length !== 1) {
    const problem = `a model has one data input, got ${inputs.length}; read one input in several ways, or join the data`;
    throw new CugruError('ERR_GRAPH', problem, { inputs: inputs.length });
  }
  const [tensor] = Array.isArray(inputs) ? inputs : [inputs];
  if (!(tensor instanceof LayerTensor)) {
    throw new CugruError('ERR_TYPE', `inputs must be what input(...) gives, got ${show(tensor)}`);
  }
  if (tensor.isInput) return tensor;
  const problem = `inputs must be what input(...) gives, and not the output of '${tensor.application.name}'`;
  throw new CugruError('ERR_GRAPH', problem);
}

function expectOutputs(outputs: unknown, { source }: LayerTensor): readonly LayerTensor[] {
  const list: readonly unknown[] = Array.isArray(outputs) ? outputs : [outputs];
  if (list.length === 0) throw new CugruError('ERR_GRAPH', 'a model needs at least one output');
  return list.map((tensor, i) => {
    const name = Array.isArray(outputs) ? `outputs[${i}]` : 'outputs';
    if (!(tensor instanceof LayerTensor)) {
      throw new CugruError('ERR_TYPE', `${name} must be what a layer's apply(...) gives, got ${show(tensor)}`);
    }
    if (tensor.source === source) return tensor;
    throw new CugruError('ERR_GRAPH', `${name} comes from another input(...) than the model's`);
  });
}

/**
 * Builds a model from an input to one or several outputs: branches, sums, layers that are used twice. Layers that lead to no output are
 * left out. What it gives is trained, saved and used as a `sequential` model.
 *
 * @example
 * ```ts
 * const x = input({ shape: [28, 28, 1] });
 * const rows = layers.gru({ units: 64 }).apply(image.toSequence({ scheme: 'rows' }).apply(x));
 * const columns = layers.gru({ units: 64 }).apply(image.toSequence({ scheme: 'columns' }).apply(x));
 * const both = layers.concat().apply([rows, columns]);
 * const classifier = model({ inputs: x, outputs: layers.dense({ units: 10, activation: 'softmax' }).apply(both) }, { seed: 1 });
 * ```
 * @throws {@link CugruError} `ERR_GRAPH` for tensors of another input, more than one input or no layer; `ERR_TYPE`, `ERR_VALUE`,
 * `ERR_CUDA_UNAVAILABLE`.
 */
export function model<const Outputs extends LayerTensor | readonly LayerTensor[]>(
  ends: ModelEnds<Outputs>,
  options: ModelOptions = {},
): Model<PredictionOf<Outputs>> {
  rejectUnknownKeys('model', ends, ['inputs', 'outputs']);
  rejectUnknownKeys('model', options, ['device', 'seed', 'precision', 'isa']);
  const outputs = expectOutputs(ends.outputs, expectInput(ends.inputs));
  return new Model(topologyOf(outputs, Array.isArray(ends.outputs)), options);
}
