// What is measured: shapes and precisions, what they cost in operations, and the order of the algorithm matrix.

/** (T, B, I, H, layers, directions), the most telling first. */
export const shapes = [
  { steps: 28, batch: 128, inputs: 28, units: 128, layers: 2, directions: 1 },
  { steps: 64, batch: 64, inputs: 192, units: 512, layers: 1, directions: 1 },
  { steps: 28, batch: 128, inputs: 28, units: 256, layers: 2, directions: 1 },
  { steps: 28, batch: 512, inputs: 28, units: 128, layers: 2, directions: 1 },
  { steps: 196, batch: 128, inputs: 48, units: 256, layers: 1, directions: 2 },
  { steps: 784, batch: 128, inputs: 1, units: 256, layers: 1, directions: 1 },
];

/** One step's latency, from host memory and back: a prediction, and a whole training step with its loss. */
export const latencyShape = { steps: 1, batch: 1, inputs: 128, units: 128, layers: 1, directions: 1 };

export const precisions = ['tf32', 'bf16', 'fp32'];
export const classes = 10;

const smaller = (value, most) => Math.min(value, most);

/** The same case for a device that is no GPU: it shows that the measurement runs, and nothing else. */
export const tiny = (c) => ({
  ...c,
  steps: smaller(c.steps, 3),
  batch: smaller(c.batch, 4),
  inputs: smaller(c.inputs, 3),
  units: smaller(c.units, 6),
});

export const nameOf = (c) =>
  `T=${c.steps} B=${c.batch} I=${c.inputs} H=${c.units}` +
  (c.layers > 1 ? `, ${c.layers} layers` : '') +
  (c.directions > 1 ? ', both directions' : '');

/** Multiplications and additions of the recurrent layers: gates x (inputs + units); a train step is three forwards. */
export function flops(c, pass, gates = 3) {
  let sum = 0;
  for (let layer = 0; layer < c.layers; layer++) {
    const width = layer === 0 ? c.inputs : c.directions * c.units;
    sum += 2 * gates * c.units * (width + c.units) * c.steps * c.batch * c.directions;
  }
  return sum * (pass.startsWith('train') ? 3 : 1);
}

const mostShapes = 200; // each of five algorithms: a thousand points

// Axes of the matrix with what each value costs in rank: 0 comes first.
const axes = {
  cell: { gru: 0, lstm: 4 },
  precision: { tf32: 0, bf16: 0, fp32: 3, fp16: 4 },
  units: { 128: 0, 256: 0, 512: 0, 129: 1, 192: 1, 384: 1, 160: 2, 64: 3, 1024: 3, 96: 5, 768: 5 },
  batch: { 128: 0, 64: 1, 16: 2, 256: 3, 32: 4, 8: 5, 1: 5 },
  steps: { 28: 0, 256: 1, 64: 3 },
  directions: { 1: 0, 2: 4 },
  layers: { 1: 0, 2: 4 },
  layout: { 'time-major': 0, 'batch-major': 3 },
  inputs: { 32: 0, 28: 3 },
};

/** Shapes of the algorithm matrix, the most telling first. Inputs are 32, so that no algorithm is refused for them, but for some of
 * 28: what those lose is what padding would win. */
export function matrixShapes() {
  let all = [{ rank: 0 }];
  for (const [axis, values] of Object.entries(axes)) {
    all = all.flatMap((one) =>
      Object.entries(values).map(([value, rank]) => ({
        ...one,
        [axis]: Number.isNaN(Number(value)) ? value : Number(value),
        rank: one.rank + rank,
      })),
    );
  }
  const inOrder = all.map((one, i) => ({ one, i })).sort((a, b) => a.one.rank - b.one.rank || a.i - b.i);
  return inOrder.slice(0, mostShapes).map(({ one: { rank: _, ...shape } }) => shape);
}
