/** What the ready models share. */
import { expectInteger, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import { expectInputShape } from '../layers/input.js';
import type { Layer } from '../layers/layer.js';
import * as layers from '../layers/public.js';
import type { ModelOptions } from '../model/network.js';

/** Options of every ready model. */
export interface ReadyModelOptions extends Pick<ModelOptions, 'device' | 'seed' | 'precision'> {
  /** `[height, width, channels]` of the images. */
  readonly inputShape: readonly number[];
}

/** Options of every ready classifier. */
export interface ClassifierOptions extends ReadyModelOptions {
  /** Classes, at least 2. */
  readonly classes: number;
}

/** A recurrent cell by the name of its layer; `article` is `leakyCifg`. */
export type CellChoice = 'gru' | 'gruResetBefore' | 'lstm' | 'cifgLstm' | 'rnn' | 'article';

/** All cells of {@link CellChoice}. */
export const cellChoices = ['gru', 'gruResetBefore', 'lstm', 'cifgLstm', 'rnn', 'article'] as const;

const makers: Readonly<Record<CellChoice, (options: layers.RecurrentOptions) => Layer>> = {
  gru: (options) => layers.gru(options),
  gruResetBefore: (options) => layers.gru({ ...options, resetAfter: false }),
  lstm: (options) => layers.lstm(options),
  cifgLstm: (options) => layers.cifgLstm(options),
  rnn: (options) => layers.rnn(options),
  article: (options) => layers.article(options),
};

/** @internal A recurrent layer of the chosen cell. */
export function recurrent(cell: CellChoice, options: layers.RecurrentOptions): Layer {
  return makers[cell](options);
}

/** @internal Softmax over the classes. */
export function head(classes: number): Layer {
  return layers.dense({ units: expectInteger('classes', classes, { min: 2, max: 2 ** 15 }), activation: 'softmax' });
}

/** @internal What a model's constructor takes. */
export function networkOptions({ inputShape, device = 'auto', seed = 0, precision }: ReadyModelOptions) {
  return { inputShape, device, seed, ...(precision === undefined ? {} : { precision }) };
}

/** @internal Refuses options that the model has not, and images without a size. */
export function expectKnown(name: string, options: ReadyModelOptions, own: readonly string[]): void {
  rejectUnknownKeys(`models.${name}`, options, ['inputShape', 'device', 'seed', 'precision', ...own]);
  const inputShape = expectInputShape('inputShape', options.inputShape);
  if (inputShape.length === 3) return;
  throw new CugruError(
    'ERR_SHAPE',
    `models.${name} takes images: inputShape must be [height, width, channels], got [${inputShape.join(', ')}]`,
    { got: inputShape },
  );
}
