/** A verdict in words, for errors and for `cugru doctor`. */
import type { CudaDevice, CudaLibrary } from '../native.js';
import type { CudaVerdict } from './probe.js';

const titles: Readonly<Record<CudaLibrary['name'], string>> = {
  driver: "NVIDIA's driver",
  cudnn: 'cuDNN',
  cublasLt: 'cuBLASLt',
  nvrtc: 'NVRTC',
};

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** What is in the way, each with what to do. */
export function reasonsOf(verdict: CudaVerdict): readonly { readonly what: string; readonly advice: string }[] {
  return verdict.failure === undefined ? (verdict.report?.problems ?? []) : [verdict.failure];
}

/** One GPU. */
export function deviceLine(device: CudaDevice): string {
  const free = device.availableBytes > 0 ? `, ${gibibytes(device.availableBytes)} available` : '';
  return (
    `cuda:${device.ordinal} ${device.name}, compute capability ${device.computeCapability}, ` +
    `${device.multiprocessors} multiprocessors, ${gibibytes(device.totalBytes)}${free}`
  );
}

function triedLines(library: CudaLibrary): string[] {
  const refused = library.attempts.filter(({ reason }) => reason !== '');
  // Where nothing was, is told only of a library that was not found anywhere.
  const told = library.path === '' ? refused : refused.filter(({ reason }) => reason !== 'no such file');
  return told.map(({ path, source, reason }) => `  tried ${path} (${source}): ${reason}`);
}

/** One library: where it is, and what was tried. */
export function libraryLines(library: CudaLibrary): string[] {
  const title = titles[library.name];
  const head = library.path === '' ? 'not found' : `${library.version}, ${library.path} (${library.source})`;
  return [`${title}: ${head}`, ...triedLines(library)];
}

/** All that is known, in lines: reasons and advice first, then devices and libraries. */
export function describeVerdict(verdict: CudaVerdict): string[] {
  const { report } = verdict;
  return [
    ...reasonsOf(verdict).flatMap(({ what, advice }) => [`- ${what}`, `  what to do: ${advice}`]),
    ...(report?.devices ?? []).map(deviceLine),
    ...(report?.libraries ?? []).flatMap(libraryLines),
  ];
}
