/** The losses alone: logits or predictions come from the host, so that their gradient can be read. */

import type { Mode } from '../../lib/native.js';
import { opGraph, type ProgramOptions, tensor } from './conformance_program.js';

const indices = { name: 'indices', spec: tensor([], 0, 'i32'), kind: 'indices' } as const;

export interface CrossEntropyOptions {
  readonly batch: number;
  readonly classes: number;
  readonly soft: boolean;
  readonly smoothing?: number;
  /** With partners and lambda, from the host. */
  readonly mixes?: boolean;
  readonly mode?: Mode;
}

export function crossEntropyProgram({
  batch,
  classes,
  soft,
  smoothing,
  mixes = false,
  mode = 'train',
}: CrossEntropyOptions): ProgramOptions {
  const labels = soft ? tensor([classes]) : tensor([], 0, 'i32');
  const graph = opGraph({
    op: 'softmaxCrossEntropy',
    ...(smoothing === undefined ? {} : { attrs: { labelSmoothing: smoothing } }),
    inputs: [
      { name: 'logits', spec: tensor([classes]), gradient: true },
      { name: 'labels', spec: labels, kind: 'slab' },
      indices,
      ...(mixes
        ? [
            { name: 'partners', spec: tensor([], 0, 'i32') },
            { name: 'lambda', spec: tensor([]) },
          ]
        : []),
    ],
  });
  return { graph, batch, mode };
}

export function squaredErrorProgram(batch: number, steps: number, features: number): ProgramOptions {
  const graph = opGraph({
    op: 'meanSquaredError',
    inputs: [
      { name: 'prediction', spec: tensor([features], steps), gradient: true },
      { name: 'targets', spec: tensor([Math.max(steps, 1) * features]), kind: 'slab' },
      indices,
    ],
  });
  return { graph, batch };
}
