/** What the CUDA backend found out by timing on this host, read from the cache that native/cuda/disk_cache writes. */
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** One algorithm that was tried. */
export interface TriedAlgorithm {
  /** Of a recurrent layer `small-h` or `small-h/standard` (forward/back); of a product the library's own bytes. */
  readonly algorithm: string;
  /** Milliseconds: of a recurrent layer forward and back, of a product one. */
  readonly milliseconds?: readonly number[];
  /** Why it is not used: refused, wrong, fatal. */
  readonly refused?: string;
}

/** One choice: for a recurrent layer or a product of one shape on one device with one set of libraries. */
export interface CudaChoice {
  readonly kind: 'rnn' | 'matmul';
  /** Device, libraries and shape by name. */
  readonly of: Readonly<Record<string, string>>;
  readonly chosen: string;
  readonly tried: readonly TriedAlgorithm[];
}

const headBytes = 32;

/** `$XDG_CACHE_HOME/cugru/choices`, or below `~/.cache`. */
export function choicesFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  const base = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache');
  return join(base, 'cugru', 'choices');
}

function sumOf(bytes: Uint8Array): bigint {
  let sum = 0xcbf29ce484222325n;
  for (const byte of bytes) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  return sum;
}

function triedOf(line: string): TriedAlgorithm {
  const [algorithm = '', ...rest] = line.split(' ');
  if (rest[0] === 'refused:') return { algorithm, refused: rest.slice(1).join(' ') };
  return { algorithm, milliseconds: rest.map(Number).filter(Number.isFinite) };
}

/** A file's content; undefined when it is torn, or none of ours. */
export function parseChoice(file: Uint8Array): CudaChoice | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < headBytes || bytes.toString('latin1', 0, 8) !== 'cugruk01') return undefined;
  const end = headBytes + Number(bytes.readBigUInt64LE(8));
  const body = bytes.subarray(end);
  if (body.length !== Number(bytes.readBigUInt64LE(16)) || sumOf(body) !== bytes.readBigUInt64LE(24)) return undefined;
  const [kind, ...facts] = bytes.toString('utf8', headBytes, end).trim().split('\n');
  const [head = '', ...lines] = body.toString('utf8').trim().split('\n');
  if ((kind !== 'rnn' && kind !== 'matmul') || !head.startsWith('chosen ')) return undefined;
  const of = Object.fromEntries(
    facts.map((fact) => {
      const space = fact.indexOf(' ');
      return [fact.slice(0, space), fact.slice(space + 1)] as const;
    }),
  );
  // A product's line ends with the bytes of its workspace, which are no time.
  const tried = lines.map(triedOf).map((one) => ({
    ...one,
    ...(kind === 'matmul' && one.milliseconds !== undefined ? { milliseconds: one.milliseconds.slice(0, 1) } : {}),
  }));
  return { kind, of, chosen: head.slice('chosen '.length), tried };
}

/** All choices that are kept on this host. */
export function keptChoices(folder = choicesFolder()): CudaChoice[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^(rnn|matmul)-[0-9a-f]+\.bin$/.test(name))
    .sort()
    .flatMap((name) => {
      try {
        return parseChoice(readFileSync(join(folder, name))) ?? [];
      } catch {
        return []; // it was removed meanwhile
      }
    });
}

/** "gru 2x128 on [28, 128, 28], tf32, training: small-h (0.4 + 0.9 ms; standard 1.1 + 2.3 ms)" */
export function choiceLine({ of, chosen, tried }: CudaChoice): string {
  const timeOf = (algorithm: string): string => {
    const times = tried.find((one) => one.algorithm === algorithm)?.milliseconds ?? [];
    return `${times.map((ms) => ms.toPrecision(3)).join(' + ')} ms`;
  };
  const both = of['directions'] === '2' ? ' in both directions' : '';
  const layout = of['layout'] === undefined ? '' : `, ${of['layout']} (not used)`;
  const shape = `${of['layers']}x${of['units']}${both} on [${of['steps']}, ${of['batch']}, ${of['inputs']}]`;
  const rest = chosen === 'standard' ? '' : `; standard ${timeOf('standard')}`;
  const use = of['training'] === 'yes' ? 'training' : 'prediction';
  return `${of['cell']} ${shape}, ${of['precision']}, ${use}${layout}: ${chosen} (${timeOf(chosen)}${rest})`;
}
