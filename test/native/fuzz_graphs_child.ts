// Changes a valid graph, its groups, a run and a stream a little, and uses what is still taken. Arguments: seed, rounds.
import type { GraphSpec, GroupSpec } from '../../lib/graph_spec.js';
import { native, type RunRequest, type StoreHandle } from '../../lib/native.js';
import { attempt, release, type Tally } from '../support/door_fuzz.js';
import { hostileValue } from '../support/door_hostile.js';
import { type Random, random } from '../support/door_random.js';
import {
  closeRig,
  graph,
  groups,
  openRig,
  type Rig,
  streamGraph,
  streamOptions,
  trainRequest,
} from '../support/door_rig.js';
import { copyOfGraph, imageGraph, sequenceGraph, type WideGraph, wideBatch } from '../support/door_wide.js';

const [seed = '1', rounds = '200'] = process.argv.slice(2);

type Node = Record<string, unknown>;

function isContainer(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) !== null;
}

function clone<T>(value: T): T {
  if (Array.isArray(value)) return value.map(clone) as T;
  if (!isContainer(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, clone(part)])) as T;
}

// All places in a tree of plain objects, arrays and typed arrays.
function places(value: unknown, out: [Node, string][] = []): [Node, string][] {
  if (!isContainer(value)) return out;
  try {
    for (const key of Object.keys(value).slice(0, 40)) {
      out.push([value, key]);
      places(value[key], out);
    }
  } catch {
    // A hostile value that was put in before; it is not looked into.
  }
  return out;
}

const words = [
  'f32',
  'i32',
  'u8',
  'slab',
  'value',
  'indices',
  'gather',
  'rnn',
  'dense',
  'dropout',
  'add',
  'softmax',
  'relu',
  'meanSquaredError',
  'augment',
  'multiply',
  'rearrange',
  'concat',
  'reverse',
  'reduceSteps',
  'conv2d',
  'maxPool2d',
  'avgPool2d',
  'layerNorm',
  'batchNorm',
  'attentionPool',
  'trailingLengths',
  'addTable',
  'appendTable',
  'activation',
  'state',
  'squaredError',
  'softmaxCrossEntropy',
  'gelu',
  'last',
  'row',
];

function changed(rng: Random, value: unknown): unknown {
  if (rng.chance(0.03)) return hostileValue(rng);
  if (typeof value === 'number')
    return rng.chance(0.7) ? rng.below(13) - 1 : value + rng.pick([-1, 1, 0.5, 2 ** 20, 2 ** 31]);
  if (typeof value === 'string') return rng.pick(words);
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) {
    const kind = rng.below(4);
    if (kind === 0) return value.slice(0, -1);
    if (kind === 1) return [...value, value.length > 0 ? clone(rng.pick(value)) : 1];
    return kind === 2 ? value.toReversed() : value.map((_, i) => value[(i + 1) % value.length]);
  }
  return value;
}

function mutate<T>(rng: Random, base: T, changes: number): T {
  const copy = clone(base);
  for (let i = 0; i < changes; i++) {
    const [owner, key] = rng.pick(places(copy));
    if (ArrayBuffer.isView(owner) && !Number.isInteger(Number(key))) continue;
    if (!Object.hasOwn(Object.getOwnPropertyDescriptor(owner, key) ?? {}, 'value')) continue;
    const value = changed(rng, owner[key]);
    if (ArrayBuffer.isView(owner) && typeof value !== 'number') continue;
    if (rng.chance(0.05) && !ArrayBuffer.isView(owner)) delete owner[key];
    else owner[key] = value;
  }
  return copy;
}

function requestFor(rng: Random, base: RunRequest): RunRequest {
  if (rng.chance(0.3)) return base;
  const request: Record<string, unknown> = mutate(rng, { ...base, indices: base.indices?.slice() }, 1 + rng.below(2));
  if (rng.chance(0.5)) request['segments'] = rng.below(32);
  if (rng.chance(0.2)) request['outputs'] = request['inputs'];
  if (rng.chance(0.2)) delete request['inputs'];
  return request as unknown as RunRequest;
}

/** A graph that is valid, with the data of a run. */
interface Base {
  readonly graph: GraphSpec;
  readonly groups: readonly GroupSpec[];
  readonly store: StoreHandle;
  readonly request: () => RunRequest;
}

