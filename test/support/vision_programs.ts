/** Programs of one operation on images, or of one normalisation, for TestProgram. */
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import type { Mode } from '../../lib/native.js';
import { opGraph, type ProgramOptions, tensor } from './conformance_program.js';
import type { Random } from './conformance_random.js';
import { type ConvCase, outputSize, type WindowCase } from './vision_reference.js';

/** How many images there are, and how they lie. */
export interface Placement {
  readonly batch: number;
  readonly steps: number;
}

const windowAttrs = ({ strides, pads }: WindowCase) => ({
  strideY: strides[0],
  strideX: strides[1],
  padTop: pads[0],
  padBottom: pads[1],
  padLeft: pads[2],
  padRight: pads[3],
});

export function convProgram(c: ConvCase, { batch, steps }: Placement, parameters?: Float32Array): ProgramOptions {
  const attrs = {
    filters: c.filters,
    kernelHeight: c.size[0],
    kernelWidth: c.size[1],
    ...windowAttrs(c),
    dilationY: c.dilation[0],
    dilationX: c.dilation[1],
    useBias: c.useBias,
    activation: c.activation,
  };
  const weight = { name: 'weight', shape: [c.filters, c.channels, ...c.size] };
  return {
    graph: opGraph({
      op: 'conv2d',
      attrs,
      inputs: [{ name: 'x', spec: tensor([c.height, c.width, c.channels], steps), gradient: true }],
      outputs: [{ name: 'y', spec: tensor([...outputSize(c), c.filters], steps), seeded: true }],
      grouped: true,
    }),
    batch,
    groups: [
      { name: 'conv', op: 'conv2d', params: c.useBias ? [weight, { name: 'bias', shape: [c.filters] }] : [weight] },
    ],
    ...(parameters === undefined ? {} : { parameters }),
  };
}

export function poolProgram(kind: 'max' | 'avg', w: WindowCase, { batch, steps }: Placement): ProgramOptions {
  return {
    graph: opGraph({
      op: `${kind}Pool2d`,
      attrs: { poolHeight: w.size[0], poolWidth: w.size[1], ...windowAttrs(w) },
      inputs: [{ name: 'x', spec: tensor([w.height, w.width, w.channels], steps), gradient: true }],
      outputs: [{ name: 'y', spec: tensor([...outputSize(w), w.channels], steps), seeded: true }],
    }),
    batch,
  };
}

export interface NormCase extends Placement {
  readonly op: 'layerNorm' | 'batchNorm';
  readonly dims: readonly number[];
  readonly rows?: number;
  readonly epsilon: number;
  readonly momentum?: number;
  readonly mode?: Mode;
}

/** Parameters are weight and bias and, for batchNorm, running mean and variance. */
export function normProgram(c: NormCase, parameters?: Float32Array): ProgramOptions {
  const shape = [c.dims.at(-1) as number];
  const spec = { ...tensor(c.dims, c.steps), rows: c.rows ?? 1 };
  const keeps = c.op === 'batchNorm';
  const attrs = { epsilon: c.epsilon, ...(keeps ? { momentum: c.momentum ?? 0.1 } : {}) };
  const graph: GraphSpec = {
    tensors: [spec, spec],
    nodes: [{ name: c.op, op: c.op, attrs, inputs: [0], outputs: [1], group: 0, ...(keeps ? { buffers: 1 } : {}) }],
    inputs: [{ name: 'x', tensor: 0, kind: 'value', gradient: true }],
    outputs: [{ name: 'y', tensor: 1, seeded: true }],
  };
  const group = (name: string, names: readonly string[]): GroupSpec => ({
    name,
    op: c.op,
    params: names.map((param) => ({ name: param, shape })),
  });
  const kept = { ...group('statistics', ['running_mean', 'running_var']), buffer: true };
  return {
    graph,
    batch: c.batch,
    groups: [group('norm', ['weight', 'bias']), ...(keeps ? [kept] : [])],
    ...(c.mode === undefined ? {} : { mode: c.mode }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

/** A case of small and awkward sizes; the window always fits. */
export function randomWindow(random: Random, dilated: boolean): WindowCase {
  const size = [random.integer(1, 4), random.integer(1, 4)] as const;
  const dilation = dilated ? ([random.pick(1, 1, 2, 3), random.pick(1, 1, 2, 3)] as const) : ([1, 1] as const);
  const pad = (i: 0 | 1) => random.integer(0, size[i] - 1);
  const pads = [pad(0), pad(0), pad(1), pad(1)] as const;
  const room = (i: 0 | 1) => Math.max(1, (size[i] - 1) * dilation[i] + 1) + random.integer(0, 9);
  return {
    height: room(0),
    width: room(1),
    channels: random.pick(1, 1, 2, 3, 8, 16, 17, 33),
    size,
    strides: [random.pick(1, 1, 2, 3), random.pick(1, 1, 2, 3)],
    dilation,
    pads,
  };
}
