/** Which weights a model takes over from another one. */
import { expectString, show } from '../checks.js';
import { CugruError } from '../errors.js';
import { normalizationGroup } from '../layers/reading.js';
import type { Tensor } from './tensor.js';
import type { StateDict } from './weights.js';

const layerOf = (weight: string): string => weight.slice(0, weight.indexOf('.'));

function byLayer(weights: Readonly<StateDict>): Map<string, [string, Tensor][]> {
  const layers = new Map<string, [string, Tensor][]>();
  for (const [name, tensor] of Object.entries(weights)) {
    const layer = layerOf(name);
    layers.set(layer, [...(layers.get(layer) ?? []), [name, tensor]]);
  }
  return layers;
}

// What keeps a layer from taking its weights; undefined: nothing.
function difference(own: readonly [string, Tensor][], given: Readonly<StateDict>): string | undefined {
  for (const [name, { shape }] of own) {
    const other = Object.hasOwn(given, name) ? given[name] : undefined;
    if (other === undefined) return `the other model has no ${name}`;
    if (other.shape.join() !== shape.join()) {
      return `${name} is [${shape.join(', ')}] here and [${other.shape.join(', ')}] there`;
    }
  }
  return undefined;
}

function expectLayers(layers: unknown): readonly string[] {
  if (!Array.isArray(layers)) throw new CugruError('ERR_TYPE', `layers must be a list of names, got ${show(layers)}`);
  return layers.map((name, i) => expectString(`layers[${i}]`, name));
}

/**
 * The part of `given` that fits: of the named layers, or of all that both models have with the same shapes.
 * @throws {@link CugruError} `ERR_VALUE` where nothing fits or a name is unknown, `ERR_SHAPE` where a named layer does not fit.
 */
export function weightsToTake(own: Readonly<StateDict>, given: Readonly<StateDict>, layers?: unknown): StateDict {
  const mine = byLayer(own);
  const named = layers === undefined ? undefined : expectLayers(layers);
  for (const name of named ?? []) {
    const weights = mine.get(name);
    if (weights === undefined) {
      const known = [...mine.keys()].join(', ');
      throw new CugruError('ERR_VALUE', `there is no layer '${name}' with weights; known are ${known}`, {
        layer: name,
      });
    }
    const problem = difference(weights, given);
    if (problem !== undefined) throw new CugruError('ERR_SHAPE', `'${name}' cannot take weights: ${problem}`);
  }
  const taken = [...mine].filter(([layer, weights]) =>
    named === undefined ? difference(weights, given) === undefined : named.includes(layer),
  );
  if (taken.every(([layer]) => layer === normalizationGroup)) {
    const theirs = [...byLayer(given).keys()].join(', ');
    throw new CugruError(
      'ERR_VALUE',
      `no layer has the same name and shapes in both models; here are ${[...mine.keys()].join(', ')}, there ${theirs}`,
    );
  }
  return Object.fromEntries(taken.flatMap(([, weights]) => weights.map(([name]) => [name, given[name] as Tensor])));
}
