// Both native builds work from the tracked files alone, with an empty HOME: cmake-js and node-gyp.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const files = execFileSync('git', ['ls-files', 'native', 'scripts', 'CMakeLists.txt', 'package.json'], {
  encoding: 'utf8',
})
  .trim()
  .split('\n');
const wanted = process.argv.slice(2);

for (const build of wanted.length > 0 ? wanted : ['cmake', 'gyp']) {
  const folder = mkdtempSync(join(tmpdir(), `cugru-${build}-`));
  try {
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      cpSync(file, join(folder, file));
    }
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    mkdirSync(join(folder, 'home'));
    const { npm_config_nodedir: _, ...rest } = process.env;
    const env = { ...rest, HOME: join(folder, 'home'), CUGRU_BUILD: build };
    execFileSync(process.execPath, ['scripts/build-native.mjs'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const addon = join(folder, 'build', 'Release', 'cugru.node');
    const isa = execFileSync(process.execPath, ['-p', `require(${JSON.stringify(addon)}).processInfo().isa`], {
      encoding: 'utf8',
    });
    const needed = execFileSync('readelf', ['-d', addon], { encoding: 'utf8' });
    if (/NEEDED.*(cuda|cudnn|cublas|nvrtc|nccl|stdc\+\+)/i.test(needed))
      throw new Error(`it needs what it should not:\n${needed}`);
    console.error(`builds: ${build} with an empty HOME, loads, runs ${isa.trim()}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
