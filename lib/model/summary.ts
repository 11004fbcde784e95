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

/** What {@link summarize} reads. */
interface Summarized {
  readonly spec: ModelSpec;
  readonly lowered: Lowered;
  readonly kernelsOf: (name: string) => readonly string[];
}

function summarizeLayer(
  { spec: { topology, groups }, lowered, kernelsOf }: Summarized,
  i: number,
  layer: AnyLayer,
): LayerSummary {
  const { name, inputs } = topology.nodes[i] as TopologyNode;
  return {
    name,
    kind: layer.kind,
    inputs: inputs.map((ref) => nameOf(topology, ref)),
    outputShape: lowered.nodeShapes[i]?.[0] ?? [],
    parameters: parametersOf(groups, layer),
    trainable: layer.trainable,
    kernels: kernelsOf(name),
  };
}

// Name, kind, inputs, output, parameters, kernel; none where there is nothing to say.
function lineOf({ spec: { topology }, lowered, kernelsOf }: Summarized, i: number, summary?: LayerSummary): string[] {
  const node = topology.nodes[i] as TopologyNode;
  const output = (lowered.nodeShapes[i] ?? []).map(shapeText).join(' ');
  if (summary === undefined) {
    if (node.reading === undefined || !isWorthALine(node, isChain(topology))) return [];
    return [node.name, describeReading(node.reading), '', output, '', kernelsOf(node.name).join()];
  }
  const { name, kind, inputs, parameters, trainable, kernels } = summary;
  return [name, kind, inputs.join(', '), output, `${parameters}${trainable ? '' : ' (frozen)'}`, kernels.join(' + ')];
}

const head = ['layer', 'kind', 'inputs', 'output', 'parameters', 'kernel'];

/** @internal */
export function summarize(
  spec: ModelSpec,
  lowered: Lowered,
  { nodes, steps }: Pick<ProgramInfo, 'nodes' | 'steps'>,
  device: string,
): ModelSummary {
  const kernelsOf = (name: string): string[] => {
    const own = nodes.filter((node) => node.name === name || node.name.startsWith(`${name}.`));
    return [...new Set(own.map((node) => node.variant))];
  };
  const what = { spec, lowered, kernelsOf };
  const summaries = spec.topology.nodes.map(({ layer }, i) => layer && summarizeLayer(what, i, layer));
  const layers = summaries.filter((summary) => summary !== undefined);
  // A layer that is used twice counts once.
  const unique = [...new Map(layers.map((layer) => [layer.name, layer])).values()];
  const sum = (list: readonly LayerSummary[]): number => list.reduce((total, layer) => total + layer.parameters, 0);
  const parameters = sum(unique);
  const trainableParameters = sum(unique.filter(({ trainable }) => trainable));
  const lines = [head, ...summaries.map((summary, i) => lineOf(what, i, summary)).filter((line) => line.length > 0)];
  // In a chain, each reads the one before.
  const table = isChain(spec.topology) ? lines.map((line) => line.filter((_, column) => column !== 2)) : lines;
  return {
    layers,
    parameters,
    trainableParameters,
    device,
    steps,
    toString: () =>
      `${textTable(table)}\n${parameters} parameters, ${trainableParameters} trainable, on ${device}${stepsSuffix(steps)}`,
  };
}
