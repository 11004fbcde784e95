import test from 'ava';
import {
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOneOf,
  expectString,
  expectTypedArray,
  rejectUnknownKeys,
} from '../lib/checks.js';
import { CugruError } from '../lib/errors.js';

test('an error carries its code, details and cause', (t) => {
  const cause = new Error('below');
  const error = new CugruError('ERR_SHAPE', 'wrong', { got: [1] }, { cause });
  t.true(error instanceof Error);
  t.is(error.name, 'CugruError');
  t.is(error.code, 'ERR_SHAPE');
  t.deepEqual(error.details, { got: [1] });
  t.is(error.cause, cause);
  t.false(Object.hasOwn(new CugruError('ERR_TYPE', 'x'), 'cause'));
});

test('integers', (t) => {
  t.is(expectInteger('units', 3, { min: 1, max: 4 }), 3);
  const message = 'units must be an integer from 1 to 1048576, got 3.5';
  t.throws(() => expectInteger('units', 3.5, { min: 1, max: 2 ** 20 }), { code: 'ERR_VALUE', message });
  for (const value of [0, 5, Number.NaN, Infinity]) {
    t.throws(() => expectInteger('n', value, { min: 1, max: 4 }), { code: 'ERR_VALUE' });
  }
  for (const value of ['3', 3n, null, undefined, [3], {}, () => 3]) {
    t.throws(() => expectInteger('n', value, { min: 1, max: 4 }), { code: 'ERR_TYPE' });
  }
});

test('numbers and how their range reads', (t) => {
  t.is(expectNumber('x', 0, { min: 0, below: 1 }), 0);
  const cases = [
    [{ min: 0, below: 1 }, 1, 'x must be a number from 0 to below 1, got 1'],
    [{ min: 0, max: 1 }, 2, 'x must be a number from 0 to 1, got 2'],
    [{ above: 0, max: 1 }, 0, 'x must be a number above 0 to 1, got 0'],
    [{ min: 0 }, -1, 'x must be a number of at least 0, got -1'],
    [{ max: 1 }, 2, 'x must be a number up to 1, got 2'],
    [{ below: 1 }, 1, 'x must be a number below 1, got 1'],
    [{}, Number.NaN, 'x must be a number, got NaN'],
  ] as const;
  for (const [range, value, message] of cases) {
    t.throws(() => expectNumber('x', value, range), { code: 'ERR_VALUE', message });
  }
  t.throws(() => expectNumber('x', '1'), { code: 'ERR_TYPE', message: "x must be a number, got '1'" });
});

test('booleans, strings and choices', (t) => {
  t.true(expectBoolean('b', true));
  t.throws(() => expectBoolean('b', 1), { code: 'ERR_TYPE' });
  t.is(expectString('s', 'a'), 'a');
  t.throws(() => expectString('s', ''), { code: 'ERR_VALUE' });
  t.throws(() => expectString('s', 1), { code: 'ERR_TYPE' });
  t.is(expectOneOf('c', 'b', ['a', 'b']), 'b');
  t.throws(() => expectOneOf('c', 'z', ['a', 'b']), { message: "c must be one of 'a', 'b', got 'z'" });
  const error = t.throws(() => expectOneOf('c', 'z'.repeat(1000), ['a', 'b'])) as Error;
  t.true(error.message.length < 200);
});

test('typed arrays of exactly one class', (t) => {
  const floats = new Float32Array(2);
  t.is(expectTypedArray('x', floats, Float32Array), floats);
  t.notThrows(() => expectTypedArray('x', Buffer.from('ab'), Uint8Array));
  t.notThrows(() => expectTypedArray('x', new Float32Array(0), Float32Array));
  t.throws(() => expectTypedArray('x', new Float64Array(2), Float32Array), {
    code: 'ERR_TYPE',
    message: 'x must be a Float32Array, got a Float64Array; convert it with Float32Array.from(...)',
  });
  t.throws(() => expectTypedArray('x', [1, 2], Float32Array), { message: /got an array; convert it/ });
  for (const value of [null, 3, new DataView(new ArrayBuffer(4)), { length: 2 }, new Uint8ClampedArray(1)]) {
    t.throws(() => expectTypedArray('x', value, Uint8Array), { code: 'ERR_TYPE' });
  }
});

test('typed arrays that have lost their memory', (t) => {
  const detached = new Float32Array(4);
  structuredClone(detached, { transfer: [detached.buffer] });
  t.throws(() => expectTypedArray('x', detached, Float32Array), { code: 'ERR_DETACHED_BUFFER' });

  type Resizable = ArrayBuffer & { resize(bytes: number): void };
  const Buffer_ = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => Resizable;
  const buffer = new Buffer_(16, { maxByteLength: 32 });
  const fixed = new Float32Array(buffer, 8, 2);
  const tracking = new Float32Array(buffer);
  t.notThrows(() => expectTypedArray('x', fixed, Float32Array));
  buffer.resize(8);
  t.throws(() => expectTypedArray('x', fixed, Float32Array), { code: 'ERR_DETACHED_BUFFER' });
  t.notThrows(() => expectTypedArray('x', tracking, Float32Array));
});

test('unknown options are refused, with the nearest known one', (t) => {
  t.notThrows(() => rejectUnknownKeys('gru', { units: 1 }, ['units', 'name']));
  t.throws(() => rejectUnknownKeys('gru', { unit: 1 }, ['units', 'name']), {
    code: 'ERR_VALUE',
    message: "gru has no option 'unit'; did you mean 'units'?",
  });
  t.throws(() => rejectUnknownKeys('gru', { returnsequences: 1 }, ['returnSequences']), {
    message: /did you mean 'returnSequences'/,
  });
  t.throws(() => rejectUnknownKeys('gru', { colour: 1 }, ['units', 'name']), { message: /known are units, name$/ });
  for (const options of [null, undefined, 3, 'x', [], new Uint8Array(1)]) {
    t.throws(() => rejectUnknownKeys('gru', options, ['units']), { code: 'ERR_TYPE' });
  }
  t.throws(() => rejectUnknownKeys('gru', { ['k'.repeat(1e6)]: 1 }, ['units']), { code: 'ERR_VALUE' });
});
