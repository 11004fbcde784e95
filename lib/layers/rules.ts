/** What holds a layer's weights down: an L2 penalty, and a bound of what comes into one unit. */
import { expectNumber } from '../checks.js';
import type { ParamRule } from '../graph_spec.js';

/** Options of layers with weights. Biases have no penalty and no bound. */
export interface WeightOptions {
  /**
   * Adds the penalty `kernelL2 * sum(w²)` of the weights of the input to what is minimised, as Keras's `L2`: their gradients grow by
   * `2 * kernelL2 * w` before they are clipped. The loss that is reported leaves it out. At least 0.
   * @defaultValue 0
   */
  readonly kernelL2?: number;
  /**
   * Bounds the Euclidean norm of what comes into one unit: after each update a row of a weight matrix (one unit; in recurrent layers
   * one unit of one gate) that is longer is scaled down to it, as by Keras's `MaxNorm` along a unit's inputs. In recurrent layers the
   * weights of the input and of the state are bounded apart. 0: no bound.
   * @defaultValue 0
   */
  readonly maxNorm?: number;
}

/** Options of recurrent layers. */
export interface RecurrentWeightOptions extends WeightOptions {
  /**
   * As `kernelL2`, for the weights of the state.
   * @defaultValue 0
   */
  readonly recurrentL2?: number;
}

const atLeastZero = { min: 0, max: 1e30 };

/** The options with defaults, checked. */
export function expectWeightOptions({ kernelL2, maxNorm }: WeightOptions): Required<WeightOptions> {
  return {
    kernelL2: expectNumber('kernelL2', kernelL2 ?? 0, atLeastZero),
    maxNorm: expectNumber('maxNorm', maxNorm ?? 0, atLeastZero),
  };
}

/** The options with defaults, checked. */
export function expectRecurrentWeightOptions(options: RecurrentWeightOptions): Required<RecurrentWeightOptions> {
  return {
    ...expectWeightOptions(options),
    recurrentL2: expectNumber('recurrentL2', options.recurrentL2 ?? 0, atLeastZero),
  };
}

/** A group's rules from those of its params in order (null: a bias); nothing where none has any. */
export function groupRules(rules: readonly (ParamRule | null)[]): { readonly rules?: readonly ParamRule[] } {
  if (rules.every((rule) => !rule?.l2 && !rule?.maxNorm)) return {};
  return { rules: rules.map((rule) => rule ?? {}) };
}
