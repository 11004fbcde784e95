/** Compiled programs of a model, the least used of which are forgotten. */
import { type Mode, native, type ProgramHandle } from '../native.js';
import type { Lowered, Variant } from './lowering.js';
import { Lru } from './lru.js';

/** @internal A program with the graph that it was compiled from. */
export interface CompiledGraph {
  readonly program: ProgramHandle;
  readonly lowered: Lowered;
  readonly batch: number;
}

const maxPrograms = 12;

function keyOf({ input, lengths, loss, until, augment }: Variant, mode: Mode, batch: number): string {
  return [mode, batch, input, lengths, until ?? '', JSON.stringify({ loss, augment })].join();
}

/** @internal See the file's head. */
export class ProgramCache {
  readonly #programs = new Lru<Promise<CompiledGraph>>(
    maxPrograms,
    (made) =>
      void made.then(
        ({ program }) => native().dispose(program),
        () => {},
      ),
  );

  /** The program of a variant, made by `compile` at the first call. What fails is not kept. */
  get(variant: Variant, mode: Mode, batch: number, compile: () => Promise<CompiledGraph>): Promise<CompiledGraph> {
    const key = keyOf(variant, mode, batch);
    return this.#programs.get(key, async () => {
      try {
        return await compile();
      } catch (error) {
        this.#programs.delete(key);
        throw error;
      }
    });
  }

  clear(): void {
    this.#programs.clear();
  }
}
