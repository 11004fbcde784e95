/** A model's table of layers. */
import { describeScheme } from '../image/index.js';
import type { GroupTable } from '../layers/builder.js';
import { type AnyLayer, withParts } from '../layers/layer.js';
import type { Reading } from '../layers/reading.js';
import { isChain, type TensorRef, type Topology, type TopologyNode } from '../layers/topology.js';
import type { ProgramInfo } from '../native.js';
import type { Lowered, ModelSpec } from './lowering.js';
import { elements } from './tensor.js';

/** One row of a {@link ModelSummary}. */
export interface LayerSummary {
  readonly name: string;
  readonly kind: string;
  /** Names of what it is applied to: layers, `input` or `toSequence`; `gru_1:1` is the second output of `gru_1`. */
  readonly inputs: readonly string[];
  /** Without the batch axis. Of the first output, where there are several. */
  readonly outputShape: readonly number[];
  readonly parameters: number;
  readonly trainable: boolean;
  /** Which implementation runs it, by native operation. */
  readonly kernels: readonly string[];
}

/** What {@link Network.summary} gives. */
export interface ModelSummary {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly trainableParameters: number;
  /** For example `cpu (avx2, 2 threads)`. */
  readonly device: string;
  /**
   * How steps are done: `direct` on the CPU; on a GPU `graph` (recorded once and replayed), or `eager: ` and why they are not
   * recorded. Of data without lengths; `model.profile` tells what became of a training.
   */
  readonly steps: string;
  /** A table with a line for each layer. */
  toString(): string;
}

function parametersOf(groups: GroupTable, layer: AnyLayer): number {
  return withParts(layer)
    .flatMap((part) => groups.of(part))
    .flatMap((index) => groups.groups[index] ?? [])
    .filter((group) => group.buffer !== true)
    .flatMap((group) => group.params)
    .reduce((sum, param) => sum + elements(param.shape), 0);
}

/** @internal Columns as wide as their widest cell. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** @internal How steps are done, at the end of a line; nothing where there is no choice. */
export function stepsSuffix(steps: string): string {
  return steps === 'direct' ? '' : `, steps: ${steps}`;
}

function nameOf({ nodes }: Topology, { node, output }: TensorRef): string {
  const { name } = nodes[node] as TopologyNode;
  return output === 0 ? name : `${name}:${output}`;
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function describeReading({ toSequence, normalization }: Reading): string {
  if (toSequence !== undefined) return describeScheme(toSequence);
  return normalization === 'none' ? '' : 'normalized';
}

// An input that is read as it is and not normalised says nothing in a list.
function isWorthALine({ reading }: TopologyNode, chained: boolean): boolean {
  return !chained || (reading !== undefined && (reading.toSequence !== undefined || reading.normalization !== 'none'));
}

/** @internal */
export function summarize(
  { topology, groups }: ModelSpec,
  lowered: Lowered,
  { nodes, steps }: Pick<ProgramInfo, 'nodes' | 'steps'>,
  device: string,
): ModelSummary {
  const kernelsOf = (name: string): string[] => [
    ...new Set(
      nodes.filter((node) => node.name === name || node.name.startsWith(`${name}.`)).map((node) => node.variant),
    ),
  ];
  const chained = isChain(topology);
  const layers: LayerSummary[] = [];
  const unique = new Map<AnyLayer, LayerSummary>();
  const line = (cells: readonly string[], inputs: string): string[] =>
    chained ? [...cells] : [...cells.slice(0, 2), inputs, ...cells.slice(2)];
  const lines = [line(['layer', 'kind', 'output', 'parameters', 'kernel'], 'inputs')];
  topology.nodes.forEach((node, i) => {
    const { name, layer, reading } = node;
    const shapes = lowered.nodeShapes[i] ?? [];
    const output = shapes.map(shapeText).join(' ');
    const kernels = kernelsOf(name);
    if (layer === undefined) {
      if (!isWorthALine(node, chained)) return;
      lines.push(line([name, describeReading(reading), output, '', kernels.join()], ''));
      return;
    }
    const inputs = node.inputs.map((ref) => nameOf(topology, ref));
    const { kind, trainable } = layer;
    const parameters = parametersOf(groups, layer);
    const summary = { name, kind, inputs, outputShape: shapes[0] ?? [], parameters, trainable, kernels };
    layers.push(summary);
    unique.set(layer, summary);
    const count = `${parameters}${trainable ? '' : ' (frozen)'}`;
    lines.push(line([name, kind, output, count, kernels.join(' + ')], inputs.join(', ')));
  });
  const sum = (list: readonly LayerSummary[]): number => list.reduce((total, layer) => total + layer.parameters, 0);
  const parameters = sum([...unique.values()]);
  const trainableParameters = sum([...unique.values()].filter(({ trainable }) => trainable));
  return {
    layers,
    parameters,
    trainableParameters,
    device,
    steps,
    toString: () =>
      `${textTable(lines)}\n${parameters} parameters, ${trainableParameters} trainable, on ${device}${stepsSuffix(steps)}`,
  };
}
