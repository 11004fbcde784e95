// A result of run.mjs as tables for people.
const number = (x) => (x >= 100 ? x.toFixed(0) : x >= 1 ? x.toFixed(2) : x.toFixed(4));
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
const share = (x) => (x === null || x === undefined ? '–' : `${(100 * x).toFixed(1)} %`);

function caseTable(lines) {
  const names = [...new Set(lines.flatMap(({ engines }) => Object.keys(engines)))].filter((name) => name !== 'cugru');
  const head = ['case', 'pass', 'cugru, ms', 'µs per time step', 'TFLOP/s', 'of the peak', ...names];
  const rows = lines.map((line) => {
    const ours = line.engines.cugru;
    const cells = names.map((name) => {
      const theirs = line.engines[name];
      if (theirs === undefined) return '–';
      return ours === undefined ? number(theirs.ms) : `×${(theirs.ms / ours.ms).toFixed(2)}`;
    });
    const own =
      ours === undefined
        ? ['–', '–', '–', '–']
        : [number(ours.ms), number(ours.microsecondsPerTimeStep), number(ours.tflops), share(ours.ofPeak)];
    return [`${line.name}, ${line.precision}`, line.pass, ...own, ...cells];
  });
  return `${table(head, rows)}\n\n×n: how many times as long as cugru takes.`;
}

function epochTable(lines) {
  const names = [...new Set(lines.flatMap(({ engines }) => Object.keys(engines)))];
  const rows = lines.map((line) => [
    line.precision,
    ...names.map((name) => (line.engines[name] === undefined ? '–' : `${number(line.engines[name].seconds)} s`)),
    share(line.idleShare),
  ]);
  const said =
    "Idle: 1 − the time of all replayed steps by the device's own clock / wall, in epochs that take it, the median.";
  return `${table(['precision', ...names, 'idle (cugru)'], rows)}\n\n${said}`;
}

function matrixTable(points) {
  const words = ['standard', 'small-h', 'small-h/standard', 'persist-static', 'persist-dynamic'];
  const rows = points.map((p) => {
    const axes = `${p.cell} ${p.precision} H=${p.units} B=${p.batch} T=${p.steps}`;
    const cells = words.map((word) => {
      const tried = p.tried?.find(({ algorithm }) => algorithm === word);
      if (tried?.milliseconds === undefined) return tried === undefined ? '–' : 'refused';
      return tried.milliseconds.map((ms) => number((ms * 1000) / p.steps)).join(' + ');
    });
    const layout = p.layout === 'batch-major' ? 'batch-major' : '';
    const more = [
      p.inputs === 32 ? '' : `I=${p.inputs}`,
      layout,
      p.layers > 1 ? `${p.layers} layers` : '',
      p.directions > 1 ? 'both directions' : '',
    ].filter(Boolean);
    return [[axes, ...more].join(', '), ...cells, p.chosen ?? p.refused];
  });
  return `${table(['shape', ...words, 'chosen'], rows)}\n\nMicroseconds per time step, forward + back, as recorded steps. What is chosen in a batch-major line is the fastest there: cugru's own data are time-major.`;
}

const failures = (lines) =>
  lines.flatMap((line) =>
    Object.entries(line.refused ?? {}).map(
      ([name, why]) => `- ${line.name ?? 'epoch'}, ${line.precision}, ${name}: ${why}`,
    ),
  );

/** The whole result in Markdown. */
export function markdown(result) {
  const { cugru, torch } = result;
  const on = cugru === undefined ? 'no GPU' : `${cugru.device}, cuDNN ${cugru.versions?.cudnn}`;
  const said = [
    ...new Set([
      ...result.notes.map((text) => `- ${text}`),
      ...failures([...result.shapes, ...result.latency, ...result.epoch]),
    ]),
  ];
  const parts = [
    `## ${on}, ${result.date}`,
    result.tiny ? '**Tiny shapes: these figures mean nothing; they show that the measurement runs.**' : '',
    `\`${result.command}\`${torch === undefined ? '' : `, PyTorch ${torch.version}`}`,
    Object.keys(result.peak).length === 0
      ? ''
      : `A large product reaches ${Object.entries(result.peak)
          .map(([precision, { tflops }]) => `${tflops === null ? '–' : number(tflops)} TFLOP/s in ${precision}`)
          .join(', ')}.`,
    result.shapes.length === 0 ? '' : `### Steps\n\n${caseTable(result.shapes)}`,
    result.latency.length === 0
      ? ''
      : `### One step's latency, from host memory and back: a prediction, and a whole training step\n\n${caseTable(result.latency)}`,
    result.epoch.length === 0
      ? ''
      : `### One epoch of 60 000 images, batch 128, two layers of 128\n\n${epochTable(result.epoch)}`,
    result.matrix.length === 0 ? '' : `### Algorithms\n\n${matrixTable(result.matrix)}`,
    said.length === 0 ? '' : `### What is not there\n\n${said.join('\n')}`,
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}
