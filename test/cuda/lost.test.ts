/** A GPU that is lost: an asynchronous failure that every later call of the process meets. On the simulated device. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { simulatedEnvironment } from '../support/cuda_simulated.js';
import { cugru, lastLine } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

const failing = `
#include <stddef.h>
int simulated_has_kernel(const char* name) { return 1; }
size_t simulated_kernel_param_sizes(const char* name, size_t* sizes, size_t capacity) { return 0; }
int simulated_launch_kernel(const char* name, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned f, size_t g,
                            void** parameters) { return 2; }
`;

test('a failure that stays ends the session: the first call says why, the next ones that it is over', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'kernels.c'), failing);
  execFileSync('gcc', ['-shared', '-fPIC', '-o', join(folder, 'kernels.so'), join(folder, 'kernels.c')]);
  const support = JSON.stringify(resolve('dist/test/support/conformance_program.js'));
  const program = `
    const { opGraph, TestProgram, tensor } = await import(${support});
    const spec = tensor([4]);
    const graph = opGraph({ op: 'softmax', inputs: [{ name: 'x', spec }], outputs: [{ name: 'y', spec }] });
    const open = await TestProgram.open({ name: 'cuda', device: 'cuda' }, { graph, batch: 1, mode: 'predict' });
    const said = [];
    for (let i = 0; i < 2; i++) {
      await open.run({ inputs: { x: new Float32Array(4) } }).catch(({ code, message }) => said.push({ code, message }));
    }
    open.close();
    console.log(JSON.stringify({ said }));`;
  const run = await cugru([], {
    env: { ...simulatedEnvironment, CUGRU_SIMULATED_KERNELS: join(folder, 'kernels.so') },
    node: ['--input-type=module', '-e', program],
  });
  t.is(run.status, 0, run.stderr);
  const [first, second] = lastLine(run)['said'] as { code: string; message: string }[];
  t.is(first?.code, 'ERR_INTERNAL');
  t.regex(
    first?.message ?? '',
    /^the GPU was lost: cuda:0 does not .*CUDA_ERROR_LAUNCH_FAILED \(unspecified launch failure\)/,
  );
  t.is(second?.code, 'ERR_STATE');
  t.regex(second?.message ?? '', /^this model lost its GPU and can do no more \(.*LAUNCH_FAILED.*\); make a new one$/);
});
