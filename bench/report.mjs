// A result of run.mjs as tables for people.
import { flops } from './cases.mjs';

const passNames = { forward: 'forward', train: 'train step', step: 'streaming step', gemm: 'matrix product' };

const time = (ms) => (ms >= 100 ? ms.toFixed(0) : ms >= 1 ? ms.toFixed(2) : ms >= 0.01 ? ms.toFixed(3) : ms.toFixed(4));
const spread = ({ least, most }) => `${time(least)}–${time(most)}`;
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

function describe(c) {
  const extra = [c.layers > 1 ? `${c.layers} layers` : '', c.directions > 1 ? 'both directions' : ''].filter(Boolean);
  const axes = `T=${c.steps} B=${c.batch} I=${c.inputs} H=${c.units}`;
  return [axes, ...extra].join(', ');
}

function layerTable({ threads, versions, cases }) {
  const gemm = cases.find((c) => c.pass === 'gemm')?.results.openblas;
  const others = Object.keys(versions).filter((name) => name !== 'cugru' && name !== 'openblas');
  const speed = (c, ms) => flops(c) / ms / 1e6;
  const yard = gemm === undefined ? undefined : flops(cases.find((c) => c.pass === 'gemm')) / gemm.ms / 1e6;
  const rows = cases
    .filter((c) => c.pass !== 'gemm' && c.results.cugru !== undefined)
    .map((c) => {
      const { ms } = c.results.cugru;
      const gflops = speed(c, ms);
      const share = yard === undefined ? '' : `, ${((100 * gflops) / yard).toFixed(0)} %`;
      const cells = others.map((name) =>
        c.results[name] === undefined ? '–' : `×${(c.results[name].ms / ms).toFixed(2)}`,
      );
      return [
        `**${c.name}** ${describe(c)}`,
        passNames[c.pass],
        `${time(ms)} (${spread(c.results.cugru)})`,
        `${gflops.toFixed(0)}${share}`,
        ...cells,
      ];
    });
  const head = [
    'case',
    'pass',
    'cugru, ms (spread)',
    'GFLOP/s, of sgemm',
    ...others.map((name) => `${name} ${versions[name]}`),
  ];
  const note =
    yard === undefined
      ? ''
      : ` OpenBLAS sgemm N=1024 in the same rounds: ${yard.toFixed(0)} GFLOP/s (${versions.openblas}).`;
  return `### ${threads} thread${threads > 1 ? 's' : ''}\n\n${table(head, rows)}\n\n×n: how many times as long as cugru takes.${note}`;
}

function epochTable(epochs) {
  const names = Object.keys(epochs[0].results);
  const rows = epochs.map(({ threads, results }) => [
    String(threads),
    ...names.map((name) => {
      const { ms } = results[name];
      const ratio = name === 'cugru' ? '' : `, ×${(ms / results.cugru.ms).toFixed(2)}`;
      return `${(ms / 1000).toFixed(2)} s${ratio}`;
    }),
  ]);
  return `### One epoch of the main job (60 000 images, batch 128, GRU(128) twice, Adam, clipping)\n\n${table(['threads', ...names], rows)}`;
}

/** The whole result in Markdown. */
export function markdown(result) {
  const { machine, isa, rounds } = result;
  const held = isa === 'avx2' ? ' (the processor looks like one without AVX-512 to every peer)' : '';
  const parts = [
    `## ${machine.cpu}, ${machine.processors} processors, ${machine.isa}${held}, Node ${machine.node}, ${result.date}`,
    `Median of ${rounds} interleaved rounds. \`${result.command}\``,
    ...(result.layers ?? []).map(layerTable),
    ...(result.epoch === undefined ? [] : [epochTable(result.epoch)]),
  ];
  return `${parts.join('\n\n')}\n`;
}
