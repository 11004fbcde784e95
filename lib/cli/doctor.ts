/** `cugru doctor`: what this host offers, and what is in the way. */
import {
  type CudaChoice,
  type CudaVerdict,
  choiceLine,
  cudaVerdict,
  deviceLine,
  keptChoices,
  libraryLines,
  reasonsOf,
} from '../cuda/index.js';
import { native } from '../native.js';
import { version } from '../version.js';
import { printResult } from './options.js';

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

function findCpu(): { findings: Finding[]; info: ReturnType<ReturnType<typeof native>['processInfo']> | undefined } {
  try {
    const info = native().processInfo();
    const memory = `${(info.availableBytes / 2 ** 30).toFixed(1)} GiB available`;
    const detail = `${info.isa} (can run ${info.isas.join(', ')}), ${info.threads} threads on ${info.processors} processors, ${memory}`;
    return { findings: [{ name: 'cpu', ok: true, detail }], info };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { findings: [{ name: 'cpu', ok: false, detail }], info: undefined };
  }
}

function findCuda(verdict: CudaVerdict): Finding {
  const devices = (verdict.report?.devices ?? []).map(deviceLine);
  const reasons = reasonsOf(verdict).flatMap(({ what, advice }) => [what, `  what to do: ${advice}`]);
  const libraries = (verdict.report?.libraries ?? []).flatMap(libraryLines);
  return { name: 'cuda', ok: verdict.usable, detail: [...reasons, ...devices, ...libraries].join('\n') };
}

// None before a model was trained or run on a GPU.
function findChoices(choices: readonly CudaChoice[]): Finding[] {
  if (choices.length === 0) return [];
  const layers = choices.filter(({ kind }) => kind === 'rnn');
  const head = `algorithms by timing: ${layers.length} recurrent layers, ${choices.length - layers.length} products`;
  return [{ name: 'timed', ok: true, detail: [head, ...layers.map(choiceLine)].join('\n') }];
}

async function findSharp(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    return { name: 'sharp', ok: true, detail: `libvips ${sharp.versions.vips}; reads image files` };
  } catch {
    return { name: 'sharp', ok: false, detail: 'not installed: image files cannot be read; npm install sharp' };
  }
}

/** Prints the findings; fails only when the CPU backend cannot run. */
export async function doctorCommand(options: { readonly json: boolean }): Promise<void> {
  const { findings, info } = findCpu();
  const cuda = info === undefined ? undefined : cudaVerdict();
  const choices = keptChoices();
  const all = [
    ...findings,
    ...(cuda === undefined ? [] : [findCuda(cuda)]),
    ...findChoices(choices),
    await findSharp(),
  ];
  const host = { cugru: version, node: process.version, platform: `${process.platform}-${process.arch}` };
  const indented = (detail: string): string => detail.replaceAll('\n', `\n${' '.repeat(16)}`);
  const lines = all.map((f) => `${f.ok ? 'ok      ' : 'missing '} ${f.name.padEnd(6)} ${indented(f.detail)}`);
  const head = `cugru ${host.cugru}, Node ${host.node}, ${host.platform}`;
  printResult(options.json, { ...host, cpu: info, cuda, choices, findings: all }, [head, ...lines].join('\n'));
  if (info === undefined) process.exitCode = 1;
}
