/** `--model`: the ready models by name, and which options go to which of them. */
import type { Dataset } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { image } from '../image/index.js';
import type { Device } from '../model/runtime.js';
import type { Sequential } from '../training/index.js';
import { type CellChoice, cellChoices } from '../zoo/classifier.js';
import * as models from '../zoo/index.js';
import { compileRecipe } from './recipe.js';

/** The names of `--model`. */
export const modelNames = ['gruRows', 'hierarchicalGru', 'renet', 'sequencer', 'convGru'] as const;

/** One of {@link modelNames}. */
export type ModelName = (typeof modelNames)[number];

/** How the command names the options of `image.toSequence`. */
export interface Reading {
  readonly scheme?: image.SchemeName;
  readonly patchSize?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly order?: image.OrderName;
}

/** What can be chosen of a model, where it has such an option. */
export interface ModelChoices extends Reading {
  /** @defaultValue 'gruRows' */
  readonly model?: ModelName;
  /** @defaultValue the model's own */
  readonly units?: number;
  /** @defaultValue the model's own */
  readonly cell?: CellChoice;
  /** @defaultValue the model's own */
  readonly bidirectional?: boolean;
}

/** What every model is made with. */
export interface ModelSetting {
  /** At the start of the cosine. */
  readonly learningRate: number;
  readonly seed: number;
  readonly device: Device;
}

const readingKeys = ['scheme', 'patchSize', 'stride', 'order'] as const;

type Choice = Exclude<keyof ModelChoices, 'model'>;

// Which choices a model has, besides units, which all have.
const taken: Readonly<Record<ModelName, readonly Choice[]>> = {
  gruRows: ['cell', 'bidirectional', ...readingKeys],
  hierarchicalGru: ['bidirectional'],
  renet: ['cell'],
  sequencer: ['cell'],
  convGru: [],
};
const flags: Readonly<Record<Choice, string>> = {
  units: '--units',
  cell: '--cell',
  bidirectional: '--bidirectional',
  scheme: '--scheme',
  patchSize: '--patch-size',
  stride: '--stride',
  order: '--order',
};
const sweepCells = ['gru', 'lstm', 'rnn'] as const;
const isSweep = (name: ModelName): name is 'renet' | 'sequencer' => name === 'renet' || name === 'sequencer';

/** What is wrong with a choice: an option that the model does not have, or a cell that it cannot use. */
export function choiceProblem(choices: ModelChoices): string | undefined {
  const { model = 'gruRows', cell } = choices;
  for (const key of Object.keys(flags) as Choice[]) {
    if (choices[key] === undefined || key === 'units' || taken[model].includes(key)) continue;
    const takers = modelNames.filter((name) => taken[name].includes(key));
    return `option '${flags[key]}' is for --model ${takers.join(', ')}; ${model} does not have it`;
  }
  if (cell === undefined || !isSweep(model) || sweepCells.some((name) => name === cell)) return undefined;
  return `option '--cell': ${model} takes ${sweepCells.join(', ')}, got ${cell}`;
}

// Those of the named choices that were made.
function made<K extends Choice>(choices: ModelChoices, keys: readonly K[]): Pick<ModelChoices, K> {
  const entries = keys.flatMap((key) => (choices[key] === undefined ? [] : [[key, choices[key]]]));
  return Object.fromEntries(entries) as Pick<ModelChoices, K>;
}

type Builder = (choices: ModelChoices, options: models.ClassifierOptions) => Sequential;

const sweepChoices = (choices: ModelChoices) =>
  made(choices, ['units', 'cell']) as { readonly units?: number; readonly cell?: (typeof sweepCells)[number] };

const builders: Readonly<Record<ModelName, Builder>> = {
  gruRows: (choices, options) => {
    const toSequence = made(choices, readingKeys);
    return models.gruRows({ ...options, ...made(choices, ['units', 'cell', 'bidirectional']), toSequence });
  },
  hierarchicalGru: (choices, options) =>
    models.hierarchicalGru({ ...options, ...made(choices, ['units', 'bidirectional']) }),
  renet: (choices, options) => models.renet({ ...options, ...sweepChoices(choices) }),
  sequencer: (choices, options) => models.sequencer({ ...options, ...sweepChoices(choices) }),
  convGru: (choices, options) => models.convGru({ ...options, ...made(choices, ['units']) }),
};

/**
 * A ready model for a dataset, compiled by the recipe. Without choices it is the article's: GRU with sequences, GRU, dense softmax.
 * @throws {@link CugruError} `ERR_VALUE` for data without classes; what the model does not take.
 */
export function readyModel(dataset: Dataset, choices: ModelChoices, setting: ModelSetting): Sequential {
  const { classes, inputShape } = dataset;
  if (classes === undefined) {
    throw new CugruError('ERR_VALUE', `${dataset.name} has no class numbers to train a classifier on`);
  }
  const { learningRate, seed, device } = setting;
  const build = builders[choices.model ?? 'gruRows'];
  return compileRecipe(build(choices, { inputShape, classes, seed, device }), learningRate);
}

export { cellChoices };
