/**
 * Copies between typed arrays and native buffers, in slices with a turn of the event loop in between, so that no copy holds
 * the loop for more than a fraction of a millisecond.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { expectReadable } from '../checks.js';
import { CugruError } from '../errors.js';
import { type BufferHandle, type NumericArray, native } from '../native.js';

const sliceBytes = 1 << 20;

async function inSlices(
  name: string,
  array: NumericArray,
  copy: (offset: number, part: NumericArray) => void,
): Promise<void> {
  const { length } = array;
  const step = sliceBytes / array.BYTES_PER_ELEMENT;
  for (let first = 0; first < length; first += step) {
    if (first > 0) await turn();
    if (array.length !== length) {
      throw new CugruError(
        'ERR_DETACHED_BUFFER',
        `${name}: its ArrayBuffer was detached or resized while it was being copied`,
      );
    }
    copy(first * array.BYTES_PER_ELEMENT, array.subarray(first, Math.min(first + step, length)));
  }
}

/** Copies an array to a place in a native buffer. The array must not be changed until the promise is settled. */
export async function writeBuffer(
  name: string,
  array: NumericArray,
  buffer: BufferHandle,
  place: number,
): Promise<void> {
  expectReadable(name, array);
  await inSlices(name, array, (offset, part) => native().bufferWrite(buffer, place + offset, part));
}

/** Fills an array from a place in a native buffer. */
export async function readBuffer(buffer: BufferHandle, place: number, target: NumericArray): Promise<void> {
  await inSlices('result', target, (offset, part) => native().bufferRead(buffer, place + offset, part));
}

/** A native buffer with the array's bytes. The array must not be changed until the promise is settled. */
export async function toBuffer(name: string, array: NumericArray): Promise<BufferHandle> {
  expectReadable(name, array);
  if (array.length === 0) throw new CugruError('ERR_SHAPE', `${name} is empty`);
  const buffer = native().createBuffer(array.byteLength);
  await writeBuffer(name, array, buffer, 0);
  return buffer;
}

/** Fills `target` from the start of `buffer`, which is disposed of. */
export async function fromBuffer<T extends NumericArray>(buffer: BufferHandle, target: T): Promise<T> {
  await readBuffer(buffer, 0, target);
  native().dispose(buffer);
  return target;
}
