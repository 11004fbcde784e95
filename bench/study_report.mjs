// Runs of a study as figures, a table and a picture.

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Of a sample.
function deviation(values) {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

/** One line for each entry, in the order of first runs; times are medians. */
export function summarise(runs, times) {
  const names = [...new Set(runs.map((run) => run.name))];
  return names.map((name) => {
    const own = runs.filter((run) => run.name === name);
    const accuracies = own.map((run) => run.accuracy);
    const timed = times.filter((time) => time.name === name);
    const seconds = timed.map((time) => time.secondsPerEpoch);
    const latencies = timed.flatMap(({ latencyMs }) => (latencyMs === undefined ? [] : [latencyMs]));
    return {
      name,
      note: own[0].note,
      seeds: own.length,
      epochs: own[0].epochs,
      parameters: own[0].parameters,
      accuracy: mean(accuracies),
      deviation: deviation(accuracies),
      least: Math.min(...accuracies),
      most: Math.max(...accuracies),
      ...(seconds.length > 0 ? { secondsPerEpoch: median(seconds) } : {}),
      ...(latencies.length > 0 ? { latencyMs: median(latencies) } : {}),
    };
  });
}

/** A Markdown table. */
export function studyTable(runs, times) {
  const lines = summarise(runs, times);
  const latency = lines.some((line) => line.latencyMs !== undefined);
  const head = ['', '', 'parameters', 'epochs, seeds', 'test accuracy, %', 'least–most', 'seconds an epoch'];
  if (latency) head.push('one image, ms');
  const cells = lines.map((line) => [
    line.name,
    line.note,
    String(line.parameters),
    `${line.epochs}, ${line.seeds}`,
    (100 * line.accuracy).toFixed(2) + (line.seeds > 1 ? ` ± ${(100 * line.deviation).toFixed(2)}` : ''),
    line.seeds > 1 ? `${(100 * line.least).toFixed(2)}–${(100 * line.most).toFixed(2)}` : '–',
    line.secondsPerEpoch?.toFixed(1) ?? '–',
    ...(latency ? [line.latencyMs?.toFixed(2) ?? '–'] : []),
  ]);
  const row = (columns) => `| ${columns.join(' | ')} |`;
  return ['', row(head), row(head.map(() => '---')), ...cells.map(row), ''].join('\n');
}

const size = { left: 150, right: 30, top: 34, line: 26, width: 420 };

/** Each entry's runs as dots, their mean as a bar. */
export function studyPicture({ title }, runs) {
  const lines = summarise(runs, []);
  const low = Math.floor(Math.min(...lines.map((line) => line.least)) * 200 - 0.2) / 200;
  const high = Math.ceil(Math.max(...lines.map((line) => line.most)) * 200) / 200;
  const x = (value) => size.left + ((value - low) / (high - low)) * size.width;
  const height = size.top + lines.length * size.line + 40;
  const width = size.left + size.width + size.right;
  const bottom = size.top + lines.length * size.line;
  const grid = [];
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    grid.push(`<line x1="${x(value)}" x2="${x(value)}" y1="${size.top}" y2="${bottom}" stroke="#ddd"/>`);
    grid.push(`<text x="${x(value)}" y="${bottom + 14}" text-anchor="middle">${(100 * value).toFixed(1)} %</text>`);
  }
  const bars = lines.flatMap((line, i) => {
    const y = size.top + i * size.line;
    const dots = runs
      .filter((run) => run.name === line.name)
      .map((run) => `<circle cx="${x(run.accuracy).toFixed(1)}" cy="${y + 11}" r="2.5" fill="#c1440e"/>`);
    return [
      `<text x="${size.left - 8}" y="${y + 15}" text-anchor="end">${line.name}</text>`,
      `<rect x="${size.left}" y="${y + 5}" width="${(x(line.accuracy) - size.left).toFixed(1)}" height="12" fill="#0b6e4f" opacity="0.75"/>`,
      ...dots,
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="#222">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${size.left}" y="20" font-size="13">${title}</text>
${grid.join('\n')}
${bars.join('\n')}
<text x="${size.left}" y="${height - 8}">test accuracy: bar, mean; dots, seeds. The axis does not begin at 0.</text>
</svg>
`;
}
