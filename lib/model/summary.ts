/** A model's table of layers. */
import { describeScheme, sequenceMap, type ToSequence } from '../image/index.js';
import type { GroupTable } from '../layers/builder.js';
import type { ProgramInfo } from '../native.js';
import type { Lowered, ModelSpec } from './lowering.js';
import { elements } from './tensor.js';

/** One row of a {@link ModelSummary}. */
export interface LayerSummary {
  readonly name: string;
  readonly kind: string;
  /** Without the batch axis. */
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

function parametersOf(groups: GroupTable, owner: object): number {
  return groups
    .of(owner)
    .flatMap((index) => groups.groups[index]?.params ?? [])
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

// What a step is, and the sequence that an image becomes.
function inputLine(spec: ModelSpec, toSequence: ToSequence, kernels: readonly string[]): string[] {
  const [height, width, channels] = spec.inputShape as [number, number, number];
  const { steps, features } = sequenceMap(toSequence, { height, width, channels });
  return ['toSequence', describeScheme(toSequence), `[${steps}, ${features}]`, '', kernels.join()];
}

/** @internal */
export function summarize(
  spec: ModelSpec,
  lowered: Lowered,
  { nodes, steps }: Pick<ProgramInfo, 'nodes' | 'steps'>,
  device: string,
): ModelSummary {
  const kernelsOf = (name: string): string[] =>
    nodes.filter((node) => node.name === name || node.name.startsWith(`${name}.`)).map((node) => node.variant);
  const layers = spec.layers.map(
    ({ name, layer }, i): LayerSummary => ({
      name,
      kind: layer.kind,
      outputShape: lowered.layerShapes[i] ?? [],
      parameters: parametersOf(spec.groups, layer),
      trainable: layer.trainable,
      kernels: [...new Set(kernelsOf(name))],
    }),
  );
  const unique = [...new Map(spec.layers.map(({ layer }, i) => [layer, layers[i] as LayerSummary])).values()];
  const sum = (list: readonly LayerSummary[]): number => list.reduce((total, layer) => total + layer.parameters, 0);
  const parameters = sum(unique);
  const trainableParameters = sum(unique.filter((layer) => layer.trainable));
  const input = spec.toSequence === undefined ? [] : [inputLine(spec, spec.toSequence, kernelsOf('toSequence'))];
  return {
    layers,
    parameters,
    trainableParameters,
    device,
    steps,
    toString: () =>
      `${textTable([
        ['layer', 'kind', 'output', 'parameters', 'kernel'],
        ...input,
        ...layers.map((l) => [
          l.name,
          l.kind,
          `[${l.outputShape.join(', ')}]`,
          `${l.parameters}${l.trainable ? '' : ' (frozen)'}`,
          l.kernels.join(' + '),
        ]),
      ])}\n${parameters} parameters, ${trainableParameters} trainable, on ${device}${stepsSuffix(steps)}`,
  };
}
