/** First biases of gated cells: Keras's forget bias, and gates spread over many time scales. */
import { expectNumber, rejectUnknownKeys } from '../checks.js';
import { CugruError } from '../errors.js';
import type { InitializerSpec } from '../graph_spec.js';
import { type CellName, cells } from './cells.js';
import { expectInitializer, type Initializer, initializerSpec } from './initializers.js';

/**
 * The gate that keeps the state starts at memories of many lengths; biases of the other gates start at zero. With f the gate
 * that keeps (LSTM's f, GRU's z, the leaky cell's z) and i an input gate of its own, if there is one:
 * - `chrono`: `b_f = log u`, u uniform in [1, maxSteps − 1], and `b_i = −b_f` (Tallec and Ollivier, 2018): memories of 2 to
 *   `maxSteps` steps. Give the length of the sequences.
 * - `uniformGate`: `b_f = log(u / (1 − u))`, u uniform in [1/units, 1 − 1/units], and `b_i = −b_f` (Gu et al., 2020): the gate
 *   starts uniform in (0, 1), without a length to choose.
 */
export type GateInitializer = { readonly kind: 'chrono'; readonly maxSteps: number } | { readonly kind: 'uniformGate' };

/** How the biases of a recurrent layer start. */
export type BiasInitializer = Initializer | GateInitializer;

/** Checks a bias initializer for a cell; a copy, so that later changes of the caller's object do not matter. */
export function expectBiasInitializer(cell: CellName, value: unknown): BiasInitializer {
  if (typeof value !== 'object' || value === null) return expectInitializer('biasInitializer', value);
  const { kind } = value as { readonly kind?: unknown };
  if (kind !== 'chrono' && kind !== 'uniformGate') {
    throw new CugruError(
      'ERR_VALUE',
      "biasInitializer must be a name, { kind: 'chrono', maxSteps } or { kind: 'uniformGate' }",
    );
  }
  if (cells[cell].keeps === undefined) {
    throw new CugruError(
      'ERR_VALUE',
      `biasInitializer '${kind}' is for cells with a gate that keeps; ${cell} has none`,
    );
  }
  if (kind === 'uniformGate') {
    rejectUnknownKeys("biasInitializer 'uniformGate'", value, ['kind']);
    return { kind };
  }
  rejectUnknownKeys("biasInitializer 'chrono'", value, ['kind', 'maxSteps']);
  const { maxSteps } = value as { readonly maxSteps?: unknown };
  return { kind, maxSteps: expectNumber('maxSteps', maxSteps, { min: 2, max: 2 ** 30 }) };
}

// `keeping` for the gate that keeps, `writing` for an input gate, `other` for the rest.
function byGate(
  cell: CellName,
  keeping: InitializerSpec,
  writing: InitializerSpec,
  other: InitializerSpec,
): InitializerSpec {
  const { gates, keeps, writes } = cells[cell];
  return {
    kind: 'parts',
    parts: gates.map((_, gate) => (gate === keeps ? keeping : gate === writes ? writing : other)),
  };
}

/** What the two biases of a layer start with; the second is zero where the first sets a gate. */
export function biasSpecs(
  cell: CellName,
  bias: BiasInitializer,
  units: number,
  unitForgetBias: boolean,
): { readonly input: InitializerSpec; readonly state: InitializerSpec } {
  const zeros: InitializerSpec = { kind: 'zeros' };
  const { keeps, gates } = cells[cell];
  if (typeof bias === 'string') {
    const plain = initializerSpec(bias, units, gates.length);
    if (!unitForgetBias || keeps === undefined) return { input: plain, state: plain };
    const one: InitializerSpec = { kind: 'constant', value: 1 };
    const part = initializerSpec(bias, units, 1);
    return { input: byGate(cell, one, part, part), state: byGate(cell, zeros, part, part) };
  }
  const keeping: InitializerSpec =
    bias.kind === 'chrono' ? { kind: 'chrono', value: bias.maxSteps } : { kind: 'uniformGate' };
  return { input: byGate(cell, keeping, { kind: 'negated', value: keeps ?? 0 }, zeros), state: zeros };
}
