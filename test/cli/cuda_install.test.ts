import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { driverCode, place } from '../support/cuda_driver_fakes.js';
import { fakePython } from '../support/cuda_driver_pip.js';
import { cugru, lastLine, type Run, type RunOptions } from '../support/edges_cli.js';
import { scratch } from '../support/edges_files.js';

interface Host {
  readonly root: string;
  /** Where the installations are, without --dir. */
  readonly data: string;
  readonly log: string;
  install(args: readonly string[], pip?: string, options?: Omit<RunOptions, 'env'>): Promise<Run>;
}

function host(t: ExecutionContext, env: Readonly<Record<string, string>> = {}): Host {
  const root = scratch(t);
  const log = join(root, 'log');
  const all = {
    PATH: `${fakePython(root)}:/usr/bin:/bin`,
    XDG_DATA_HOME: join(root, 'data'),
    PIP_USER: '1',
    FAKE_LOG: log,
    ...env,
  };
  return {
    root,
    data: join(root, 'data', 'cugru', 'cuda'),
    log,
    install: (args, pip = 'good', options = {}) =>
      cugru(['cuda', 'install', ...args], { ...options, env: { ...all, FAKE_PIP: pip } }),
  };
}

/** All names in a folder, hidden ones too. */
const names = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);

test('--dry-run tells packages, folder and command, and does nothing', async (t) => {
  const { install, data, root, log } = host(t);
  const run = await install(['--cuda', '13', '--dry-run']);
  t.is(run.status, 0);
  t.is(run.stderr, '');
  const [packages, folder, command] = run.stdout.split('\n');
  t.is(packages, 'CUDA 13: nvidia-cudnn-cu13, nvidia-cublas, nvidia-cuda-nvrtc');
  t.is(folder, `into ${join(data, 'cuda-13')}`);
  t.regex(command ?? '', /^by {3}python3 -m pip install .*--no-deps .*--target \S+\.tmp\/packages nvidia-cudnn-cu13 /);
  t.deepEqual(names(root), ['bin']);
  t.false(existsSync(log));
  t.like(lastLine(await install(['--cuda', '12', '--dry-run', '--json', '--dir', join(root, 'own')])), {
    dryRun: true,
    cuda: 12,
    packages: ['nvidia-cudnn-cu12', 'nvidia-cublas-cu12', 'nvidia-cuda-nvrtc-cu12'],
    directory: join(root, 'own'),
    environment: join(root, 'own'),
  });
});

for (const [driver, wanted] of [
  [12080, 12],
  [13010, 13],
] as const) {
  test(`without --cuda, it is CUDA ${wanted} for a driver of CUDA ${driver / 1000}`, async (t) => {
    const drivers = scratch(t);
    place(join(drivers, 'libcuda.so.1'), 'cuda', { code: driverCode(driver) });
    const { install } = host(t, { CUGRU_CUDA_PATH: drivers });
    t.is(lastLine(await install(['--dry-run', '--json']))['cuda'], wanted);
  });
}

for (const cuda of [12, 13]) {
  test(`the packages of CUDA ${cuda} appear in the folder that is searched, with their versions`, async (t) => {
    const { install, data, log } = host(t);
    const run = await install(['--cuda', String(cuda), '--json']);
    t.is(run.status, 0, run.stderr);
    t.deepEqual(names(data), [`cuda-${cuda}`]);
    const result = lastLine(run);
    t.like(result, { dryRun: false, cuda, directory: join(data, `cuda-${cuda}`) });
    t.deepEqual(
      result['versions'],
      [...(result['packages'] as string[])].sort().map((name) => `${name} 1.2.3`),
    );
    t.regex(run.stderr, /Collecting nvidia-cudnn/);
    const told = readFileSync(log, 'utf8').split('\n');
    t.true(told.includes('--no-deps') && told.includes('--only-binary'));
    t.true(existsSync(join(data, `cuda-${cuda}`, 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9')));
  });
}

test('a folder of one’s own is told for CUGRU_CUDA_PATH', async (t) => {
  const { install, root } = host(t);
  const run = await install(['--cuda', '13', '--dir', join(root, 'deep', 'own')]);
  t.regex(run.stdout, new RegExp(`export CUGRU_CUDA_PATH=${join(root, 'deep', 'own')}\n$`));
});

test('an older installation is replaced as a whole', async (t) => {
  const { install, data } = host(t);
  await install(['--cuda', '13']);
  writeFileSync(join(data, 'cuda-13', 'older'), '');
  t.is((await install(['--cuda', '13'])).status, 0);
  t.false(existsSync(join(data, 'cuda-13', 'older')));
  t.deepEqual(names(data), ['cuda-13']);
});

for (const [pip, message] of [
  ['none', /python3 has no pip; install it/],
  ['fail', /pip failed \(status 1\): ERROR: No matching distribution found for nvidia-cudnn-cu13/],
  ['partial', /cu13\/lib\/libcublasLt\.so\.13 and cu13\/lib\/libnvrtc\.so\.13 did not come/],
] as const) {
  test(`when pip is "${pip}", the error says so, and an older installation stays as it was`, async (t) => {
    const { install, data } = host(t);
    await install(['--cuda', '13']);
    writeFileSync(join(data, 'cuda-13', 'older'), '');
    const run = await install(['--cuda', '13'], pip);
    t.is(run.status, 1);
    t.regex(run.stderr, message);
    t.regex(run.stderr, /; nothing was changed \(ERR_CUDA_INSTALL\)\n$/);
    t.deepEqual(names(data), ['cuda-13']);
    t.true(existsSync(join(data, 'cuda-13', 'older')));
  });
}

test('without Python, it says what to install', async (t) => {
  const { install, root, data } = host(t, { PATH: '/nonexistent' });
  const run = await install(['--cuda', '12']);
  t.is(run.status, 1);
  t.regex(run.stderr, /python3 was not found; install Python 3 with pip .*\(ERR_CUDA_INSTALL\)\n$/);
  t.deepEqual(names(data), []);
  t.true(existsSync(root));
});

test('a folder that holds something else is left alone', async (t) => {
  const { install, root } = host(t);
  mkdirSync(join(root, 'own'));
  writeFileSync(join(root, 'own', 'thesis.txt'), 'mine');
  const run = await install(['--cuda', '13', '--dir', join(root, 'own')]);
  t.is(run.status, 1);
  t.regex(run.stderr, /own holds something else \(thesis\.txt\).*\(ERR_CUDA_INSTALL\)\n$/);
  t.deepEqual(names(join(root, 'own')), ['thesis.txt']);
  const file = await install(['--cuda', '13', '--dir', join(root, 'own', 'thesis.txt')]);
  t.regex(file.stderr, /thesis\.txt is a file, not a folder/);
});

test('an interrupt ends pip and leaves nothing behind', async (t) => {
  const { install, data } = host(t);
  const run = await install(['--cuda', '13'], 'slow', {
    during: (child) => {
      let printed = '';
      const onData = (text: string): void => {
        printed += text;
        if (!/^waiting$/m.test(printed)) return;
        child.stderr?.off('data', onData);
        child.kill('SIGINT');
      };
      child.stderr?.on('data', onData);
    },
  });
  t.is(run.status, 130);
  t.regex(run.stderr, /was ended by SIGINT; nothing was changed \(ERR_ABORTED\)\n$/);
  t.deepEqual(names(data), []);
});

test('wrong usage is told', async (t) => {
  const run = await host(t).install(['--cuda', '11']);
  t.is(run.status, 2);
  t.regex(run.stderr, /It must be an integer from 12 to 13/);
});
