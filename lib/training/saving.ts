/** A model as a folder: `config.json`, `model.safetensors`, `optimizer.safetensors`, `choices.json` of a GPU, and a model card. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CugruError } from '../errors.js';
import { expectReplaceableFolder, safetensorsParts, writeFolder } from '../formats/index.js';
import type { Decoding } from '../image/index.js';
import { saveLayer } from '../layers/layer.js';
import type { Loss } from '../layers/loss.js';
import type { SavedLayer } from '../layers/saved_layer.js';
import type { TensorRef, TopologyNode } from '../layers/topology.js';
import type { Network } from '../model/network.js';
import type { StateDict } from '../model/weights.js';
import { native, type StoreContent } from '../native.js';
import { modelCard } from './model_card.js';
import type { Optimizer } from './optimizers.js';
import { choicesFile, choicesText } from './saved_choices.js';

/** Marks our folders. */
export const format = 'cugru';
/**
 * Of `config.json`; every older one is read.
 * - 1: the first
 * - 2: more schemes of `toSequence`, and `decoding`
 * - 3: any graph, as `nodes` and `outputs`; before, `layers` were a chain, behind `toSequence` if there was one
 */
export const version = 3;
const files = ['config.json', 'model.safetensors', 'optimizer.safetensors', choicesFile, 'README.md'] as const;

/** The number of an earlier node, and which of its outputs. */
export type SavedRef = readonly [node: number, output: number];

/** A node in `config.json`: the model's input, the input read as a sequence, or a layer. */
export interface SavedNode extends SavedLayer {
  readonly name: string;
  readonly inputs: readonly SavedRef[];
}

/** The content of `config.json`. */
export interface SavedModel {
  readonly format: typeof format;
  readonly version: number;
  readonly inputShape: readonly number[];
  /** Rows of every batch, where they are fixed. */
  readonly batchSize?: number;
  readonly seed: number;
  /** False: the normalisation waits for the first training set. */
  readonly normalized?: boolean;
  /** Each after its inputs. Nodes of the same name are one layer, used several times. */
  readonly nodes: readonly SavedNode[];
  /** One, or an array for a model whose predictions are one. */
  readonly outputs: SavedRef | readonly SavedRef[];
  readonly compile?: { readonly optimizer: Optimizer; readonly loss: Loss };
  readonly classNames?: readonly string[];
  /** How image files become rows. */
  readonly decoding?: Decoding;
}

/** @internal What saving needs of a model that was trained. */
export interface SavableModel extends Network<unknown> {
  readonly compileOptions: { readonly optimizer: Optimizer; readonly loss: Loss } | undefined;
  readonly classNames: readonly string[] | undefined;
  readonly decoding: Decoding | undefined;
  configure(): Promise<void>;
}

type DescribedNode = Omit<SavedNode, 'inputs'>;

function describeNode({ name, layer, reading }: TopologyNode, isImage: boolean): DescribedNode {
  if (layer !== undefined) return { ...saveLayer(layer), name };
  const { toSequence, normalization } = reading;
  if (toSequence === undefined) return { kind: 'input', name, config: isImage ? { normalization } : {} };
  const { kind: _, ...config } = toSequence;
  return { kind: 'image.toSequence', name, config };
}

function describeModel(model: SavableModel): SavedModel {
  const { nodes, outputs, severalOutputs } = model.spec.topology;
  const refs = (list: readonly TensorRef[]): SavedRef[] => list.map(({ node, output }) => [node, output]);
  return {
    format,
    version,
    inputShape: model.inputShape,
    ...(model.batchSize === undefined ? {} : { batchSize: model.batchSize }),
    seed: model.seed,
    ...(model.normalization === 'none' ? {} : { normalized: model.normalized }),
    nodes: nodes.map((node) => ({ ...describeNode(node, model.inputShape.length === 3), inputs: refs(node.inputs) })),
    outputs: severalOutputs ? refs(outputs) : (refs(outputs)[0] as SavedRef),
    ...(model.compileOptions === undefined ? {} : { compile: model.compileOptions }),
    ...(model.classNames === undefined ? {} : { classNames: model.classNames }),
    ...(model.decoding === undefined ? {} : { decoding: model.decoding }),
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

interface Snapshot {
  readonly weights: StateDict;
  /** Absent before the first step. */
  readonly optimizer: readonly Uint8Array[] | undefined;
}

async function snapshot(model: SavableModel): Promise<Snapshot> {
  if (model.compileOptions === undefined) return { weights: await model.getWeights(), optimizer: undefined };
  await model.configure();
  const store = await model.store();
  const { step: before } = await native().storeInfo(store);
  const slots = before === 0 ? [] : slotsOf(model.compileOptions.optimizer);
  // Asked for in one turn of the event loop: no step of a running fit comes in between, so that all parts are of one step.
  const [{ step, lossScale }, weights, ...states] = await Promise.all([
    native().storeInfo(store),
    model.table().read(store, 'parameters'),
    ...slots.map((slot) => model.table().read(store, slot)),
  ]);
  if (step === 0) return { weights, optimizer: undefined };
  if (before === 0) return snapshot(model);
  const tensors = states.flatMap((state, i) => tensorsOf(state, `${slots[i]}.`));
  const scaled =
    lossScale === undefined ? {} : { lossScale: `${lossScale.scale} ${lossScale.good} ${lossScale.leftOut}` };
  return { weights, optimizer: safetensorsParts(tensors, { format, step: String(step), ...scaled }) };
}

// File names alone do not tell: other libraries call theirs config.json and model.safetensors as well.
async function expectOurs(folder: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(join(folder, files[0]), 'utf8');
  } catch {
    // Nothing of the name, or nothing that can be read: writeFolder looks at the rest.
    return;
  }
  if (isOurs(text)) return;
  throw new CugruError(
    'ERR_VALUE',
    `${folder} has a config.json that is not cugru's, so it is left as it is; choose a folder that does not exist yet, or an empty one`,
    { path: folder },
  );
}

function isOurs(text: string): boolean {
  try {
    return (JSON.parse(text) as { readonly format?: unknown } | null)?.format === format;
  } catch {
    return false;
  }
}

/**
 * Refuses a folder that {@link saveModel} would refuse, before a long training.
 * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else.
 * @internal
 */
export async function expectSavable(folder: string): Promise<void> {
  await expectOurs(folder);
  await expectReplaceableFolder(folder, files);
}

/**
 * Saves a model to a folder: `config.json` (layers, preprocessing, optimiser, class names), `model.safetensors` (weights and
 * normalisation under PyTorch's names), `optimizer.safetensors` (its state, once trained), `choices.json` (which algorithms a GPU chose by
 * timing for the shapes that it ran; of a model on a GPU) and `README.md`, a model card. The folder appears whole or not at all; an older
 * model in its place is replaced. During a fit, all files are of one step.
 * @throws {@link CugruError} `ERR_VALUE` when the folder holds something else.
 */
export async function saveModel(model: SavableModel, folder: string): Promise<void> {
  await expectSavable(folder);
  const { weights, optimizer } = await snapshot(model);
  const choices = choicesText(model.runtime.choices());
  await writeFolder(
    folder,
    {
      'config.json': `${JSON.stringify(describeModel(model), null, 2)}\n`,
      'model.safetensors': safetensorsParts(tensorsOf(weights), { format: 'pt' }),
      ...(optimizer === undefined ? {} : { 'optimizer.safetensors': optimizer }),
      ...(choices === undefined ? {} : { [choicesFile]: choices }),
      'README.md': modelCard(model),
    },
    { replaceable: files },
  );
}
