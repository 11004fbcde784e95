/** Windows that slide over images: what convolutions and pooling have in common. */
import { expectInteger, expectOneOf } from '../checks.js';
import { CugruError } from '../errors.js';
import type { AttributeValue } from '../graph_spec.js';
import { describeShape, type SymbolicTensor } from './builder.js';

/** One number for both directions, or `[vertical, horizontal]`. */
export type Pair = number | readonly [number, number];

/** Keras's rules: `valid` has no padding; `same` makes `ceil(size / stride)` pixels, with the odd one below and to the right. */
export type Padding = 'valid' | 'same';

const largest = 2 ** 12;

/** A size, stride or dilation: one whole number from 1 to 4096, or two of them. */
export function expectPair(name: string, value: unknown): readonly [number, number] {
  if (!Array.isArray(value)) {
    const both = expectInteger(name, value, { min: 1, max: largest });
    return [both, both];
  }
  if (value.length !== 2) {
    throw new CugruError(
      'ERR_VALUE',
      `${name} must be a number or [vertical, horizontal], got ${value.length} entries`,
      {
        name,
      },
    );
  }
  const [y, x] = value.map((entry, i) => expectInteger(`${name}[${i}]`, entry, { min: 1, max: largest }));
  return [y as number, x as number];
}

/** Checks a padding's name. */
export function expectPadding(value: unknown): Padding {
  return expectOneOf('padding', value, ['valid', 'same'] as const);
}

/** A window with its rule, both directions as `[vertical, horizontal]`. */
export interface SlidingWindow {
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: Padding;
}

// Pixels before, behind, and of the output, in one direction.
function along(room: number, size: number, stride: number, dilation: number, padding: Padding) {
  const span = (size - 1) * dilation + 1;
  if (padding === 'valid') return { before: 0, behind: 0, out: Math.floor((room - span) / stride) + 1 };
  const out = Math.ceil(room / stride);
  const total = Math.max((out - 1) * stride + span - room, 0);
  return { before: Math.floor(total / 2), behind: total - Math.floor(total / 2), out };
}

/** The pads and strides as attributes of the operation, and height and width of its output. */
export interface PlacedWindow {
  readonly attrs: Readonly<Record<string, AttributeValue>>;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** Refuses what is no image, and a window that is larger than it. */
export function placeWindow(
  name: string,
  kind: string,
  input: SymbolicTensor,
  { size, strides, dilation, padding }: SlidingWindow,
): PlacedWindow {
  const [height, width] = input.dims;
  if (input.dtype !== 'f32' || input.dims.length !== 3 || height === undefined || width === undefined) {
    throw new CugruError(
      'ERR_SHAPE',
      `${name} (${kind}) expects images [batch, height, width, channels], got ${describeShape(input)}`,
      { got: input.dims },
    );
  }
  const vertical = along(height, size[0], strides[0], dilation[0], padding);
  const horizontal = along(width, size[1], strides[1], dilation[1], padding);
  if (vertical.out < 1 || horizontal.out < 1) {
    const spans = size.map((one, i) => (one - 1) * (dilation[i] as number) + 1);
    throw new CugruError(
      'ERR_SHAPE',
      `${name} (${kind}): a window of ${spans.join(' x ')} pixels is larger than the image of ${height} x ${width}; ` +
        "use a smaller one, or padding: 'same'",
      { window: spans, got: input.dims },
    );
  }
  return {
    attrs: {
      strideY: strides[0],
      strideX: strides[1],
      padTop: vertical.before,
      padBottom: vertical.behind,
      padLeft: horizontal.before,
      padRight: horizontal.behind,
    },
    outHeight: vertical.out,
    outWidth: horizontal.out,
  };
}
