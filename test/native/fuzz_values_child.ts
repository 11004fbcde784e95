// Calls every function of the door with wrong values, wrong and disposed handles. Arguments: seed, calls of each function.
import { CugruError } from '../../lib/errors.js';
import { attempt, release, type Tally, untyped } from '../support/door_fuzz.js';
import { hostileValue } from '../support/door_hostile.js';
import { type Random, random } from '../support/door_random.js';
import {
  closeRig,
  graph,
  groups,
  handlesOf,
  openRig,
  type Rig,
  streamGraph,
  streamOptions,
  trainRequest,
} from '../support/door_rig.js';

const [seed = '1', calls = '100'] = process.argv.slice(2);

// What each function wants, made anew for each call.
function wanted(rig: Rig): Record<string, readonly (() => unknown)[]> {
  const { session, buffer, store, program, cancel, streamer, state } = rig;
  const [x, y] = [(): unknown => new Float32Array(4), (): unknown => new Float32Array(4)];
  const mode = (): unknown => ({ mode: 'evaluate', batch: 4 });
  return {
    setErrorClass: [() => CugruError],
    processInfo: [],
    setNumThreads: [() => 2],
    dispose: [() => undefined],
    cudaReport: [() => ({ path: '/nowhere' })],
    createSession: [() => ({ device: 'cpu' })],
    closeSession: [() => undefined],
    sessionInfo: [() => session],
    sessionChoices: [() => session],
    sessionOfferChoices: [() => session, () => [{ key: 'rnn\n', lines: 'chosen standard\n' }]],
    drainSession: [() => session],
    createBuffer: [() => 64],
    bufferWrite: [() => buffer, () => 8, () => new Float32Array(8)],
    bufferRead: [() => buffer, () => 8, () => new Uint8Array(8)],
    createSlab: [() => session, () => untyped()['createBuffer']?.(64), () => 'i32'],
    createStore: [() => session, () => groups],
    storeInitialize: [() => store, () => 1],
    storeRead: [() => store, () => 'parameters'],
    storeWrite: [() => store, () => 'parameters', () => buffer],
    storeConfigure: [() => store, () => ({ kind: 'sgd', momentum: 0.9 })],
    storeSetGroup: [() => store, () => 1, () => ({ frozen: true })],
    storeSetStep: [() => store, () => 3],
    storeSetLossScale: [() => store, () => ({ scale: 1024, good: 3, leftOut: 1 })],
    storeInfo: [() => store],
    compile: [() => store, () => graph, mode],
    programInfo: [() => program],
    createCancel: [],
    cancel: [() => cancel],
    run: [() => program, () => trainRequest(rig)],
    createStreamer: [() => store, () => streamGraph, () => streamOptions],
    streamerInfo: [() => streamer],
    createStreamState: [() => streamer],
    streamStep: [() => state, x, y],
    streamReset: [() => state],
    streamRead: [() => state, x],
    streamWrite: [() => state, x],
  };
}

async function makeArguments(
  rng: Random,
  makers: readonly (() => unknown)[],
  handles: readonly unknown[],
): Promise<unknown[]> {
  const args: unknown[] = [];
  for (const make of makers) {
    const kind = rng.below(10);
    args.push(kind < 4 ? make() : kind < 6 ? rng.pick(handles) : hostileValue(rng));
  }
  if (rng.chance(0.1)) args.length = rng.below(args.length + 1);
  if (rng.chance(0.1)) args.push(hostileValue(rng), hostileValue(rng));
  return args;
}

async function main(): Promise<void> {
  const rng = random(Number(seed));
  const tally: Tally = { done: 0, refused: 0 };
  const spare = await openRig();
  closeRig(spare);
  const rig = await openRig();
  const handles: unknown[] = [...Object.values(handlesOf(rig)), ...Object.values(handlesOf(spare))];
  const functions = untyped();
  const signatures = wanted(rig);
  const missing = Object.keys(functions).filter((name) => !Object.hasOwn(signatures, name));
  if (missing.length > 0) throw new Error(`the fuzzer does not know ${missing.join(', ')}`);
  for (let i = 0; i < Number(calls); i++) {
    for (const [name, makers] of Object.entries(signatures)) {
      const args = await makeArguments(rng, makers, handles);
      // Valid, but not for the objects that the other calls use.
      if ((name === 'dispose' || name === 'closeSession') && handles.includes(args[0])) args[0] = hostileValue(rng);
      if (name === 'setNumThreads' && typeof args[0] === 'number' && args[0] > 4) args[0] = 3;
      const result = await attempt(tally, `${name}, call ${i}`, () => functions[name]?.(...args));
      functions['setErrorClass']?.(CugruError);
      if (!handles.includes(result)) release(result);
    }
    if (i % 50 === 0) globalThis.gc?.();
  }
  closeRig(rig);
  process.stdout.write(JSON.stringify(tally));
}

await main();
