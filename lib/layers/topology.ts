/** What a model is: layers and how they are connected, as a list in which every node comes after its inputs. */
import { CugruError } from '../errors.js';
import type { Normalization } from '../image/index.js';
import type { AnyLayer } from './layer.js';
import type { Application, LayerTensor } from './layer_tensor.js';
import type { InputSpec, NodeSource } from './reading.js';

/** A node's output, by their numbers. */
export interface TensorRef {
  readonly node: number;
  readonly output: number;
}

/** A layer applied to the outputs of earlier nodes, or a reading of the model's input. */
export type TopologyNode = NodeSource & { readonly name: string; readonly inputs: readonly TensorRef[] };

/** See the file's head. */
export interface Topology {
  readonly input: InputSpec;
  readonly nodes: readonly TopologyNode[];
  readonly outputs: readonly TensorRef[];
  /** The outputs were given as an array: predictions are one. */
  readonly severalOutputs: boolean;
}

// The path back from the outputs; what leads nowhere is not on it.
function reachable(outputs: readonly LayerTensor[]): Application[] {
  const found = new Set<Application>();
  const open = outputs.map(({ application }) => application);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...next.inputs.map(({ application }) => application));
  }
  return [...found].sort((a, b) => a.order - b.order);
}

/**
 * The topology between an input and some tensors that come from it.
 * @throws {@link CugruError} `ERR_GRAPH` without any layer.
 */
export function topologyOf(outputs: readonly LayerTensor[], severalOutputs: boolean): Topology {
  const applications = reachable(outputs);
  const [first] = outputs;
  if (first === undefined || !applications.some(({ layer }) => layer !== undefined)) {
    throw new CugruError('ERR_GRAPH', 'a model needs at least one layer between its input and its outputs');
  }
  const numbers = new Map(applications.map((application, i) => [application, i]));
  const ref = ({ application, output }: LayerTensor): TensorRef => ({
    node: numbers.get(application) as number,
    output,
  });
  const nodes = applications.map(
    ({ order: _, inputs, ...node }): TopologyNode => ({ ...node, inputs: inputs.map(ref) }),
  );
  return { input: first.source.spec, nodes, outputs: outputs.map(ref), severalOutputs };
}

/** Whether each node reads the one before it, and the last is the output. */
export function isChain({ nodes, outputs }: Topology): boolean {
  const chained = nodes.every(({ inputs }, i) => (i === 0 ? inputs.length === 0 : isFirstOutput(inputs, i - 1)));
  return chained && isFirstOutput(outputs, nodes.length - 1);
}

function isFirstOutput(refs: readonly TensorRef[], node: number): boolean {
  return refs.length === 1 && refs[0]?.node === node && refs[0].output === 0;
}

/** A layer with the name that it has in this model. */
export interface NamedLayer {
  readonly name: string;
  readonly layer: AnyLayer;
}

/** The layers in the order of their use; one that is used twice is there twice. */
export function layersOf({ nodes }: Topology): NamedLayer[] {
  return nodes.flatMap(({ name, layer }) => (layer === undefined ? [] : [{ name, layer }]));
}

/**
 * The one normalisation of a model: its statistics are kept once.
 * @throws {@link CugruError} `ERR_GRAPH` when readings of the input want different ones (`'none'` apart).
 */
export function normalizationOf({ nodes }: Topology): Normalization {
  const wanted = nodes.flatMap(({ reading }) => (reading === undefined ? [] : [reading.normalization]));
  const [first, ...others] = wanted.filter((normalization) => normalization !== 'none');
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first))) {
    throw new CugruError(
      'ERR_GRAPH',
      "the readings of the input are normalised in different ways; give them the same normalization, or 'none'",
    );
  }
  return first ?? 'none';
}
