/** Random and hand-picked shapes of the GRU, with their data and float64 results. */
import {
  type GruGradients,
  GruReference,
  type GruResult,
  type GruShape,
  gruParams,
  parameterCount,
} from './conformance_gru.js';
import { Random } from './conformance_random.js';

/** Where the gradient comes from, and which outputs the graph has. */
export type GradientFrom = 'y' | 'hN' | 'both';

export interface GruCase extends GruShape {
  readonly hasState: boolean;
  readonly lengthsOf: 'none' | 'mixed' | 'ones' | 'full';
  readonly from: GradientFrom;
  /** The graph has only the outputs that give a gradient. */
  readonly onlyThose: boolean;
}

export interface GruData {
  readonly x: Float32Array;
  readonly h0: Float32Array | undefined;
  readonly lengths: Int32Array | undefined;
  readonly parameters: Float32Array;
  readonly dy: Float32Array | undefined;
  readonly dhN: Float32Array | undefined;
  readonly result: GruResult;
  readonly gradients: GruGradients;
}

export function describeCase(c: GruCase): string {
  const flags = `${c.hasState ? ' h0' : ''} lengths:${c.lengthsOf} from:${c.from}${c.onlyThose ? ' only' : ''}`;
  return `I${c.inputs} H${c.units} L${c.layers} D${c.directions} B${c.batch} T${c.steps}${flags}`;
}

// Sizes around vector widths, and any.
function size(random: Random): number {
  return random.next() < 0.4 ? random.pick(1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33) : random.integer(1, 24);
}

export function randomCase(random: Random): GruCase {
  return {
    inputs: size(random),
    units: size(random),
    layers: random.pick(1, 1, 2, 3),
    directions: random.pick(1, 2),
    batch: random.next() < 0.8 ? random.integer(1, 9) : random.integer(10, 45),
    steps: random.integer(1, 9),
    hasState: random.pick(true, false),
    lengthsOf: random.pick('none', 'mixed', 'mixed', 'ones', 'full'),
    from: random.pick('y', 'hN', 'both'),
    onlyThose: random.pick(true, false),
  };
}

export const larger: readonly GruCase[] = [
  // Ends in the middle of a vector, a panel, a tile, a slice of the batch and a block of the weights' gradient.
  {
    inputs: 67,
    units: 130,
    layers: 1,
    directions: 1,
    batch: 37,
    steps: 19,
    hasState: true,
    lengthsOf: 'mixed',
    from: 'both',
    onlyThose: false,
  },
  // Many slices.
  {
    inputs: 9,
    units: 20,
    layers: 2,
    directions: 2,
    batch: 300,
    steps: 4,
    hasState: true,
    lengthsOf: 'mixed',
    from: 'both',
    onlyThose: false,
  },
  {
    inputs: 28,
    units: 32,
    layers: 1,
    directions: 1,
    batch: 300,
    steps: 6,
    hasState: false,
    lengthsOf: 'none',
    from: 'hN',
    onlyThose: true,
  },
  // More tiles than one of the weights' gradient, in both axes.
  {
    inputs: 300,
    units: 257,
    layers: 1,
    directions: 1,
    batch: 3,
    steps: 3,
    hasState: true,
    lengthsOf: 'none',
    from: 'y',
    onlyThose: false,
  },
  {
    inputs: 5,
    units: 257,
    layers: 1,
    directions: 2,
    batch: 2,
    steps: 4,
    hasState: false,
    lengthsOf: 'mixed',
    from: 'hN',
    onlyThose: true,
  },
  // Long.
  {
    inputs: 3,
    units: 24,
    layers: 1,
    directions: 1,
    batch: 2,
    steps: 200,
    hasState: true,
    lengthsOf: 'mixed',
    from: 'both',
    onlyThose: false,
  },
];

/** 500 random shapes and a few larger ones. */
export const gruCases: readonly GruCase[] = (() => {
  const random = new Random(2014);
  return [...Array.from({ length: 500 }, () => randomCase(random)), ...larger];
})();

export function lengthsFor(c: GruCase, random: Random): Int32Array | undefined {
  if (c.lengthsOf === 'none') return undefined;
  if (c.lengthsOf === 'ones') return new Int32Array(c.batch).fill(1);
  if (c.lengthsOf === 'full') return new Int32Array(c.batch).fill(c.steps);
  const lengths = random.integers(c.batch, 1, c.steps);
  lengths[random.integer(0, c.batch - 1)] = 1;
  lengths[random.integer(0, c.batch - 1)] = c.steps;
  return lengths;
}

const made = new Map<GruCase, GruData>();

/** The case's data, the same at every call. */
export function gruData(c: GruCase): GruData {
  const known = made.get(c);
  if (known !== undefined) return known;
  const random = new Random(gruCases.indexOf(c));
  const states = c.batch * c.layers * c.directions * c.units;
  const feed = {
    x: random.floats(c.batch * c.steps * c.inputs, 2),
    h0: c.hasState ? random.floats(states) : undefined,
    lengths: lengthsFor(c, random),
    parameters: random.floats(parameterCount(gruParams(c)), 1.5 / Math.sqrt(c.units)),
  };
  const dy = c.from === 'hN' ? undefined : random.floats(c.batch * c.steps * c.directions * c.units);
  const dhN = c.from === 'y' ? undefined : random.floats(states);
  const reference = new GruReference(c, feed);
  const data = { ...feed, dy, dhN, result: reference.result, gradients: reference.backward(dy, dhN) };
  made.set(c, data);
  return data;
}
