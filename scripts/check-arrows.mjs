// Holds the code to the plan of docs/design.md: which room may use which. Reads imports and includes as text.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

// Room -> rooms that it may use (its own is always allowed). A file directly in lib/ is a room of its own.
const typescript = {
  'errors.ts': [],
  'checks.ts': ['errors.ts'],
  'graph_spec.ts': [],
  'version.ts': [],
  'philox.ts': [],
  'slices.ts': [],
  'native.ts': ['errors.ts', 'graph_spec.ts'],
  'threads.ts': ['checks.ts', 'native.ts'],
  cuda: ['errors.ts', 'native.ts'],
  formats: ['errors.ts', 'checks.ts', 'slices.ts'],
  image: ['errors.ts', 'checks.ts', 'philox.ts', 'formats'],
  data: ['errors.ts', 'checks.ts', 'philox.ts', 'slices.ts', 'formats', 'image'],
  layers: ['errors.ts', 'checks.ts', 'graph_spec.ts', 'image'],
  model: ['errors.ts', 'checks.ts', 'graph_spec.ts', 'native.ts', 'cuda', 'layers', 'data', 'image', 'formats'],
  training: ['errors.ts', 'checks.ts', 'native.ts', 'layers', 'model', 'data', 'image', 'formats'],
  zoo: ['errors.ts', 'checks.ts', 'layers', 'image', 'model', 'training'],
  report: ['errors.ts', 'checks.ts', 'data', 'model', 'training'],
  cli: [
    'errors.ts',
    'checks.ts',
    'native.ts',
    'threads.ts',
    'version.ts',
    'cuda',
    'layers',
    'data',
    'image',
    'model',
    'training',
    'report',
    'zoo',
  ],
  'index.ts': [
    'errors.ts',
    'threads.ts',
    'version.ts',
    'layers',
    'data',
    'image',
    'model',
    'training',
    'report',
    'zoo',
  ],
};
const cpp = {
  core: [],
  program: ['core'],
  cpu: ['core'],
  'cuda/driver': ['core'],
  cuda: ['core', 'cuda/driver'],
  addon: ['core', 'program', 'cpu', 'cuda', 'cuda/driver'],
};

const problems = [];

function files(root, pattern) {
  return readdirSync(root, { recursive: true })
    .map((file) => join(root, file))
    .filter((file) => pattern.test(file) && statSync(file).isFile() && !file.includes('native/build/'));
}

function lines(file, pattern) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((text, i) => [...text.matchAll(pattern)].map((match) => ({ line: i + 1, target: match[1] })));
}

// A room of a room has rules of its own, where there are any: the longest one that fits.
function roomOf(root, rules, file) {
  const parts = relative(root, file).split('/');
  const inner = parts.slice(0, 2).join('/');
  return rules[inner] === undefined ? parts[0] : inner;
}

function check(root, rules, file, line, target) {
  const [from, to] = [roomOf(root, rules, file), roomOf(root, rules, target)];
  if (rules[from] === undefined) problems.push(`${file}:${line}: ${from} is not a room; add it to the plan first`);
  else if (from !== to && !rules[from].includes(to)) problems.push(`${file}:${line}: ${from} may not use ${to}`);
}

// Files that import each other in a circle; imports of types alone do not count, they are gone when compiled.
function expectNoCycles(graph) {
  const state = new Map();
  const visit = (file, path) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      problems.push(`import cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file, []);
}

// Imports and exports with `from`, those for side effects, and import() calls.
function importsOf(file, text) {
  const froms = text.matchAll(/^[ \t]*(?:import|export)(\s+type)?\s[^;]*?from\s+'(\.[^']+)'/gm);
  const others = text.matchAll(/\bimport\s*(\(\s*)?'(\.[^']+)'/g);
  return [
    ...[...froms].map((match) => [match, match[1] !== undefined]),
    ...[...others].map((match) => [match, false]),
  ].map(([match, typeOnly]) => ({
    line: text.slice(0, match.index).split('\n').length,
    target: normalize(join(dirname(file), match[2])).replace(/\.js$/, '.ts'),
    typeOnly,
  }));
}

function checkTypescript() {
  const graph = new Map();
  for (const file of files('lib', /\.ts$/)) {
    const text = readFileSync(file, 'utf8');
    const imports = importsOf(file, text);
    for (const { line, target } of imports) check('lib', typescript, file, line, target);
    graph.set(
      file,
      imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
    );
    if (file !== 'lib/native.ts' && /\.node'|process\.dlopen/.test(text))
      problems.push(`${file}: only lib/native.ts loads the addon`);
  }
  expectNoCycles(graph);
}

function checkCpp() {
  for (const file of files('native', /\.(cc|h|inl)$/)) {
    for (const { line, target } of lines(file, /#include "([^"]+)"/g)) {
      if (target.includes('/')) check('native', cpp, file, line, join('native', target));
    }
    const napi = lines(file, /#include <(napi\.h|node_api\.h)>/g);
    if (napi.length > 0 && roomOf('native', cpp, file) !== 'addon')
      problems.push(`${file}: only addon includes napi.h`);
  }
}

checkTypescript();
checkCpp();
for (const problem of problems) console.error(problem);
console.error(problems.length === 0 ? 'arrows: all run down' : `arrows: ${problems.length} run up`);
process.exitCode = problems.length === 0 ? 0 : 1;
