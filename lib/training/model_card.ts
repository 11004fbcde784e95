/** The README of a saved model, with the front matter that model hubs read. */
import { describeScheme } from '../image/index.js';
import type { Network } from '../model/network.js';

/** A short card: what the model is, what it takes and gives, how to use it. */
export function modelCard(model: Network & { readonly classNames: readonly string[] | undefined }): string {
  const { toSequence } = model.spec;
  const layers = model.spec.layers.map(
    ({ name, layer }) => `- \`${name}\`: ${layer.kind} \`${JSON.stringify(layer.config)}\``,
  );
  const reads = toSequence === undefined ? '' : `Images are read as sequences: **${describeScheme(toSequence)}**.\n`;
  const classes = model.classNames === undefined ? '' : `Classes: ${model.classNames.join(', ')}\n`;
  return `---
library_name: cugru
pipeline_tag: ${toSequence === undefined ? 'other' : 'image-classification'}
tags: [gru, recurrent, cugru]
---

# A recurrent model made with cugru

Takes rows of [${model.inputShape.join(', ')}], gives [${model.outputShape.join(', ')}]; ${model.parameterCount} parameters.
${reads}${classes}
${layers.join('\n')}

\`\`\`js
import { loadModel } from 'cugru'
const model = await loadModel('.')
const output = await model.predict(rows)
\`\`\`

Weights are in \`model.safetensors\` under PyTorch's names and shapes.
`;
}
