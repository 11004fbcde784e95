/** `cugru train`: the article's model on images read as sequences of rows. */
import { resolve } from 'node:path';
import type { Dataset } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Augmentation, image } from '../image/index.js';
import { classReports, confusionText, measureLatency, measureThroughput } from '../report/index.js';
import type { History, Sequential } from '../training/index.js';
import { expectSavable } from '../training/saving.js';
import { type ImageSettings, openForTraining } from './data.js';
import { applyThreads, printResult } from './options.js';
import { epochText, ProgressLine, progressText } from './progress.js';
import { articleModel, type Recipe } from './recipe.js';

/** How the command names the options of `image.toSequence`. */
export interface Reading {
  readonly scheme?: image.SchemeName;
  readonly patchSize?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly order?: image.OrderName;
}

/** Options of the command. */
export interface TrainOptions extends Omit<Recipe, 'toSequence'>, ImageSettings, Reading {
  readonly data: string;
  readonly out: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly augment?: readonly Augmentation[];
  readonly threads?: number;
  readonly json: boolean;
}

async function fitWithProgress(
  model: Sequential,
  train: Dataset,
  options: TrainOptions,
  signal: AbortSignal,
): Promise<History> {
  const line = new ProgressLine();
  try {
    return await model.fit(train, {
      epochs: options.epochs,
      batchSize: options.batchSize,
      augment: options.augment ?? [],
      signal,
      onProgress: (event) => line.draw(progressText(event, options.batchSize)),
      onEpochEnd: (logs) => line.line(epochText(logs, options.epochs)),
    });
  } finally {
    line.clear();
  }
}

/** Work that Ctrl-C ends between two steps; a second Ctrl-C, or one after the work, ends the process at once. */
async function interruptible<T>(message: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new CugruError('ERR_ABORTED', message));
  process.once('SIGINT', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function figures(model: Sequential, test: Dataset, history: History, options: TrainOptions) {
  const evaluation = await model.evaluate(test);
  const throughput = await measureThroughput(model, test);
  const latency = await measureLatency(model, test);
  const epochs = history.epochs;
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const images = epochs.reduce((sum, epoch) => sum + epoch.seconds * epoch.imagesPerSecond, 0);
  return {
    testAccuracy: evaluation.accuracy,
    testLoss: evaluation.loss,
    trainImagesPerSecond: images / seconds,
    secondsPerEpoch: seconds / epochs.length,
    inferenceImagesPerSecond: throughput.imagesPerSecond,
    latencyMilliseconds: latency,
    device: model.device,
    deviceDescription: model.runtime.description,
    epochs: options.epochs,
    batchSize: options.batchSize,
    augment: options.augment ?? [],
    seed: options.seed,
    parameters: model.parameterCount,
    computeShare: epochs.reduce((sum, epoch) => sum + epoch.computeSeconds, 0) / seconds,
    out: resolve(options.out),
    classes: classReports(evaluation.confusionMatrix ?? [], test.classNames),
    confusionMatrix: evaluation.confusionMatrix,
    history: epochs,
  };
}

type Figures = Awaited<ReturnType<typeof figures>>;

function figuresText(f: Figures, names: readonly string[] | undefined): string {
  return [
    `test accuracy    ${((f.testAccuracy ?? 0) * 100).toFixed(2)} %  (loss ${f.testLoss.toFixed(4)})`,
    `training         ${Math.round(f.trainImagesPerSecond)} images/s, ${f.secondsPerEpoch.toFixed(1)} s an epoch`,
    `inference        ${Math.round(f.inferenceImagesPerSecond)} images/s in batches`,
    `one image        ${f.latencyMilliseconds.median.toFixed(3)} ms median, ${f.latencyMilliseconds.p99.toFixed(3)} ms p99`,
    `device           ${f.deviceDescription}, ${f.parameters} parameters`,
    `saved to         ${f.out}`,
    '',
    confusionText(f.confusionMatrix ?? [], names),
  ].join('\n');
}

function given<T extends object, K extends keyof T>(options: T, keys: readonly K[]): Pick<T, K> {
  const entries = Object.entries(options).filter(([key, value]) => keys.includes(key as K) && value !== undefined);
  return Object.fromEntries(entries) as Pick<T, K>;
}

const imageKeys = ['size', 'channels', 'fit', 'kernel', 'background', 'invert', 'cache', 'skipBroken'] as const;
const readingKeys = ['scheme', 'patchSize', 'stride', 'order'] as const;

/** Trains, evaluates, saves, and prints. */
export async function trainCommand(options: TrainOptions): Promise<void> {
  applyThreads(options.threads);
  await expectSavable(options.out);
  const message = `interrupted in training; nothing was saved to ${options.out}`;
  const settings = { ...given(options, imageKeys), seed: options.seed };
  const { train, test, skipped } = await interruptible(message, (signal) =>
    openForTraining(options.data, settings, signal),
  );
  const model = articleModel(train, { ...options, toSequence: given(options, readingKeys) });
  process.stderr.write(
    `${train.name}: ${train.size} training and ${test.size} test images\n${await model.summary()}\n`,
  );
  const history = await interruptible(message, (signal) => fitWithProgress(model, train, options, signal));
  await model.save(options.out);
  const result = { ...(await figures(model, test, history, options)), skipped: skipped.length };
  printResult(options.json, result, figuresText(result, test.classNames));
  model.dispose();
}
