/** Central differences, of a float64 function and of a float32 kernel. */
import { dot } from './conformance_compare.js';
import { Random } from './conformance_random.js';

type Numbers = Float32Array | Float64Array;

/** The gradient of `f` at `at`, element by element; `at` is changed and put back. */
export function centralDifferences(f: () => number, at: Float64Array, step = 1e-5): Float64Array {
  return at.map((value, i) => {
    at[i] = value + step;
    const above = f();
    at[i] = value - step;
    const below = f();
    at[i] = value;
    return (above - below) / (2 * step);
  });
}

export interface DirectionalCheck {
  readonly at: Float32Array;
  readonly gradient: Numbers;
  /** The scalar, summed in float64, at other values. */
  readonly scalar: (at: Float32Array) => Promise<number>;
  readonly seed: number;
  readonly step?: number;
}

/**
 * How far the change of the scalar along a random direction is from what the gradient foretells, relative to the lengths of
 * gradient and change. The change is taken from the floats as they were rounded. Four points: the error falls with step^4.
 */
export async function directionalError({
  at,
  gradient,
  scalar,
  seed,
  step = 1 / 128,
}: DirectionalCheck): Promise<number> {
  const random = new Random(seed);
  const signs = at.map(() => random.pick(-1, 1));
  const moved = async (steps: number) => {
    const values = at.map((value, i) => value + steps * step * (signs[i] as number));
    return { values, scalar: await scalar(values) };
  };
  const [twiceBelow, below, above, twiceAbove] = [await moved(-2), await moved(-1), await moved(1), await moved(2)];
  const change = 8 * (above.scalar - below.scalar) - (twiceAbove.scalar - twiceBelow.scalar);
  const direction = Float64Array.from(at, (_, i) => {
    const [a, b, c, d] = [above, below, twiceAbove, twiceBelow].map(({ values }) => values[i] as number);
    return 8 * ((a as number) - (b as number)) - ((c as number) - (d as number));
  });
  const scale = Math.sqrt(dot(gradient, gradient) * dot(direction, direction));
  return Math.abs(change - dot(gradient, direction)) / Math.max(scale, Number.MIN_VALUE);
}
