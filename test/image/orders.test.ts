import test from 'ava';
import { type OrderName, orderNames, orders, permuted } from '../../lib/image/orders.js';
import fc from '../support/edges_fc.js';

const grid = fc.tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }));

/** How far each step of an order goes, down and across. */
function moves(name: OrderName, rows: number, columns: number): [number, number][] {
  const cells = orders[name](rows, columns);
  return [...cells.subarray(1)].map((cell, i) => {
    const before = cells[i] as number;
    return [
      Math.abs(Math.floor(cell / columns) - Math.floor(before / columns)),
      Math.abs((cell % columns) - (before % columns)),
    ];
  });
}

const drawn = (name: OrderName, rows: number, columns: number): string => {
  const visit = new Array<number>(rows * columns);
  orders[name](rows, columns).forEach((cell, i) => {
    visit[cell] = i;
  });
  const lines = Array.from({ length: rows }, (_, y) => visit.slice(y * columns, (y + 1) * columns));
  return lines.map((line) => line.map((i) => String(i).padStart(2)).join(' ')).join('\n');
};

for (const name of orderNames) {
  test(`${name}: every cell once, on grids of any size`, (t) => {
    fc.assert(
      fc.property(grid, ([rows, columns]) => {
        const cells = orders[name](rows, columns);
        t.deepEqual(
          [...cells].sort((a, b) => a - b),
          Array.from({ length: rows * columns }, (_, i) => i),
        );
      }),
      { numRuns: 60 },
    );
  });
}

for (const name of ['snake', 'spiralIn', 'spiralOut'] as const) {
  test(`${name}: each step is to a neighbour`, (t) => {
    fc.assert(
      fc.property(grid, ([rows, columns]) => t.true(moves(name, rows, columns).every(([dy, dx]) => dy + dx === 1))),
      { numRuns: 60 },
    );
  });
}

test('diagonal: each step is to a neighbour, corners included', (t) => {
  fc.assert(
    fc.property(grid, ([rows, columns]) =>
      t.true(moves('diagonal', rows, columns).every(([dy, dx]) => Math.max(dy, dx) === 1)),
    ),
    { numRuns: 60 },
  );
});

test('hilbert: each step is to a neighbour, but for one over a corner where the longer side is odd and the shorter even', (t) => {
  fc.assert(
    fc.property(grid, ([rows, columns]) => {
      const all = moves('hilbert', rows, columns);
      const corners = all.filter(([dy, dx]) => dy === 1 && dx === 1).length;
      t.is(all.filter(([dy, dx]) => dy + dx === 1).length + corners, all.length);
      const [long, short] = [Math.max(rows, columns), Math.min(rows, columns)];
      t.true(corners <= (long % 2 === 1 && short % 2 === 0 ? 1 : 0), `${rows} x ${columns}: ${corners}`);
    }),
    { numRuns: 200 },
  );
});

test('hilbert: on a square of a power of two it is the curve itself: each aligned block is left only once it is done', (t) => {
  const side = 16;
  const cells = orders.hilbert(side, side);
  for (const block of [2, 4, 8]) {
    for (let first = 0; first < cells.length; first += block * block) {
      const blocks = [...cells.subarray(first, first + block * block)].map(
        (cell) => `${Math.floor(cell / side / block)} ${Math.floor((cell % side) / block)}`,
      );
      t.is(new Set(blocks).size, 1, `blocks of ${block}`);
    }
  }
});

test('the pictures of the guide', (t) => {
  t.is(drawn('raster', 3, 4), ' 0  1  2  3\n 4  5  6  7\n 8  9 10 11');
  t.is(drawn('snake', 3, 4), ' 0  1  2  3\n 7  6  5  4\n 8  9 10 11');
  t.is(drawn('spiralIn', 3, 4), ' 0  1  2  3\n 9 10 11  4\n 8  7  6  5');
  t.is(drawn('spiralOut', 3, 4), '11 10  9  8\n 2  1  0  7\n 3  4  5  6');
  t.is(drawn('diagonal', 3, 4), ' 0  1  5  6\n 2  4  7 10\n 3  8  9 11');
  t.is(drawn('hilbert', 4, 4), ' 0  1 14 15\n 3  2 13 12\n 4  7  8 11\n 5  6  9 10');
});

test('a permutation depends on its seed and nothing else', (t) => {
  t.deepEqual(permuted(7, 784), permuted(7, 784));
  t.notDeepEqual(permuted(7, 784), permuted(8, 784));
  t.deepEqual(
    [...permuted(7, 784)].sort((a, b) => a - b),
    Array.from({ length: 784 }, (_, i) => i),
  );
  // Saved models rely on it: it must never change.
  t.deepEqual([...permuted(1, 8)], [7, 4, 6, 1, 5, 0, 2, 3]);
});
