/** Lowering of one node of a model: a layer applied to its inputs, or a reading of the data. */
import { CugruError } from '../errors.js';
import type { GraphBuilder, SymbolicTensor } from './builder.js';
import type { AnyLayer } from './layer.js';
import { lowerReading, type NodeSource } from './reading.js';

function expectCount(name: string, { kind, inputCount: { min, max } }: AnyLayer, got: number): void {
  if (got >= min && got <= max) return;
  const wanted = min === max ? String(min) : `${min} to ${max}`;
  const hint = got === 1 ? '; apply it to an array of tensors, in model({ inputs, outputs })' : '';
  throw new CugruError(
    'ERR_GRAPH',
    `${name} (${kind}) takes ${wanted} input${max === 1 ? '' : 's'}, got ${got}${hint}`,
    {
      expected: [min, max],
      got,
    },
  );
}

/** Adds a node and returns its outputs; valid steps go along with the tensors. */
export function lowerNode(
  builder: GraphBuilder,
  node: NodeSource & { readonly name: string },
  inputs: readonly SymbolicTensor[],
): readonly SymbolicTensor[] {
  const { name, layer } = node;
  if (layer === undefined) return [lowerReading(builder, name, node.reading)];
  expectCount(name, layer, inputs.length);
  return builder.withLengths(inputs, () => layer.lowerMany(builder, name, inputs));
}
