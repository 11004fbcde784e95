/** `--augment`: a list of augmentations by name, each with one number at most. */
import { InvalidArgumentError } from 'commander';
import { CugruError } from '../errors.js';
import { type Augmentation, augment } from '../image/index.js';

/** What a name stands for, and the number that it has when none is given. */
interface Named {
  readonly usual: number;
  readonly make: (value: number) => Augmentation;
}

const around = (value: number) => ({ min: 1 - value, max: 1 + value });
const named: Readonly<Record<Exclude<Augmentation['kind'], 'flip'>, Named>> = {
  shift: { usual: 0.08, make: (value) => augment.shift({ height: value, width: value }) },
  rotate: { usual: 10, make: (degrees) => augment.rotate({ degrees }) },
  scale: { usual: 0.1, make: (value) => augment.scale(around(value)) },
  crop: { usual: 4, make: (padding) => augment.crop({ padding }) },
  erase: { usual: 0.5, make: (probability) => augment.erase({ probability }) },
  brightness: { usual: 0.2, make: (value) => augment.brightness(around(value)) },
  contrast: { usual: 0.2, make: (value) => augment.contrast(around(value)) },
  mixup: { usual: 0.2, make: (alpha) => augment.mixup({ alpha }) },
  cutmix: { usual: 1, make: (alpha) => augment.cutmix({ alpha }) },
};
const names = ['flip', ...Object.keys(named)];

/** For the command's help. */
export const augmentHelp = `change training images at random: a comma list of ${names.join(', ')}; with a value, as in shift=2 (pixels; below 1 a fraction), rotate=10 (degrees), scale=0.1 (0.9 to 1.1)`;

function parse(text: string): Augmentation {
  const [name = '', value, ...rest] = text.split('=').map((part) => part.trim());
  if (name === 'flip' && value === undefined) return augment.flip();
  if (!Object.hasOwn(named, name) || rest.length > 0 || value === '') {
    const problem = name === 'flip' ? 'flip takes no value.' : `'${text}' is not one of ${names.join(', ')}.`;
    throw new InvalidArgumentError(problem);
  }
  const { usual, make } = named[name as keyof typeof named];
  try {
    return make(value === undefined ? usual : Number(value));
  } catch (error) {
    if (error instanceof CugruError) throw new InvalidArgumentError(`${name}: ${error.message}.`);
    throw error;
  }
}

/** A parser of the list. */
export function augmentOption(text: string): readonly Augmentation[] {
  return text.split(',').map(parse);
}
