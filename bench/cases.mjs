// What is measured: the shapes, and what is asked of them.

/** Axes of one case. `layers` and `directions` are 1 unless they say otherwise. */
const shape = (steps, batch, inputs, units, layers = 1, directions = 1) => ({
  steps,
  batch,
  inputs,
  units,
  layers,
  directions,
});

export const shapes = {
  A: shape(28, 64, 28, 128),
  B: shape(28, 128, 128, 128),
  C: shape(128, 64, 256, 512),
  D: shape(28, 1, 28, 128),
  F: shape(28, 1024, 28, 256),
  'A bidirectional': shape(28, 64, 28, 128, 1, 2),
  'B bidirectional': shape(28, 128, 128, 128, 1, 2),
  'B, 2 layers': shape(28, 128, 128, 128, 2),
};

const passesOf = (name) => (name === 'D' || name === 'F' ? ['forward'] : ['forward', 'train']);

/** The layer by itself: every shape, forward and with all gradients; and one streaming step (E). */
export const layerCases = [
  ...Object.entries(shapes).flatMap(([name, axes]) => passesOf(name).map((pass) => ({ name, pass, ...axes }))),
  { name: 'E', pass: 'step', ...shape(1, 1, 28, 128) },
];

/** OpenBLAS, sgemm of 1024: what the machine can do, measured in the same rounds. */
export const yardstick = { name: 'sgemm 1024', pass: 'gemm', ...shape(1, 1024, 1024, 1024) };

/** The main job: one epoch of MNIST. */
export const epochCase = { name: 'MNIST epoch', pass: 'epoch', ...shape(28, 128, 28, 128, 2) };

/** How cost grows with each axis, the others as in A. */
export const growthCases = {
  batch: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((batch) => shape(28, batch, 28, 128)),
  steps: [1, 4, 16, 28, 64, 128, 256, 512].map((steps) => shape(steps, 64, 28, 128)),
  units: [16, 32, 64, 96, 128, 192, 256, 384, 512].map((units) => shape(28, 64, 28, units)),
  layers: [1, 2, 3, 4, 6, 8].map((layers) => shape(28, 64, 28, 128, layers)),
};

/** Multiplications and additions of one pass: gates x (inputs + units), both directions; a train step is three forwards. */
export function flops({ pass, steps, batch, inputs, units, layers, directions }) {
  if (pass === 'gemm') return 2 * batch * inputs * units;
  const width = (layer) => (layer === 0 ? inputs : directions * units);
  let sum = 0;
  for (let layer = 0; layer < layers; layer++) sum += 6 * units * (width(layer) + units) * steps * batch * directions;
  return sum * (pass === 'train' ? 3 : 1);
}
