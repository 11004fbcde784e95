/** A topology from the content of `config.json`, of this version or an older one. */
import { CugruError } from '../errors.js';
import { toSequence as makeToSequence, type ToSequenceOptions } from '../image/index.js';
import { makeInput } from '../layers/input.js';
import type { AnyLayer } from '../layers/layer.js';
import { applyLayer, LayerTensor } from '../layers/layer_tensor.js';
import { restoreLayer } from '../layers/saved_layer.js';
import { type Topology, topologyOf } from '../layers/topology.js';
import type { SavedModel, SavedNode, SavedRef } from './saving.js';

/** What versions 1 and 2 had in place of nodes and outputs. */
interface SavedChain {
  readonly toSequence?: ToSequenceOptions;
  readonly layers: readonly Omit<SavedNode, 'inputs'>[];
}

function wrong(problem: string): CugruError {
  return new CugruError('ERR_VALUE', problem);
}

/** An older model's list as nodes that read each other. */
export function nodesOfChain({ toSequence, layers }: SavedChain): Pick<SavedModel, 'nodes' | 'outputs'> {
  const first: Omit<SavedNode, 'inputs'> =
    toSequence === undefined
      ? { kind: 'input', name: 'input', config: {} }
      : { kind: 'image.toSequence', name: 'toSequence', config: { ...toSequence } };
  const nodes = [first, ...layers].map((node, i): SavedNode => ({ ...node, inputs: i === 0 ? [] : [[i - 1, 0]] }));
  return { nodes, outputs: [nodes.length - 1, 0] };
}

/** Puts the nodes together again, one by one; nothing about them is trusted. */
class Restorer {
  readonly #input: LayerTensor;
  readonly #layers = new Map<string, AnyLayer>();
  readonly #made: (readonly LayerTensor[])[] = [];

  constructor({ inputShape, batchSize }: SavedModel, nodes: readonly SavedNode[]) {
    const plain = nodes.find((node) => node?.kind === 'input');
    this.#input = makeInput('inputShape', inputShape, { normalization: plain?.config?.['normalization'], batchSize });
    for (const node of nodes) this.#made.push(this.#restore(node));
  }

  tensor(ref: SavedRef): LayerTensor {
    const tensor: unknown = Array.isArray(ref) ? this.#made[ref[0]]?.[ref[1]] : undefined;
    if (!(tensor instanceof LayerTensor)) throw wrong(`${JSON.stringify(ref)} is no output of an earlier node`);
    return tensor;
  }

  #restore(node: SavedNode): readonly LayerTensor[] {
    if (typeof node !== 'object' || node === null) throw wrong('a node is no object');
    if (node.kind === 'input') return [this.#input];
    if (node.kind === 'image.toSequence') return [makeToSequence(node.config).apply(this.#input)];
    if (!Array.isArray(node.inputs)) throw wrong(`the inputs of '${node.name}' are missing`);
    const layer = this.#layers.get(node.name) ?? restoreLayer(node);
    this.#layers.set(node.name, layer);
    return applyLayer(
      layer,
      node.inputs.map((ref) => this.tensor(ref)),
    );
  }
}

/** @throws {@link CugruError} for whatever is wrong with it. */
export function restoreTopology(config: SavedModel): Topology {
  const chain = config.version < 3 ? nodesOfChain(config as unknown as SavedChain) : config;
  const restorer = new Restorer(config, chain.nodes);
  const { outputs } = chain;
  if (Array.isArray(outputs[0])) {
    const several = outputs as readonly SavedRef[];
    return topologyOf(
      several.map((ref) => restorer.tensor(ref)),
      true,
    );
  }
  return topologyOf([restorer.tensor(outputs as SavedRef)], false);
}
