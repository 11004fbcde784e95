/** What shapes mean: which axes are steps, and index maps between forms. Layers of other forms stand on it. */
import { expectInteger } from '../checks.js';
import { CugruError } from '../errors.js';
import { describeShape, type GraphBuilder, type SymbolicTensor } from './builder.js';
import { type Form, lowerRearrange } from './rearrange.js';

/** Steps and dims, without rows. */
export type RowForm = Pick<Form, 'steps' | 'dims'>;

export const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** `[n]`: features. `[a, b]`: a steps of b features. `[h, w, c]`: a feature map. `[a, h, w, c]`: a steps, each a feature map. */
export function formOf(shape: readonly number[]): RowForm {
  const isSequence = shape.length === 2 || shape.length === 4;
  return isSequence ? { steps: shape[0] as number, dims: shape.slice(1) } : { steps: 0, dims: shape };
}

/** The axes of a tensor without the batch's, and without its rows. */
export const axesOf = ({ steps, dims }: RowForm): readonly number[] => (steps > 0 ? [steps, ...dims] : dims);

/** Checks a shape or a list of axes: one to four whole numbers. */
export function expectAxes(
  name: string,
  value: unknown,
  { min, max }: { min: number; max: number },
): readonly number[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 4) {
    const got = Array.isArray(value) ? `${value.length} of them` : String(value);
    throw new CugruError('ERR_VALUE', `${name} must be a list of one to four integers, got ${got}`, { got: value });
  }
  return value.map((axis, i) => expectInteger(`${name}[${i}]`, axis, { min, max }));
}

/** Refuses to take steps apart in a stream, which sees one at a time. */
export function refuseStream(builder: GraphBuilder, name: string, ...forms: readonly RowForm[]): void {
  if (!builder.streaming || forms.every(({ steps }) => steps === 0)) return;
  throw new CugruError('ERR_UNSUPPORTED', `${name} needs the whole sequence, and cannot stream`);
}

/** Refuses a tensor without steps. */
export function expectSteps(name: string, tensor: SymbolicTensor): void {
  if (tensor.steps > 0) return;
  throw new CugruError('ERR_SHAPE', `${name} expects [batch, steps, ...], got ${describeShape(tensor)}`, {
    got: tensor.dims,
    steps: tensor.steps,
  });
}

/**
 * Another form of each row by itself. Without a map, the elements `[steps][dims]` keep their order; with one, entry i says which of
 * them comes i-th.
 */
export function lowerForm(
  builder: GraphBuilder,
  name: string,
  input: SymbolicTensor,
  form: RowForm,
  map?: Int32Array,
): SymbolicTensor {
  refuseStream(builder, name, input, form);
  const alone = input.rows === 1 || (map === undefined && input.steps === 0 && form.steps === 0);
  if (alone) return lowerRearrange(builder, name, input, form, map);
  const { rows } = input;
  const [from, to] = [product(input.dims), product(form.dims)];
  const elements = Math.max(form.steps, 1) * to;
  const whole = new Int32Array(elements * rows);
  for (let e = 0; e < elements; e++) {
    const source = map === undefined ? e : (map[e] as number);
    for (let row = 0; row < rows; row++) {
      whole[(Math.floor(e / to) * rows + row) * to + (e % to)] =
        (Math.floor(source / from) * rows + row) * from + (source % from);
    }
  }
  return lowerRearrange(builder, name, input, form, whole);
}
