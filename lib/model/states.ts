/** States of a recurrent stack between JavaScript and the native parts of the stack. */
import { type StackOptions, stackParts } from '../layers/stack.js';
import { type HostBinding, native } from '../native.js';
import { elements, expectTensor, type Tensor } from './tensor.js';
import { fromBuffer, toBuffer } from './transfer.js';

// [states, batch, hidden] and back: JavaScript's batch-major order of a state is [batch, states, hidden].
function swapLeadingAxes(data: Float32Array, rows: number, columns: number, width: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const from = (r * columns + c) * width;
      out.set(data.subarray(from, from + width), (c * rows + r) * width);
    }
  }
  return out;
}

/** Tensors `[numLayers * directions, batch, units]`, cut into the native ops that a stack becomes. */
export class States {
  readonly #units: number;
  readonly #states: number;
  readonly #parts: number;

  constructor(stack: StackOptions) {
    this.#units = stack.units;
    this.#states = stack.numLayers * (stack.bidirectional ? 2 : 1);
    this.#parts = stackParts(stack).count;
  }

  shape(batch: number): [number, number, number] {
    return [this.#states, batch, this.#units];
  }

  /** @throws {@link CugruError} `ERR_SHAPE`, `ERR_TYPE`. */
  expect(name: string, states: Tensor, batch: number): void {
    expectTensor(name, states, ['numLayers * directions', 'batch', 'hiddenSize'], this.shape(batch));
  }

  /** Buffers to write results to, one for each native op. */
  buffers(batch: number, indices: readonly number[]): HostBinding[] {
    const bytes = (elements(this.shape(batch)) / this.#parts) * 4;
    return indices.map((index) => ({ index, buffer: native().createBuffer(bytes) }));
  }

  /** Buffers with values, one for each native op. */
  async bind(name: string, states: Tensor, batch: number, indices: readonly number[]): Promise<HostBinding[]> {
    const perPart = this.#states / this.#parts;
    const length = perPart * batch * this.#units;
    const bindings: HostBinding[] = [];
    for (const [part, index] of indices.entries()) {
      const data = states.data.subarray(part * length, (part + 1) * length);
      const buffer = await toBuffer(name, swapLeadingAxes(data, perPart, batch, this.#units));
      bindings.push({ index, buffer });
    }
    return bindings;
  }

  async read(bindings: readonly HostBinding[], batch: number): Promise<Tensor> {
    const shape = this.shape(batch);
    const data = new Float32Array(elements(shape));
    const length = data.length / this.#parts;
    for (const [part, { buffer }] of bindings.entries()) {
      const batchMajor = await fromBuffer(buffer, new Float32Array(length));
      data.set(swapLeadingAxes(batchMajor, batch, this.#states / this.#parts, this.#units), part * length);
    }
    return { data, shape };
  }
}
