/** From a list of augmentations to the options of the operation that carries them out. */
import { expectOneOf, show } from '../checks.js';
import { CugruError } from '../errors.js';
import type { Augmentation } from './augment.js';
import * as make from './augment.js';
import type { ImageSize } from './schemes.js';

type Kind = Augmentation['kind'];

// The operation's numbers of kinds, and its values for each: native/core/augment.cuh.
const operations = ['shift', 'flip', 'rotate', 'scale', 'erase', 'brightness', 'contrast', 'mixup', 'cutmix'] as const;
const valuesOfKind = 6;
const most = 16;

const makers: Readonly<Record<Kind, (options: never) => Augmentation>> = { ...make };

/** Names of all augmentations. */
export const augmentNames = Object.freeze(Object.keys(makers)) as readonly Kind[];

/** A checked copy of what a user gave. */
export function expectAugmentations(value: unknown): readonly Augmentation[] {
  if (!Array.isArray(value) || value.length > most) {
    const problem = `augment must be a list of at most ${most} augmentations, such as [augment.shift({ width: 2 })], got`;
    throw new CugruError('ERR_TYPE', `${problem} ${show(value)}`);
  }
  const list = value.map((one: unknown, i) => {
    if (typeof one !== 'object' || one === null) {
      throw new CugruError(
        'ERR_TYPE',
        `augment[${i}] must come from augment.shift(...) and the like, got ${show(one)}`,
      );
    }
    const { kind, ...options } = one as { readonly kind?: unknown };
    return makers[expectOneOf(`augment[${i}].kind`, kind, augmentNames)](options as never);
  });
  fillOf(list);
  return Object.freeze(list);
}

/** Whether labels are mixed as well. */
export function mixes(list: readonly Augmentation[]): boolean {
  return list.some(({ kind }) => kind === 'mixup' || kind === 'cutmix');
}

function fillOf(list: readonly Augmentation[]): number {
  const fills = new Set(list.flatMap((one) => ('fill' in one && one.kind !== 'erase' ? [one.fill] : [])));
  if (fills.size <= 1) return [...fills][0] ?? 0;
  const problem = `augmentations that move an image must have one fill, since they are one map; got ${[...fills].join(' and ')}`;
  throw new CugruError('ERR_VALUE', problem, { fills: [...fills] });
}

function pixels(distance: number, side: number): number {
  return distance < 1 ? Math.round(distance * side) : distance;
}

function valuesOf(one: Augmentation, { height, width }: ImageSize): readonly number[] {
  switch (one.kind) {
    case 'shift':
      return [pixels(one.height, height), pixels(one.width, width)];
    case 'crop':
      return [one.padding, one.padding];
    case 'flip':
      return [one.horizontal ? 0.5 : 0, one.vertical ? 0.5 : 0];
    case 'rotate':
      return [one.degrees];
    case 'scale':
    case 'brightness':
    case 'contrast':
      return [one.min, one.max];
    case 'erase':
      return [one.probability, ...one.area, ...one.aspect, one.fill];
    case 'mixup':
    case 'cutmix':
      return [one.alpha];
  }
}

/** Options of the operation `augment` for images of one size. */
export function augmentAttributes(list: readonly Augmentation[], size: ImageSize) {
  const values = new Float32Array(list.length * valuesOfKind);
  list.forEach((one, i) => {
    values.set(valuesOf(one, size), i * valuesOfKind);
  });
  const kinds = list.map(({ kind }) => operations.indexOf(kind === 'crop' ? 'shift' : kind));
  const { height, width, channels } = size;
  return { height, width, channels, fill: fillOf(list), kinds: Int32Array.from(kinds), values };
}
