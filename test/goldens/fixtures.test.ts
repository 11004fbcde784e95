import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { fixtureFolder, fixtureNames, Golden } from '../support/goldens_fixtures.js';

const scripts = [
  'make_goldens.py',
  'make_graph_goldens.py',
  'make_sequence_goldens.py',
  'make_sweep_goldens.py',
  'make_vision_goldens.py',
];
const script = scripts.map((file) => readFileSync(join(fixtureFolder, file), 'utf8')).join('');
const readme = readFileSync(join(fixtureFolder, 'README.md'), 'utf8');

// Names and seeds as the script has them: `"name": (101, ...` or `"name": {**SGD, "seed": 201, ...`, and MSE_CASE.
function seedsOfScript(): Map<string, number> {
  const seeds = new Map<string, number>();
  for (const [, name, seed] of script.matchAll(/"((?:gru|graph|lstm|rnn|seq|sweep|vision)_\w+)": \((\d+),/g))
    seeds.set(name as string, Number(seed));
  for (const [, name, seed] of script.matchAll(/"(train_\w+)": \{\*\*\w+, "seed": (\d+)/g)) {
    seeds.set(name as string, Number(seed));
  }
  for (const [, seed] of script.matchAll(/MSE_CASE = \{\*\*\w+, "seed": (\d+)/g)) seeds.set('mse_train', Number(seed));
  return seeds;
}

test('the folder holds one fixture for each case of the script, and nothing else', (t) => {
  t.deepEqual([...seedsOfScript().keys()].sort(), [...fixtureNames]);
  const others = readdirSync(fixtureFolder).filter((file) => !file.endsWith('.safetensors'));
  t.deepEqual(others.sort(), ['README.md', ...scripts]);
});

test('every fixture is one that a test here runs', (t) => {
  const used = fixtureNames.filter((name) => /^(gru|graph|lstm|rnn|seq|sweep|train|vision)_|^mse_train$/.test(name));
  t.deepEqual(used, [...fixtureNames]);
  const counts = {
    gru_: 16,
    graph_: 9,
    lstm_: 9,
    rnn_tanh_: 3,
    rnn_relu_: 3,
    seq_: 4,
    sweep_: 3,
    train_: 13,
    mse_train: 1,
    vision_: 13,
  };
  for (const [prefix, count] of Object.entries(counts)) {
    t.is(fixtureNames.filter((name) => name.startsWith(prefix)).length, count, prefix);
  }
});

test('the README explains every fixture', (t) => {
  for (const name of fixtureNames) t.true(readme.includes(`\`${name}\``), name);
});

for (const name of fixtureNames) {
  test(`${name} records its seed and its PyTorch, and holds inputs in float32 and results in float64`, async (t) => {
    const golden = await Golden.load(name);
    t.is<number | undefined, number | undefined>(golden.number('seed'), seedsOfScript().get(name));
    t.regex(golden.text('torch'), /^\d+\.\d+\.\d+/);
    t.true(readme.includes(`torch ${golden.text('torch')}`), `the README names torch ${golden.text('torch')}`);
    for (const tensor of golden.names) {
      if (/^(labels|lengths)$/.test(tensor)) t.true(golden.i32(tensor).length > 0);
      else if (
        /^(x|h0|c0|dy|dhN|dcN|targets|([\w.]+\.)?(weight|bias)(_\w+)?)$/.test(tensor) &&
        !/^(grad|final)\./.test(tensor)
      ) {
        t.true(golden.f32(tensor).data.every(Number.isFinite), tensor);
      } else t.true(golden.f64(tensor).every(Number.isFinite), tensor);
    }
  });
}
