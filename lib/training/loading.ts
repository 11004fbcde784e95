/** Loading a model from its folder, treated as hostile until every part has been checked. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expectString, rejectUnknownKeys } from '../checks.js';
import { CugruError, type ErrorCode } from '../errors.js';
import { readSafetensors } from '../formats/index.js';
import { expectDecoding } from '../image/index.js';
import type { Device, Precision } from '../model/runtime.js';
import type { Tensor } from '../model/tensor.js';
import type { StateDict } from '../model/weights.js';
import { native } from '../native.js';
import { Model } from './model.js';
import { readChoices } from './saved_choices.js';
import { restoreTopology } from './saved_topology.js';
import { format, type SavedModel, slotsOf, version } from './saving.js';

/** Options of {@link loadModel}. */
export interface LoadOptions {
  /** @defaultValue 'auto' */
  readonly device?: Device;
  /** As of {@link ModelOptions}: a model's file says nothing of it. */
  readonly precision?: Precision;
}

// Errors that say more than that the files are wrong.
const notOfTheFile: readonly ErrorCode[] = [
  'ERR_CHECKPOINT_CORRUPT',
  'ERR_CUDA_UNAVAILABLE',
  'ERR_NATIVE_LOAD',
  'ERR_OUT_OF_MEMORY',
  'ERR_UNSUPPORTED',
];

function corrupt(path: string, problem: string, cause?: unknown): CugruError {
  return new CugruError('ERR_CHECKPOINT_CORRUPT', `${path} is no cugru model: ${problem}`, { path }, { cause });
}

async function readConfig(path: string): Promise<SavedModel> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw corrupt(path, 'the file cannot be read', error);
  }
  let config: SavedModel;
  try {
    config = JSON.parse(text) as SavedModel;
  } catch (error) {
    throw corrupt(path, 'it is not JSON', error);
  }
  if (typeof config !== 'object' || config === null || config.format !== format) {
    throw corrupt(path, `"format" is not "${format}"`);
  }
  if (!Number.isInteger(config.version) || config.version < 1 || config.version > version) {
    throw new CugruError(
      'ERR_CHECKPOINT_VERSION',
      `${path} has version ${config.version}, this cugru reads up to ${version}; install a newer cugru`,
      { path, version: config.version },
    );
  }
  const [nodes, needed] = config.version < 3 ? ['layers', 'layers'] : ['nodes', 'nodes", "outputs'];
  const content = config as unknown as Readonly<Record<string, unknown>>;
  const complete = config.version < 3 || Array.isArray(config.outputs);
  if (!Array.isArray(content[nodes as string]) || !Array.isArray(config.inputShape) || !complete) {
    throw corrupt(path, `"${needed}" or "inputShape" is missing`);
  }
  return config;
}

function buildModel(path: string, config: SavedModel, options: LoadOptions): Model<unknown> {
  try {
    const model = new Model<unknown>(restoreTopology(config), {
      seed: config.seed,
      device: options.device ?? 'auto',
      ...(options.precision === undefined ? {} : { precision: options.precision }),
    });
    if (config.compile !== undefined) model.compile(config.compile);
    if (Array.isArray(config.classNames)) model.classNames = config.classNames.map(String);
    if (config.decoding !== undefined) model.decoding = expectDecoding(config.decoding);
    return model;
  } catch (error) {
    if (error instanceof CugruError && notOfTheFile.includes(error.code)) throw error;
    throw corrupt(path, error instanceof Error ? error.message : String(error), error);
  }
}

async function readTensors(path: string): Promise<{ dict: StateDict; metadata: Readonly<Record<string, string>> }> {
  const { tensors, metadata } = await readSafetensors(path);
  const dict: Record<string, Tensor> = Object.create(null);
  for (const { name, data, shape } of tensors) {
    if (!(data instanceof Float32Array)) throw corrupt(path, `${name} is not F32`);
    dict[name] = { data, shape };
  }
  return { dict, metadata };
}

const sliceLength = 1 << 18;

// In slices, so that the event loop is free in between.
async function hasNegative(data: Float32Array): Promise<boolean> {
  for (let first = 0; first < data.length; first += sliceLength) {
    if (first > 0) await turn();
    const end = Math.min(first + sliceLength, data.length);
    for (let i = first; i < end; i++) {
      if ((data[i] as number) < 0) return true;
    }
  }
  return false;
}

async function restoreOptimizer(model: Model<unknown>, folder: string): Promise<void> {
  if (model.compileOptions === undefined) return;
  const path = join(folder, 'optimizer.safetensors');
  let saved: Awaited<ReturnType<typeof readTensors>>;
  try {
    saved = await readTensors(path);
  } catch (error) {
    if ((error as { cause?: { code?: string } }).cause?.code === 'ENOENT') return;
    throw error;
  }
  await model.configure();
  const store = await model.store();
  for (const slot of slotsOf(model.compileOptions.optimizer)) {
    const part = Object.entries(saved.dict).filter(([name]) => name.startsWith(`${slot}.`));
    const dict = Object.fromEntries(part.map(([name, tensor]) => [name.slice(slot.length + 1), tensor]));
    for (const [name, { data }] of slot === 'slot1' ? part : []) {
      if (await hasNegative(data)) throw corrupt(path, `${name} is negative, and no second moment`);
    }
    await model.table().write(store, slot, dict);
  }
  const step = Number(saved.metadata['step'] || Number.NaN);
  if (!Number.isSafeInteger(step) || step < 0) throw corrupt(path, 'its "step" is missing');
  await native().storeSetStep(store, step);
  const [scale, good, leftOut] = (saved.metadata['lossScale'] ?? '').split(' ').map(Number);
  if (scale === undefined || good === undefined || leftOut === undefined) return;
  await native().storeSetLossScale(store, { scale, good, leftOut });
}

/**
 * Loads a model that {@link Model.save} saved: layers, weights, normalisation, optimiser and its state, exactly. For a model whose
 * outputs are an array, say so: `loadModel<Float32Array[]>(folder)`.
 * @throws {@link CugruError} `ERR_CHECKPOINT_CORRUPT` naming file and problem, `ERR_CHECKPOINT_VERSION`,
 * `ERR_CUDA_UNAVAILABLE`, `ERR_OUT_OF_MEMORY`.
 */
export async function loadModel<Prediction = Float32Array>(
  folder: string,
  options: LoadOptions = {},
): Promise<Model<Prediction>> {
  rejectUnknownKeys('loadModel', options, ['device', 'precision']);
  const path = join(expectString('folder', folder), 'config.json');
  const config = await readConfig(path);
  const { dict } = await readTensors(join(folder, 'model.safetensors'));
  const model = buildModel(path, config, options);
  try {
    if (model.device !== 'cpu') model.runtime.offerChoices(await readChoices(folder));
    await model.setWeights(dict);
    if (config.normalized === false) model.normalized = false;
    await restoreOptimizer(model, folder);
    return model as Model<Prediction>;
  } catch (error) {
    model.dispose();
    if (error instanceof CugruError && notOfTheFile.includes(error.code)) throw error;
    throw corrupt(folder, error instanceof Error ? error.message : String(error), error);
  }
}
