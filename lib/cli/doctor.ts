/** `cugru doctor`: what this host offers, and what is in the way. */
import { CugruError } from '../errors.js';
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

function findCuda(): Finding {
  try {
    const session = native().createSession({ device: 'cuda' });
    const { description } = native().sessionInfo(session);
    native().closeSession(session);
    return { name: 'cuda', ok: true, detail: description };
  } catch (error) {
    const code = error instanceof CugruError ? ` (${error.code})` : '';
    return { name: 'cuda', ok: false, detail: `${error instanceof Error ? error.message : String(error)}${code}` };
  }
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
  const all = [...findings, ...(info === undefined ? [] : [findCuda()]), await findSharp()];
  const host = { cugru: version, node: process.version, platform: `${process.platform}-${process.arch}` };
  const indented = (detail: string): string => detail.replaceAll('\n', `\n${' '.repeat(16)}`);
  const lines = all.map((f) => `${f.ok ? 'ok      ' : 'missing '} ${f.name.padEnd(6)} ${indented(f.detail)}`);
  const head = `cugru ${host.cugru}, Node ${host.node}, ${host.platform}`;
  printResult(options.json, { ...host, cpu: info, findings: all }, [head, ...lines].join('\n'));
  if (info === undefined) process.exitCode = 1;
}
