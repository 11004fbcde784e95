import { spawnSync } from 'node:child_process';
import test from 'ava';
import { agreement } from '../support/cuda_driver_declarations.js';
import { includeFlags, majors } from '../support/cuda_driver_vendor.js';

function compiles(source: string, flags: readonly string[]): string {
  const args = ['-std=c++17', '-w', '-fsyntax-only', '-Inative', '-Itest/vendor', ...flags, '-x', 'c++', '-'];
  const { status, stderr } = spawnSync('c++', args, { input: source, encoding: 'utf8' });
  return status === 0 ? '' : stderr;
}

test('all declarations are read', (t) => {
  const { functions, constants, structs } = agreement();
  t.log(`${functions} functions, ${constants} constants, ${structs} structs`);
  t.true(functions > 100 && constants > 200 && structs === 6);
});

for (const cuda of majors) {
  test(`every prototype, constant and struct agrees with the headers of CUDA ${cuda}`, async (t) => {
    t.is(compiles(agreement().source, await includeFlags(cuda)), '');
  });

  test(`a wrong prototype, constant or struct would be found with the headers of CUDA ${cuda}`, async (t) => {
    const flags = await includeFlags(cuda);
    const { source } = agreement();
    for (const [what, from, to] of [
      ['constant', 'ours::CUDNN_GRU == (long long)::CUDNN_GRU', 'ours::CUDNN_GRU == (long long)::CUDNN_LSTM'],
      ['prototype', 'Ours_cuMemAlloc_v2>::type', 'Ours_cuMemFree_v2>::type'],
      ['enumeration', 'Ours_cuStreamBeginCapture_v2>::type', 'Ours_cuStreamCreate>::type'],
      ['struct', 'cublasLtMatmulHeuristicResult_t, state)', 'cublasLtMatmulHeuristicResult_t, wavesCount)'],
    ] as const) {
      t.true(source.includes(from), what);
      t.regex(compiles(source.replace(from, to), flags), /static assertion failed/, what);
    }
  });
}
