/** The README of a saved model, with the front matter that model hubs read. */
import { describeScheme } from '../image/index.js';
import type { Network } from '../model/network.js';

/** A short card: what the model is, what it takes and gives, how to use it. */
export function modelCard(model: Network<unknown> & { readonly classNames: readonly string[] | undefined }): string {
  const readings = model.spec.topology.nodes.flatMap(({ reading }) => reading?.toSequence ?? []);
  const layers = model.layers.map(
    ({ name, layer }) => `- \`${name}\`: ${layer.kind} \`${JSON.stringify(layer.config)}\``,
  );
  const schemes = readings.map(describeScheme).join('** and **');
  const reads = readings.length === 0 ? '' : `Images are read as sequences: **${schemes}**.\n`;
  const shapes = model.outputShapes.map((shape) => `[${shape.join(', ')}]`).join(' and ');
  const classes = model.classNames === undefined ? '' : `Classes: ${model.classNames.join(', ')}\n`;
  return `---
library_name: cugru
pipeline_tag: ${model.inputShape.length === 3 ? 'image-classification' : 'other'}
tags: [gru, recurrent, cugru]
---

# A recurrent model made with cugru

Takes rows of [${model.inputShape.join(', ')}], gives ${shapes}; ${model.parameterCount} parameters.
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
