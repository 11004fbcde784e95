/** Our declarations of NVIDIA's libraries, read as text, and the C++ that compares them with the vendor's headers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fake, symbolsOf } from './cuda_driver_fakes.js';

interface Table {
  readonly fake: Fake;
  readonly file: string;
  readonly struct: string;
}

const tables: readonly Table[] = [
  { fake: 'cuda', file: 'cuda_api.h', struct: 'CudaApi' },
  { fake: 'nvrtc', file: 'nvrtc_api.h', struct: 'NvrtcApi' },
  { fake: 'cublaslt', file: 'cublaslt_api.h', struct: 'CublasLtApi' },
  { fake: 'cudnn', file: 'cudnn_api.h', struct: 'CudnnApi' },
];

const read = (file: string): string =>
  readFileSync(join('native', 'cuda', 'driver', file), 'utf8').replace(/\/\/.*$/gm, '');

const all = (text: string, pattern: RegExp): RegExpMatchArray[] => [...text.matchAll(pattern)];

/** What is compared, counted: a check that finds nothing to compare shall not pass. */
export interface Agreement {
  readonly source: string;
  readonly functions: number;
  readonly constants: number;
  readonly structs: number;
}

/** A translation unit that compiles only if all declarations agree with the vendor's. */
export function agreement(): Agreement {
  const before: string[] = [];
  const after: string[] = [];
  const counts = { functions: 0, constants: 0, structs: 0 };
  for (const { fake, file, struct } of tables) {
    const text = read(file);
    for (const [, name = '', body = ''] of all(text, /enum (\w+) : unsigned \{([^}]*)\}/g)) {
      after.push(`template <> struct Vendors<ours::${name}> { using type = ::${name}; };`);
      after.push(`static_assert(sizeof(ours::${name}) == sizeof(::${name}), "${name}");`);
      for (const [, constant] of all(body, /(\w+) = \w+/g)) {
        counts.constants++;
        after.push(`static_assert((long long)ours::${constant} == (long long)::${constant}, "${constant}");`);
      }
    }
    for (const [, tag] of all(text, /^using \w+ = struct (\w+)\*;/gm)) {
      after.push(`template <> struct Vendors<ours::${tag}> { using type = ::${tag}; };`);
    }
    for (const [, name = '', body = ''] of all(text, /^struct (\w+) \{\n((?: {2}[^\n]*;\n)+)\};/gm)) {
      if (name === struct) continue;
      counts.structs++;
      after.push(`template <> struct Vendors<ours::${name}> { using type = ::${name}; };`);
      after.push(`static_assert(sizeof(ours::${name}) == sizeof(::${name}), "${name}");`);
      for (const [, field] of all(body, /(\w+)(?:\[\d+\])?;/g)) {
        after.push(
          `static_assert(offsetof(ours::${name}, ${field}) == offsetof(::${name}, ${field}), "${name}.${field}");`,
        );
      }
    }
    // Taken before the vendor's headers come, whose macros give new names to some functions.
    for (const { name } of symbolsOf(fake)) {
      counts.functions++;
      before.push(`using Ours_${name} = OURS(${struct}, ${name});`);
      after.push(`static_assert(std::is_same<Vendors<Ours_${name}>::type, decltype(::${name})>::value, "${name}");`);
    }
  }
  const source = [
    '#include <cstddef>',
    ...tables.map(({ file }) => `#include "cuda/driver/${file}"`),
    '#include "agreement.h"',
    ...before,
    '#include <cuda.h>',
    '#include <nvrtc.h>',
    '#include <cublasLt.h>',
    '#include <cudnn.h>',
    'namespace ours = cugru::cuda;',
    ...after,
    'static_assert(ours::kRnnPaddedIoDisabled == CUDNN_RNN_PADDED_IO_DISABLED, "");',
    'static_assert(ours::kRnnPaddedIoEnabled == CUDNN_RNN_PADDED_IO_ENABLED, "");',
    'static_assert(ours::kMemHostAllocPortable == CU_MEMHOSTALLOC_PORTABLE, "");',
    'static_assert(ours::kMemHostRegisterPortable == CU_MEMHOSTREGISTER_PORTABLE, "");',
  ];
  return { source: `${source.join('\n')}\n`, ...counts };
}
