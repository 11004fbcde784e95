/** A model as a folder: `config.json`, `model.safetensors`, `optimizer.safetensors` and a model card. */
import { encodeSafetensors, expectReplaceableFolder, writeFolder } from '../formats/index.js';
import type { ToSequence, ToSequenceOptions } from '../image/index.js';
import type { factories } from '../layers/index.js';
import type { Loss } from '../layers/loss.js';
import type { Network } from '../model/network.js';
import type { StateDict } from '../model/weights.js';
import { native, type StoreContent } from '../native.js';
import { modelCard } from './model_card.js';
import type { Optimizer } from './optimizers.js';

/** Marks our folders. */
export const format = 'cugru';
/** Of `config.json`; every older one is read. */
export const version = 1;
const files = ['config.json', 'model.safetensors', 'optimizer.safetensors', 'README.md'] as const;

/** A layer in `config.json`. */
export interface SavedLayer {
  readonly kind: keyof typeof factories;
  /** Layers of the same name are one layer, used several times. */
  readonly name: string;
  readonly trainable: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The content of `config.json`. */
export interface SavedModel {
  readonly format: typeof format;
  readonly version: number;
  readonly inputShape: readonly number[];
  readonly seed: number;
  readonly toSequence?: ToSequenceOptions;
  readonly layers: readonly SavedLayer[];
  readonly compile?: { readonly optimizer: Optimizer; readonly loss: Loss };
  readonly classNames?: readonly string[];
}

/** @internal What saving needs of a model that was trained. */
export interface SavableModel extends Network {
  readonly compileOptions: { readonly optimizer: Optimizer; readonly loss: Loss } | undefined;
  readonly classNames: readonly string[] | undefined;
  configure(): Promise<void>;
}

function describeModel(model: SavableModel): SavedModel {
  const { toSequence } = model.spec;
  const plain = (({ kind: _, ...rest }: ToSequence) => rest) as (config: ToSequence) => ToSequenceOptions;
  return {
    format,
    version,
    inputShape: model.inputShape,
    seed: model.seed,
    ...(toSequence === undefined ? {} : { toSequence: plain(toSequence) }),
    layers: model.spec.layers.map(({ name, layer }) => ({
      kind: layer.kind as keyof typeof factories,
      name,
      trainable: layer.trainable,
      config: layer.config,
    })),
    ...(model.compileOptions === undefined ? {} : { compile: model.compileOptions }),
    ...(model.classNames === undefined ? {} : { classNames: model.classNames }),
  };
}

function tensorsOf(dict: StateDict, prefix = ''): { name: string; data: Float32Array; shape: readonly number[] }[] {
  return Object.entries(dict).map(([name, { data, shape }]) => ({ name: `${prefix}${name}`, data, shape }));
}

/** The optimiser's state, as parts of the store. */
export function slotsOf(optimizer: Optimizer): StoreContent[] {
  if (optimizer.kind !== 'sgd') return ['slot0', 'slot1'];
  return optimizer.momentum > 0 ? ['slot0'] : [];
}

async function optimizerFile(model: SavableModel): Promise<Uint8Array | undefined> {
  if (model.compileOptions === undefined) return undefined;
  await model.configure();
  const store = await model.store();
  const { step } = await native().storeInfo(store);
  if (step === 0) return undefined;
  const tensors: ReturnType<typeof tensorsOf> = [];
  for (const slot of slotsOf(model.compileOptions.optimizer)) {
    tensors.push(...tensorsOf(await model.table().read(store, slot), `${slot}.`));
  }
  return encodeSafetensors(tensors, { format, step: String(step) });
}

/**
 * Refuses a folder that {@link saveModel} would refuse, before a long training.
 * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else.
 * @internal
 */
export function expectSavable(folder: string): Promise<void> {
  return expectReplaceableFolder(folder, files);
}

/**
 * Saves a model to a folder: `config.json` (layers, preprocessing, optimiser, class names), `model.safetensors` (weights and
 * normalisation under PyTorch's names), `optimizer.safetensors` (its state, once trained) and `README.md`, a model card. The
 * folder appears whole or not at all; an older model in its place is replaced.
 * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else; `ERR_BUSY` during a fit's set-up.
 */
export async function saveModel(model: SavableModel, folder: string): Promise<void> {
  const optimizer = await optimizerFile(model);
  await writeFolder(
    folder,
    {
      'config.json': `${JSON.stringify(describeModel(model), null, 2)}\n`,
      'model.safetensors': encodeSafetensors(tensorsOf(await model.getWeights()), { format: 'pt' }),
      ...(optimizer === undefined ? {} : { 'optimizer.safetensors': optimizer }),
      'README.md': modelCard(model),
    },
    { replaceable: files },
  );
}