async function useGraph(rng: Random, tally: Tally, base: Base, store: StoreHandle, what: string): Promise<void> {
  const spec = rng.chance(0.2) ? base.graph : mutate(rng, copyOfGraph(base.graph), 1 + rng.below(3));
  const batch = rng.chance(0.5) ? wideBatch : 1 + rng.below(7);
  const options = { mode: rng.pick(['train', 'train', 'evaluate', 'predict'] as const), batch };
  const program = await attempt(tally, `${what}: compile`, () => native().compile(store, spec, options));
  if (program === undefined) return;
  for (let i = 0; i < 4; i++) {
    await attempt(tally, `${what}: run ${i}`, () => native().run(program, requestFor(rng, base.request())));
  }
  native().programInfo(program);
  release(program);
}

async function useStream(rng: Random, tally: Tally, store: StoreHandle, what: string): Promise<void> {
  const spec = mutate(rng, copyOfGraph(streamGraph), rng.below(3));
  const options = mutate(rng, { ...streamOptions, states: streamOptions.states.slice() }, rng.below(2));
  const streamer = await attempt(tally, `${what}: stream`, () => native().createStreamer(store, spec, options));
  if (streamer === undefined) return;
  const state = native().createStreamState(streamer);
  const info = native().streamerInfo(streamer);
  const x = info.inputType === 'u8' ? new Uint8Array(info.inputBytes) : new Float32Array(info.inputBytes / 4);
  for (let i = 0; i < 3; i++) {
    await attempt(tally, `${what}: step`, () => native().streamStep(state, x, new Float32Array(info.outputLength)));
  }
  native().streamRead(state, new Float32Array(info.stateLength));
  release(state);
  release(streamer);
}

async function useGroups(
  rng: Random,
  tally: Tally,
  rig: Rig,
  groups: readonly GroupSpec[],
  what: string,
): Promise<StoreHandle | undefined> {
  const store = await attempt(tally, `${what}: store`, () =>
    native().createStore(rig.session, mutate(rng, groups, 1 + rng.below(2))),
  );
  if (store === undefined) return undefined;
  // Large ones are made, but filling them would only take long.
  if ((await native().storeInfo(store)).bytes > 2 ** 24) {
    release(store);
    return undefined;
  }
  await attempt(tally, `${what}: initialize`, () => native().storeInitialize(store, rng.below(100)));
  await attempt(tally, `${what}: configure`, () => native().storeConfigure(store, { kind: 'adamw', weightDecay: 0.1 }));
  return store;
}

async function openBase(rig: Rig, made: Promise<WideGraph>): Promise<Base> {
  const { graph, groups, request } = await made;
  const store = await native().createStore(rig.session, groups);
  await native().storeInitialize(store, 1);
  await native().storeConfigure(store, { kind: 'adam', clipNorm: 1 });
  // Valid as it is: what is refused later was changed.
  const program = await native().compile(store, graph, { mode: 'train', batch: wideBatch });
  await native().run(program, request);
  release(program);
  return { graph, groups, store, request: () => request };
}

async function main(): Promise<void> {
  const rng = random(Number(seed));
  const tally: Tally = { done: 0, refused: 0 };
  const rig = await openRig();
  const wide = await Promise.all(
    [sequenceGraph(rig.session), imageGraph(rig.session)].map((made) => openBase(rig, made)),
  );
  const bases: Base[] = [{ graph, groups, store: rig.store, request: () => trainRequest(rig) }, ...wide];
  for (let i = 0; i < Number(rounds); i++) {
    const what = `seed ${seed}, round ${i}`;
    if (process.env['CUGRU_FUZZ_VERBOSE'] !== undefined) process.stderr.write(`${what}\n`);
    const base = rng.pick(bases);
    const store = rng.chance(0.2) ? await useGroups(rng, tally, rig, base.groups, what) : base.store;
    if (store === undefined) continue;
    await useGraph(rng, tally, base, store, what);
    if (base.graph === graph) await useStream(rng, tally, store, what);
    if (store !== base.store) release(store);
    if (i % 100 === 0) globalThis.gc?.();
  }
  closeRig(rig);
  process.stdout.write(JSON.stringify(tally));
}

await main();
