/** Rows with labels, and what they say about the graph that trains or evaluates on them. */
import { show } from '../checks.js';
import { Dataset, fromArrays } from '../data/index.js';
import { CugruError } from '../errors.js';
import { type LabelKind, type Loss, needsNoLabels } from '../layers/loss.js';
import type { Variant } from '../model/lowering.js';
import type { Network } from '../model/network.js';
import { expectInputs, inputVariant } from '../model/source.js';
import { elements } from '../model/tensor.js';
import type { Batch } from './options.js';

/** @internal A batch of one step as a dataset, of as many rows as the model fixes. */
export function asDataset(batch: Batch, { inputShape, batchSize }: Network<unknown>): Dataset {
  if (typeof batch !== 'object' || batch === null) {
    throw new CugruError('ERR_TYPE', `a batch must be a dataset, or { inputs, labels }, got ${show(batch)}`);
  }
  const dataset = batch instanceof Dataset ? batch : fromArrays({ ...batch, shape: batch.shape ?? inputShape });
  if (batchSize === undefined || dataset.size === batchSize) return dataset;
  const problem = `the model has a batchSize, and takes batches of ${batchSize} rows, got ${dataset.size}`;
  throw new CugruError('ERR_SHAPE', problem, { expected: batchSize, got: dataset.size });
}

function expectTargets(width: number, outputShape: readonly number[]): void {
  const wanted = elements(outputShape);
  if (width === wanted) return;
  throw new CugruError(
    'ERR_SHAPE',
    `the model gives [${outputShape.join(', ')}], that is ${wanted} numbers for a row, the labels have ${width}`,
    { expected: outputShape, got: width },
  );
}

/**
 * @internal The graph that a dataset needs, labelled where the loss looks at labels.
 * @throws {@link CugruError} `ERR_TYPE`, `ERR_SHAPE`; `ERR_VALUE` without labels.
 */
export function labelledVariant(model: Network<unknown>, dataset: Dataset, loss: Loss): Variant {
  if (!(dataset instanceof Dataset)) {
    throw new CugruError(
      'ERR_TYPE',
      'expected a dataset; make one with datasets.fromArrays({ inputs, labels, shape })',
    );
  }
  expectInputs(dataset, model.inputShape);
  if (needsNoLabels(loss)) return { ...inputVariant(dataset), loss: { loss, labels: 'none' } };
  const { labels } = dataset.storage;
  if (labels === undefined) throw new CugruError('ERR_VALUE', 'this dataset has no labels to train or evaluate on');
  const kind: LabelKind = labels instanceof Int32Array ? 'classes' : 'values';
  if (kind === 'values') expectTargets(labels.length / dataset.storage.rows, model.outputShape);
  return { ...inputVariant(dataset), loss: { loss, labels: kind } };
}
