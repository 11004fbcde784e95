/** Small shared objects under the names of NVIDIA's libraries, to look for: nothing in them works but what a test needs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'cugru-fakes-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Which library, by the header that declares it. */
export type Fake = 'cuda' | 'cudnn' | 'cublaslt' | 'nvrtc';

const headers: Readonly<Record<Fake, string>> = {
  cuda: 'cuda_api.h',
  cudnn: 'cudnn_api.h',
  cublaslt: 'cublaslt_api.h',
  nvrtc: 'nvrtc_api.h',
};

/** The symbols of a library that the loader asks for. */
export function symbolsOf(fake: Fake): { readonly name: string; readonly required: boolean }[] {
  const text = readFileSync(join('native', 'cuda', 'driver', headers[fake]), 'utf8');
  return [...text.matchAll(/\b(REQUIRED|OPTIONAL)\([\s\\]*[\w ]+\*?,[\s\\]*(\w+),/g)].map(([, kind, name]) => ({
    name: name as string,
    required: kind === 'REQUIRED',
  }));
}

/** How a fake differs from one that can be opened and does nothing. */
export interface FakeOptions {
  /** Required symbols that it has not. */
  readonly without?: readonly string[];
  /** C code: functions that do something; they take the place of the ones that do nothing. */
  readonly code?: string;
  readonly soname?: string;
}

// Answers 0 (success) to every call.
function sourceOf(fake: Fake, { without = [], code = '' }: FakeOptions): string {
  const written = new Set([...code.matchAll(/\b(cu\w+|nvrtc\w+)\s*\(/g)].map(([, name]) => name));
  const names = symbolsOf(fake)
    .map(({ name }) => name)
    .filter((name) => !without.includes(name) && !written.has(name));
  return [
    '#include <stddef.h>',
    '#include <stdint.h>',
    code,
    ...names.map((name) => `int ${name}(void) { return 0; }`),
  ].join('\n');
}

const compiled = new Map<string, string>();

/** Compiles C to a shared object, once for each source. */
export function compile(source: string, soname: string): string {
  const key = `${soname}\n${source}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const base = join(folder, String(compiled.size));
  writeFileSync(`${base}.c`, source);
  execFileSync('cc', ['-shared', '-fPIC', '-O0', '-w', `-Wl,-soname,${soname}`, '-o', `${base}.so`, `${base}.c`]);
  compiled.set(key, `${base}.so`);
  return `${base}.so`;
}

/** Puts a fake at a path. */
export function place(path: string, fake: Fake, options: FakeOptions = {}): string {
  const soname = options.soname ?? (path.split('/').at(-1) as string);
  return placeSource(path, sourceOf(fake, options), soname);
}

/** Puts a shared object made of C code at a path. */
export function placeSource(path: string, source: string, soname = path.split('/').at(-1) as string): string {
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(compile(source, soname), path);
  return path;
}

/** A driver of CUDA `major`.`minor` with one device, that answers what the probe asks. */
export function driverCode(version = 13020, capability = 90): string {
  return `
    int cuInit(unsigned flags) { return 0; }
    int cuDriverGetVersion(int* version) { *version = ${version}; return 0; }
    int cuDeviceGetCount(int* count) { *count = 1; return 0; }
    int cuDeviceGet(int* device, int ordinal) { *device = ordinal; return 0; }
    int cuDeviceGetName(char* name, int length, int device) { __builtin_strcpy(name, "Pretend GPU"); return 0; }
    int cuDeviceTotalMem_v2(size_t* bytes, int device) { *bytes = 8ull << 30; return 0; }
    int cuDeviceGetAttribute(int* value, int attribute, int device) {
      *value = attribute == 75 ? ${Math.floor(capability / 10)} : attribute == 76 ? ${capability % 10} : 4;
      return 0;
    }
    int cuMemGetInfo_v2(size_t* available, size_t* total) { *available = 6ull << 30; *total = 8ull << 30; return 0; }
    int cuGetErrorName(unsigned error, const char** name) { *name = "CUDA_ERROR_PRETENDED"; return 0; }
    int cuGetErrorString(unsigned error, const char** text) { *text = "as told"; return 0; }`;
}

/** A cuDNN that tells a version and a CUDA, and sizes an RNN. */
export function cudnnCode(version = 92600, cudart = 13020): string {
  return `
    size_t cudnnGetVersion(void) { return ${version}; }
    size_t cudnnGetCudartVersion(void) { return ${cudart}; }
    const char* cudnnGetErrorString(int status) { return "CUDNN_PRETENDED"; }
    int cudnnGetRNNWeightSpaceSize(void* handle, void* desc, size_t* bytes) { *bytes = 4096; return 0; }`;
}

/** The CUDA 13 layout of the wheels below a folder: everything that is needed, but the driver. */
export function placeWheels13(root: string): void {
  const cudnn = join(root, 'nvidia', 'cudnn', 'lib');
  for (const part of ['graph', 'ops', 'adv']) placeSource(join(cudnn, `libcudnn_${part}.so.9`), 'int part;');
  place(join(cudnn, 'libcudnn.so.9'), 'cudnn', { code: cudnnCode() });
  placeToolkit(join(root, 'nvidia', 'cu13', 'lib'), join(root, 'nvidia', 'cu13', 'lib'), 13);
}

/** The CUDA 12 layout of the wheels. */
export function placeWheels12(root: string): void {
  const cudnn = join(root, 'nvidia', 'cudnn', 'lib');
  for (const part of ['graph', 'ops', 'adv']) placeSource(join(cudnn, `libcudnn_${part}.so.9`), 'int part;');
  place(join(cudnn, 'libcudnn.so.9'), 'cudnn', { code: cudnnCode(92600, 12090) });
  placeToolkit(join(root, 'nvidia', 'cublas', 'lib'), join(root, 'nvidia', 'cuda_nvrtc', 'lib'), 12);
}

/** cuBLASLt and NVRTC of one CUDA. */
export function placeToolkit(cublas: string, nvrtc: string, major: number): void {
  place(join(cublas, `libcublasLt.so.${major}`), 'cublaslt', {
    code: `size_t cublasLtGetVersion(void) { return ${major}0200; }`,
  });
  placeSource(join(nvrtc, `libnvrtc-builtins.so.${major}.2`), 'int builtins;');
  place(join(nvrtc, `libnvrtc.so.${major}`), 'nvrtc', {
    code: `int nvrtcVersion(int* major, int* minor) { *major = ${major}; *minor = 2; return 0; }`,
  });
}
