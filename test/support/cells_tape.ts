/** Reverse-mode differentiation of float64 vectors, as little as the recurrent cells need: values with their gradients. */

/** A vector and the gradient of some scalar with respect to it. */
export interface Vector {
  readonly v: Float64Array;
  readonly g: Float64Array;
}

export function vector(v: Float64Array): Vector {
  return { v, g: new Float64Array(v.length) };
}

/** A part of a vector: the same memory. */
export function slice({ v, g }: Vector, first: number, count: number): Vector {
  return { v: v.subarray(first, first + count), g: g.subarray(first, first + count) };
}

const at = (values: Float64Array, i: number) => values[i] as number;

/** Records what is computed, and takes it back. */
export class Tape {
  readonly #back: (() => void)[] = [];

  // `slopes`: of the result with respect to each argument, at element i.
  #pointwise(
    args: readonly Vector[],
    f: (i: number) => number,
    slopes: readonly ((i: number, y: number) => number)[],
  ): Vector {
    const y = vector((args[0] as Vector).v.map((_, i) => f(i)));
    this.#back.push(() => {
      for (const [k, argument] of args.entries()) {
        const slope = slopes[k] as (i: number, y: number) => number;
        for (let i = 0; i < y.v.length; i++) argument.g[i] = at(argument.g, i) + at(y.g, i) * slope(i, at(y.v, i));
      }
    });
    return y;
  }

  add(a: Vector, b: Vector): Vector {
    return this.#pointwise([a, b], (i) => at(a.v, i) + at(b.v, i), [() => 1, () => 1]);
  }

  mul(a: Vector, b: Vector): Vector {
    return this.#pointwise([a, b], (i) => at(a.v, i) * at(b.v, i), [(i) => at(b.v, i), (i) => at(a.v, i)]);
  }

  oneMinus(a: Vector): Vector {
    return this.#pointwise([a], (i) => 1 - at(a.v, i), [() => -1]);
  }

  sigmoid(a: Vector): Vector {
    return this.#pointwise([a], (i) => 1 / (1 + Math.exp(-at(a.v, i))), [(_, y) => y * (1 - y)]);
  }

  tanh(a: Vector): Vector {
    return this.#pointwise([a], (i) => Math.tanh(at(a.v, i)), [(_, y) => 1 - y * y]);
  }

  relu(a: Vector): Vector {
    return this.#pointwise([a], (i) => Math.max(at(a.v, i), 0), [(_, y) => (y > 0 ? 1 : 0)]);
  }

  /** W x for a matrix whose rows lie one after the other. */
  product(weight: Vector, x: Vector): Vector {
    const width = x.v.length;
    const y = vector(new Float64Array(weight.v.length / width));
    for (let row = 0; row < y.v.length; row++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += at(weight.v, row * width + k) * at(x.v, k);
      y.v[row] = sum;
    }
    this.#back.push(() => {
      for (let row = 0; row < y.v.length; row++) {
        const gradient = at(y.g, row);
        for (let k = 0; k < width; k++) {
          const i = row * width + k;
          weight.g[i] = at(weight.g, i) + gradient * at(x.v, k);
          x.g[k] = at(x.g, k) + gradient * at(weight.v, i);
        }
      }
    });
    return y;
  }

  /** Copies into a place of a larger vector. */
  put(a: Vector, to: Vector): void {
    to.v.set(a.v);
    this.#back.push(() => {
      for (let i = 0; i < a.g.length; i++) a.g[i] = at(a.g, i) + at(to.g, i);
    });
  }

  /** From the gradients that the results hold to those of all that they were made of. */
  backward(): void {
    for (const back of this.#back.reverse()) back();
    this.#back.length = 0;
  }
}
