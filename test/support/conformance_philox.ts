/** Philox 4x32-10 in big integers, written from the paper (Salmon et al., 2011), apart from the code under test. */
const word = 0xffffffffn;

export function philox4x32(counter: readonly bigint[], key: readonly bigint[]): number[] {
  let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & word, (p0 >> 32n) ^ c3 ^ k1, p0 & word];
    k0 = (k0 + 0x9e3779b9n) & word;
    k1 = (k1 + 0xbb67ae85n) & word;
  }
  return [c0, c1, c2, c3].map(Number);
}

export interface DropoutNumbers {
  readonly seed: number;
  readonly opId: number;
  readonly step: number;
  readonly rate: number;
  readonly elements: number;
}

/** Whether each element, counted in memory order, is kept: uniform >= rate, with 24 bits of its word as the uniform number. */
export function keptElements({ seed, opId, step, rate, elements }: DropoutNumbers): boolean[] {
  const key = [BigInt(seed) & word, BigInt(seed) >> 32n];
  const kept: boolean[] = [];
  for (let block = 0; kept.length < elements; block++) {
    for (const bits of philox4x32([BigInt(block), 0n, BigInt(opId), BigInt(step)], key)) {
      kept.push((bits >>> 8) / 2 ** 24 >= Math.fround(rate));
    }
  }
  return kept.slice(0, elements);
}
