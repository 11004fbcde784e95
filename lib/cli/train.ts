/** `cugru train`: a ready model on images. */
import { resolve } from 'node:path';
import type { Dataset } from '../data/index.js';
import { CugruError } from '../errors.js';
import type { Augmentation } from '../image/index.js';
import { classReports, confusionText, measureLatency, measureThroughput } from '../report/index.js';
import type { History, Sequential } from '../training/index.js';
import { expectSavable } from '../training/saving.js';
import { type ImageSettings, type OpenedData, openForTraining, type TrainingSplit } from './data.js';
import { type ModelChoices, type ModelSetting, readyModel } from './models.js';
import { applyThreads, printResult } from './options.js';
import { epochText, ProgressLine, progressText } from './progress.js';

const imageKeys = ['size', 'fit', 'background', 'cache', 'skipBroken'] as const;

/** Options of the command. */
export interface TrainOptions
  extends ModelChoices,
    ModelSetting,
    TrainingSplit,
    Pick<ImageSettings, (typeof imageKeys)[number]> {
  readonly data: string;
  readonly out: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly color?: 'grey' | 'rgb';
  readonly augment?: readonly Augmentation[];
  readonly threads?: number;
  readonly json: boolean;
}

async function fitWithProgress(
  model: Sequential,
  { train, validation }: OpenedData,
  options: TrainOptions,
  signal: AbortSignal,
): Promise<History> {
  const line = new ProgressLine();
  try {
    return await model.fit(train, {
      epochs: options.epochs,
      batchSize: options.batchSize,
      augment: options.augment ?? [],
      ...(validation === undefined ? {} : { validationData: validation }),
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

type Evaluation = Awaited<ReturnType<Sequential['evaluate']>>;

/** How the model does on rows that it has not learnt from. */
interface Findings {
  readonly validation: Evaluation | undefined;
  readonly test: Evaluation | undefined;
  /** The test rows; without some, those of the validation: what figures by class and speed are of. */
  readonly rows: Dataset;
  readonly of: 'test' | 'validation';
}

async function evaluateParts(model: Sequential, { validation, test }: OpenedData): Promise<Findings> {
  const rows = test ?? validation;
  if (rows === undefined) throw new CugruError('ERR_INTERNAL', 'there are no rows to evaluate on');
  return {
    validation: validation && (await model.evaluate(validation)),
    test: test && (await model.evaluate(test)),
    rows,
    of: test === undefined ? 'validation' : 'test',
  };
}

function accuracies({ validation, test }: Findings) {
  return {
    ...(validation === undefined ? {} : { validationAccuracy: validation.accuracy, validationLoss: validation.loss }),
    ...(test === undefined ? {} : { testAccuracy: test.accuracy, testLoss: test.loss }),
  };
}

async function figures(model: Sequential, data: OpenedData, history: History, options: TrainOptions) {
  const findings = await evaluateParts(model, data);
  const { rows, of } = findings;
  const throughput = await measureThroughput(model, rows);
  const latency = await measureLatency(model, rows);
  const epochs = history.epochs;
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const images = epochs.reduce((sum, epoch) => sum + epoch.seconds * epoch.imagesPerSecond, 0);
  const confusionMatrix = findings[of]?.confusionMatrix ?? [];
  return {
    ...accuracies(findings),
    model: options.model ?? 'gruRows',
    parameters: model.parameterCount,
    images: { train: data.train.size, validation: data.validation?.size ?? 0, test: data.test?.size ?? 0 },
    skipped: data.skipped.length,
    trainImagesPerSecond: images / seconds,
    secondsPerEpoch: seconds / epochs.length,
    inferenceImagesPerSecond: throughput.imagesPerSecond,
    latencyMilliseconds: latency,
    computeShare: epochs.reduce((sum, epoch) => sum + epoch.computeSeconds, 0) / seconds,
    device: model.device,
    deviceDescription: model.runtime.description,
    epochs: options.epochs,
    batchSize: options.batchSize,
    augment: options.augment ?? [],
    seed: options.seed,
    out: resolve(options.out),
    classesOf: of,
    classes: classReports(confusionMatrix, rows.classNames),
    confusionMatrix,
    history: epochs,
  };
}

type Figures = Awaited<ReturnType<typeof figures>>;

function accuracyLine(part: string, accuracy: number | undefined, loss: number | undefined): string[] {
  if (loss === undefined) return [];
  return [`${`${part} accuracy`.padEnd(20)} ${((accuracy ?? 0) * 100).toFixed(2)} %  (loss ${loss.toFixed(4)})`];
}

function figuresText(f: Figures, names: readonly string[] | undefined): string {
  return [
    ...accuracyLine('validation', f.validationAccuracy, f.validationLoss),
    ...accuracyLine('test', f.testAccuracy, f.testLoss),
    `training             ${Math.round(f.trainImagesPerSecond)} images/s, ${f.secondsPerEpoch.toFixed(1)} s an epoch`,
    `inference            ${Math.round(f.inferenceImagesPerSecond)} images/s in batches`,
    `one image            ${f.latencyMilliseconds.median.toFixed(3)} ms median, ${f.latencyMilliseconds.p99.toFixed(3)} ms p99`,
    `device               ${f.deviceDescription}, ${f.parameters} parameters`,
    `saved to             ${f.out}`,
    '',
    `${f.classesOf} images:`,
    confusionText(f.confusionMatrix, names),
  ].join('\n');
}

function given<T extends object, K extends keyof T>(options: T, keys: readonly K[]): Pick<T, K> {
  const entries = Object.entries(options).filter(([key, value]) => keys.includes(key as K) && value !== undefined);
  return Object.fromEntries(entries) as Pick<T, K>;
}

function imageSettings(options: TrainOptions): ImageSettings {
  const { color } = options;
  return { ...given(options, imageKeys), ...(color === undefined ? {} : { channels: color === 'grey' ? 1 : 3 }) };
}

function partsText({ train, validation, test }: OpenedData): string {
  const others = Object.entries({ validation, test }).flatMap(([name, rows]) =>
    rows === undefined ? [] : [`${rows.size} ${name}`],
  );
  return `${train.name}: ${[`${train.size} training`, ...others].join(', ')} images`;
}

/** Trains, evaluates, saves, and prints. */
export async function trainCommand(options: TrainOptions): Promise<void> {
  applyThreads(options.threads);
  await expectSavable(options.out);
  const message = `interrupted in training; nothing was saved to ${options.out}`;
  const split = given(options, ['validationSplit', 'seed']);
  const data = await interruptible(message, (signal) =>
    openForTraining(options.data, imageSettings(options), split, signal),
  );
  const model = readyModel(data.train, options, options);
  process.stderr.write(`${partsText(data)}\n${await model.summary()}\n`);
  const history = await interruptible(message, (signal) => fitWithProgress(model, data, options, signal));
  await model.save(options.out);
  const result = await figures(model, data, history, options);
  printResult(options.json, result, figuresText(result, data.train.classNames));
  model.dispose();
}
