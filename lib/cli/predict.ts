/** `cugru predict`: classes of image files. */
import { CugruError } from '../errors.js';
import { image } from '../image/index.js';
import type { Device } from '../model/runtime.js';
import { loadModel } from '../training/index.js';
import { applyThreads, printResult } from './options.js';

/** Options of the command. */
export interface PredictCommandOptions {
  readonly model: string;
  readonly invert: boolean;
  readonly device: Device;
  readonly threads?: number;
  readonly json: boolean;
}

function best(probabilities: Float32Array): number {
  return probabilities.reduce((top, p, i) => (p > (probabilities[top] as number) ? i : top), 0);
}

/** Prints the class of each file, and with `--json` all probabilities. */
export async function predictCommand(files: readonly string[], options: PredictCommandOptions): Promise<void> {
  applyThreads(options.threads);
  const model = await loadModel(options.model, { device: options.device });
  const [height, width, channels] = model.inputShape;
  if (height === undefined || width === undefined || (channels !== 1 && channels !== 3)) {
    throw new CugruError('ERR_VALUE', 'this model does not take images of one or three channels');
  }
  // As the training images were decoded; --invert turns that over.
  const invert = (model.decoding?.invert ?? false) !== options.invert;
  const pixels = await image.decodeAll(files, { ...model.decoding, height, width, channels, invert });
  const output = await model.predict(pixels);
  const classes = output.length / files.length;
  const predictions = files.map((file, i) => {
    const probabilities = output.subarray(i * classes, (i + 1) * classes);
    const index = best(probabilities);
    const name = model.classNames?.[index] ?? String(index);
    return { file, class: name, index, probability: probabilities[index] as number, probabilities: [...probabilities] };
  });
  const text = predictions.map((p) => `${p.file}\t${p.class}\t${p.probability.toFixed(4)}`).join('\n');
  printResult(options.json, { predictions, classNames: model.classNames, device: model.device }, text);
  model.dispose();
}
