import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fixtureNames, Golden, maxError, relativeError } from '../support/goldens_fixtures.js';
import { simCheck } from '../support/simulated_check.js';

const ownFolder = join('test', 'fixtures', 'simulated');
const ownNames = readdirSync(ownFolder)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.slice(0, -'.safetensors'.length));

// cudnnRNNMode_t
const cells: Readonly<Record<string, number>> = { relu: 0, tanh: 1, lstm: 2, gru: 3 };

/** The sizes of a fixture, and the order in which sim_check reads and writes. */
class Shape {
  readonly cell: string;
  readonly #golden: Golden;

  constructor(golden: Golden) {
    this.#golden = golden;
    this.cell = golden.name.split('_')[0] ?? '';
  }

  header(): Int32Array {
    const golden = this.#golden;
    const sizes = ['steps', 'batch', 'inputSize', 'hiddenSize', 'layers'].map((key) => golden.number(key));
    const flags = [
      golden.flag('bidirectional') ? 2 : 1,
      Number(golden.flag('hasState')),
      Number(golden.flag('hasLengths')),
    ];
    return Int32Array.from([cells[this.cell] ?? -1, ...sizes, ...flags]);
  }

  /** In PyTorch's order: per layer and direction weight_ih, weight_hh, bias_ih, bias_hh. */
  weightNames(): string[] {
    const names: string[] = [];
    for (let layer = 0; layer < this.#golden.number('layers'); layer++) {
      for (const suffix of this.#golden.flag('bidirectional') ? ['', '_reverse'] : ['']) {
        for (const kind of ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']) names.push(`${kind}_l${layer}${suffix}`);
      }
    }
    return names;
  }

  /** A float32 input; zeros when the fixture has none, which says the same. */
  input(name: string): Float32Array {
    return this.#golden.has(name)
      ? (this.#golden.f32(name).data as Float32Array)
      : new Float32Array(this.#stateCount());
  }

  inputs(): Float32Array[] {
    return ['x', 'dy', 'h0', 'c0', 'dhN', 'dcN', ...this.weightNames()].map((name) => this.input(name));
  }

  lengths(): Int32Array {
    return this.#golden.has('lengths') ? this.#golden.i32('lengths') : new Int32Array(0);
  }

  /** Names and sizes of what sim_check writes. */
  outputs(): { readonly name: string; readonly count: number }[] {
    const states = this.#stateCount();
    const sizeOf = (name: string): number => this.#golden.shape(name).reduce((product, size) => product * size, 1);
    return [
      { name: 'y', count: sizeOf('y') },
      { name: 'hN', count: states },
      { name: 'cN', count: states },
      { name: 'dx', count: sizeOf('x') },
      { name: 'dh0', count: states },
      { name: 'dc0', count: states },
      ...this.weightNames().map((name) => ({ name: `grad.${name}`, count: sizeOf(name) })),
    ];
  }

  #stateCount(): number {
    return this.#golden.shape('dhN').reduce((product, size) => product * size, 1);
  }
}

function bytesOf(arrays: readonly (Int32Array | Float32Array)[]): Buffer {
  return Buffer.concat(arrays.map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)));
}

async function trainOnce(t: ExecutionContext, shape: Shape): Promise<Float32Array> {
  const folder = mkdtempSync(join(tmpdir(), 'cugru-simulated-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'in'), bytesOf([shape.header(), shape.lengths(), ...shape.inputs()]));
  const { status, stderr } = await simCheck(['run', join(folder, 'in'), join(folder, 'out')]);
  t.is(status, 0, stderr);
  const bytes = readFileSync(join(folder, 'out'));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

const cases = [
  ...fixtureNames.filter((name) => name.startsWith('gru_')).map((name) => ({ name, folder: undefined })),
  ...ownNames.map((name) => ({ name, folder: ownFolder })),
];

for (const { name, folder } of cases) {
  test(`the simulated cuDNN agrees with PyTorch: ${name}`, async (t) => {
    const golden = await Golden.load(name, folder);
    const shape = new Shape(golden);
    const results = await trainOnce(t, shape);
    let at = 0;
    for (const output of shape.outputs()) {
      const got = results.subarray(at, at + output.count);
      at += output.count;
      if (!golden.has(output.name)) continue;
      const want = golden.f64(output.name);
      const error = /^(y|hN|cN)$/.test(output.name) ? maxError(got, want) : relativeError(got, want);
      t.true(error <= 1e-6, `${output.name}: off by ${error}`);
    }
    t.is(at, results.length);
  });
}
