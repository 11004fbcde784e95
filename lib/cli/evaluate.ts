/** `cugru evaluate`: a saved model on a test set. */

import type { Device } from '../model/runtime.js';
import { classReports, confusionText, measureLatency } from '../report/index.js';
import { loadModel } from '../training/index.js';
import { applyThreads, loadData, printResult } from './options.js';

/** Options of the command. */
export interface EvaluateCommandOptions {
  readonly model: string;
  readonly data: string;
  readonly device: Device;
  readonly threads?: number;
  readonly json: boolean;
}

/** Prints accuracy, figures by class and speed. */
export async function evaluateCommand(options: EvaluateCommandOptions): Promise<void> {
  applyThreads(options.threads);
  const { test } = await loadData(options.data);
  const model = await loadModel(options.model, { device: options.device });
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
