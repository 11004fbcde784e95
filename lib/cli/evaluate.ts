/** `cugru evaluate`: a saved model on a test set. */

import type { Device } from '../model/runtime.js';
import { classReports, confusionText, measureLatency } from '../report/index.js';
import { loadModel, type Sequential } from '../training/index.js';
import { type ImageSettings, openForEvaluation } from './data.js';
import { applyThreads, printResult } from './options.js';

/** Options of the command. */
export interface EvaluateCommandOptions {
  readonly model: string;
  readonly data: string;
  readonly device: Device;
  readonly threads?: number;
  readonly cache?: string;
  readonly skipBroken?: boolean;
  readonly json: boolean;
}

// Image files become what the model was trained on.
function settingsOf(model: Sequential, { cache, skipBroken }: EvaluateCommandOptions): ImageSettings {
  const [height, width, channels] = model.inputShape;
  const size = height === undefined || width === undefined ? {} : { size: [height, width] as const };
  return {
    ...model.decoding,
    ...size,
    ...(channels === 1 || channels === 3 ? { channels } : {}),
    ...(model.classNames === undefined ? {} : { classNames: model.classNames }),
    ...(cache === undefined ? {} : { cache }),
    skipBroken: skipBroken === true,
  };
}

/** Prints accuracy, figures by class and speed. */
export async function evaluateCommand(options: EvaluateCommandOptions): Promise<void> {
  applyThreads(options.threads);
  const model = await loadModel(options.model, { device: options.device });
  const test = await openForEvaluation(options.data, settingsOf(model, options));
  const evaluation = await model.evaluate(test);
  const confusion = evaluation.confusionMatrix ?? [];
  const names = model.classNames ?? test.classNames;
  const latencyMilliseconds = await measureLatency(model, test);
  const result = {
    testAccuracy: evaluation.accuracy,
    testLoss: evaluation.loss,
    samples: evaluation.samples,
    imagesPerSecond: evaluation.imagesPerSecond,
    latencyMilliseconds,
    device: model.device,
    classes: classReports(confusion, names),
    confusionMatrix: confusion,
  };
  const text = [
    `accuracy  ${((evaluation.accuracy ?? 0) * 100).toFixed(2)} %  (loss ${evaluation.loss.toFixed(4)}, ${evaluation.samples} images)`,
    `speed     ${Math.round(evaluation.imagesPerSecond)} images/s, one image ${latencyMilliseconds.median.toFixed(3)} ms`,
    '',
    confusionText(confusion, names),
  ];
  printResult(options.json, result, text.join('\n'));
  model.dispose();
}
