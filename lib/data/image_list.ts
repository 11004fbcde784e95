/** Lists of image files with their classes: what image folders and manifests have in common before a file is opened. */
import { expectString, show } from '../checks.js';
import { CugruError } from '../errors.js';

/** A share of the rows. */
export type PartName = 'train' | 'validation' | 'test';

/** @internal */
export const partNames: readonly PartName[] = ['train', 'validation', 'test'];

/** An image file, its class by name, and the part that it belongs to. @internal */
export interface NamedItem {
  readonly path: string;
  readonly className: string;
  readonly part: PartName;
}

/** An image file and its class by number. @internal */
export interface ImageItem {
  readonly path: string;
  readonly label: number;
  readonly part: PartName;
}

/** @internal */
export interface ImageList {
  /** Folder or manifest. */
  readonly source: string;
  readonly name: string;
  /** In the order of the parts. */
  readonly items: readonly ImageItem[];
  readonly classNames: readonly string[];
  /** Paths that are no image files. */
  readonly ignored: readonly string[];
}

/** Compares by UTF-16 code units: the same order on every machine, whatever its language. @internal */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// '2' before '10' where all names are numbers.
function orderClasses(names: readonly string[]): string[] {
  const numbers = names.every((name) => /^(0|[1-9]\d{0,14})$/.test(name));
  return [...names].sort(numbers ? (a, b) => Number(a) - Number(b) : byCodeUnits);
}

function expectClasses(source: string, names: readonly string[], hint: string): void {
  if (names.length > 1) return;
  const got = names.length === 0 ? 'none' : `one, ${JSON.stringify(names[0])}`;
  throw new CugruError(
    'ERR_DATASET_CORRUPT',
    `${source} must have at least two classes to tell apart, got ${got}; ${hint}`,
    {
      path: source,
      classes: names,
    },
  );
}

function expectTrained(
  source: string,
  items: readonly NamedItem[],
  numbers: ReadonlyMap<string, number>,
  count: number,
): void {
  const strange = items.find(({ className }) => !numbers.has(className));
  if (strange === undefined) return;
  const problem = `the class ${JSON.stringify(strange.className)} of ${strange.path} is none of the ${count} classes for training`;
  throw new CugruError('ERR_DATASET_CORRUPT', `${source}: ${problem}`, { path: strange.path });
}

/**
 * Numbers the classes: as `classNames` says, else those of the training part in order.
 * @param hint - what to do about too few classes
 * @internal
 */
export function numberClasses(
  list: Omit<ImageList, 'items' | 'classNames'> & { readonly items: readonly NamedItem[] },
  hint: string,
  classNames?: readonly string[],
): ImageList {
  const trained = list.items.filter(({ part }) => part === 'train').map(({ className }) => className);
  const names = classNames ?? orderClasses([...new Set(trained)]);
  expectClasses(list.source, names, hint);
  const numbers = new Map(names.map((name, i) => [name, i]));
  // Labels may be numbers, where names are given for them.
  if (classNames !== undefined) names.forEach((_, i) => void numbers.set(String(i), numbers.get(String(i)) ?? i));
  expectTrained(list.source, list.items, numbers, names.length);
  const items = partNames.flatMap((wanted) =>
    list.items
      .filter(({ part }) => part === wanted)
      .map(({ path, className, part }) => ({ path, part, label: numbers.get(className) as number })),
  );
  return { ...list, items, classNames: Object.freeze([...names]) };
}

/** Names of classes, each once; or undefined. @internal */
export function expectClassNames(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value))
    throw new CugruError('ERR_TYPE', `classNames must be an array of strings, got ${show(value)}`);
  const names = value.map((name, i) => expectString(`classNames[${i}]`, name));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return names;
  throw new CugruError('ERR_VALUE', `classNames has '${twice}' twice`, { classNames: value });
}
